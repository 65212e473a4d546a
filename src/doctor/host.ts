import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Disk, Subnet, User } from './judge.ts';

/** An empty text for a file that is not there. */
const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

export const lingers = async ({ name }: User): Promise<boolean> =>
  access(join('/var/lib/systemd/linger', name)).then(
    () => true,
    () => false,
  );

export const subids = async () => ({
  subuid: await read('/etc/subuid'),
  subgid: await read('/etc/subgid'),
});

/** Those that the user's own service manager may give to its services; root's are all. */
export async function delegatedControllers({ uid }: User): Promise<string | undefined> {
  const all = await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8').catch(() => undefined);
  if (all === undefined) return undefined;
  if (uid === 0) return all;
  const slice = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`;
  return read(join(slice, 'cgroup.controllers'));
}

export async function firstUnprivilegedPort(): Promise<number> {
  return Number((await read('/proc/sys/net/ipv4/ip_unprivileged_port_start')) || '1024');
}

/** Undefined where systemd is not asked or does not know. */
export async function isTimeSynchronized(signal: AbortSignal): Promise<boolean | undefined> {
  const words = ['show', '--property=NTPSynchronized', '--value'];
  const answer = await new Promise<string>((resolve) => {
    execFile('timedatectl', words, { signal }, (error, stdout) => resolve(error ? '' : stdout.trim()));
  });
  return answer === '' ? undefined : answer === 'yes';
}

/** Of what is not there yet, the nearest directory above it. */
export async function diskOf(path: string): Promise<Disk> {
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch (error) {
    if (dirname(path) === path) throw error;
    return diskOf(dirname(path));
  }
}

export async function programsFound(
  names: readonly string[],
  searchPath: string,
): Promise<Record<string, boolean>> {
  const directories = searchPath.split(':').filter(Boolean);
  const entries = names.map(async (name) => [name, await anyOf(directories.map((dir) => join(dir, name)))]);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, boolean>;
}

const DNS_SERVERS = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/libexec/podman'];

export const hasDnsServer = (): Promise<boolean> =>
  anyOf(DNS_SERVERS.map((dir) => join(dir, 'aardvark-dns')));

async function anyOf(paths: readonly string[]): Promise<boolean> {
  const found = paths.map((path) => access(path, constants.X_OK).then(() => true));
  return Promise.any(found).catch(() => false);
}

export const ownerOf = async (path: string): Promise<number> => (await stat(path)).uid;

/** The host's own routes; Podman's bridges are its networks again. */
export async function hostRoutes(): Promise<Subnet[]> {
  const lines = (await read('/proc/net/route')).split('\n').slice(1);
  return lines.flatMap((line) => {
    const [name = '', destination = '', , , , , , mask = ''] = line.split('\t');
    if (name === '' || /^(podman|cni|veth)/.test(name)) return [];
    return [{ name, cidr: `${dotted(destination)}/${bitsOf(mask)}` }];
  });
}

/** The kernel writes addresses as little-endian hexadecimal numbers. */
const dotted = (hex: string): string =>
  (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');

const bitsOf = (mask: string): number => Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
