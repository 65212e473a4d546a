import { chmod, mkdir, open, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Files of ours that containers mount; they lie in the state directory, which only we can enter. */
export interface ConfigMapPaths {
  readonly directory: string;
  readonly liveDirectory: string;
}

export interface ContainerFiles {
  /** Where they are, or will be; touches nothing. */
  configMapPaths(name: string, digest: string): ConfigMapPaths;
  hostsPath(network: string): string;
  writeConfigMap(
    name: string,
    digest: string,
    entries: Readonly<Record<string, Uint8Array>>,
  ): Promise<ConfigMapPaths>;
  removeConfigMap(name: string): Promise<void>;
  writeHosts(network: string, content: string): Promise<string>;
  removeHosts(network: string): Promise<void>;
  volumeExport(name: string): Promise<string>;
  /** Newest first. */
  volumeExports(): Promise<VolumeExport[]>;
}

/** What a deleted volume held. */
export interface VolumeExport {
  readonly path: string;
  /** Podman's name of the volume. */
  readonly volume: string;
  readonly exportedAtMs: number;
  readonly sizeBytes: number;
}

/** Programs of any uid read them in their container: whatever the umask, and so with a `chmod`. */
const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;
const DIGEST_LENGTH = 16;

export function createContainerFiles(root: string, now: () => number): ContainerFiles {
  const configMaps = join(root, 'configmaps');
  const hosts = join(root, 'hosts');
  const exports = join(root, 'exports');
  const configMapPaths = (name: string, digest: string): ConfigMapPaths => ({
    directory: join(configMaps, name, digest.slice(0, DIGEST_LENGTH)),
    liveDirectory: join(configMaps, name, 'live'),
  });
  return {
    configMapPaths,
    hostsPath: (network) => join(hosts, network),
    writeConfigMap: async (name, digest, entries) => {
      const paths = configMapPaths(name, digest);
      await writeDirectory(paths.directory, entries);
      await swapLive(paths.liveDirectory, digest, entries);
      return paths;
    },
    removeConfigMap: (name) => rm(join(configMaps, name), { recursive: true, force: true }),
    writeHosts: (network, content) => writeInPlace(hosts, network, content),
    removeHosts: (network) => rm(join(hosts, network), { force: true }),
    volumeExport: async (name) => {
      await mkdir(exports, { recursive: true, mode: 0o700 });
      return join(exports, `${name}-${new Date(now()).toISOString().replaceAll(':', '-')}.tar`);
    },
    volumeExports: () => exportsIn(exports),
  };
}

const EXPORT_FILE = /^(.+)-(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.tar$/;

async function exportsIn(directory: string): Promise<VolumeExport[]> {
  const files = await readdir(directory).catch((): string[] => []);
  const found = files.map(async (file): Promise<VolumeExport[]> => {
    const [, volume, hours, minutes, seconds] = EXPORT_FILE.exec(file) ?? [];
    if (volume === undefined) return [];
    const path = join(directory, file);
    const { size } = await stat(path);
    return [{ path, volume, exportedAtMs: Date.parse(`${hours}:${minutes}:${seconds}`), sizeBytes: size }];
  });
  return (await Promise.all(found)).flat().sort((left, right) => right.exportedAtMs - left.exportedAtMs);
}

/** Named by content: when the directory is there it is whole, because it was renamed into place. */
async function writeDirectory(
  directory: string,
  entries: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  if (await isThere(directory)) return;
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await fill(partial, entries);
  await rename(partial, directory);
}

const isThere = (directory: string): Promise<boolean> =>
  readdir(directory).then(
    () => true,
    () => false,
  );

async function fill(directory: string, entries: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, DIRECTORY_MODE);
  for (const [name, bytes] of Object.entries(entries)) {
    const path = join(directory, name);
    // On the disk before the directory gets its name, which says that it is whole.
    await writeFile(path, bytes, { flag: 'wx', flush: true });
    await chmod(path, FILE_MODE);
  }
}

/** As the kubelet does it: every key is a link through `..data`, and swapping that one link swaps all at once. */
async function swapLive(
  live: string,
  digest: string,
  entries: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const version = `..${digest.slice(0, DIGEST_LENGTH)}`;
  const before = await readdir(live).catch((): string[] => []);
  await writeDirectory(join(live, version), entries);
  await chmod(live, DIRECTORY_MODE);
  await link(version, join(live, '..data'));
  for (const name of Object.keys(entries)) await link(join('..data', name), join(live, name));
  const wanted = new Set(['..data', version, ...Object.keys(entries)]);
  for (const name of before)
    if (!wanted.has(name)) await rm(join(live, name), { recursive: true, force: true });
}

async function link(target: string, path: string): Promise<void> {
  // No key starts with two dots.
  const partial = join(dirname(path), '..partial');
  await rm(partial, { force: true });
  await symlink(target, partial);
  await rename(partial, path);
}

/** The same inode: a container that mounts the file sees the new names. Longer before shorter, so that no name is cut. */
async function writeInPlace(directory: string, name: string, content: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, name);
  const file = await open(path, 'a+');
  try {
    await file.chmod(FILE_MODE);
    const bytes = Buffer.from(content);
    if (bytes.equals(await file.readFile())) return path;
  } finally {
    await file.close();
  }
  const writer = await open(path, 'r+');
  try {
    const bytes = Buffer.from(content);
    // Unlike `write`, it goes on until all of it is written, or says why not.
    await writer.writeFile(bytes);
    await writer.truncate(bytes.length);
  } finally {
    await writer.close();
  }
  return path;
}
