import { lstat, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Manifest } from '../api/kinds.ts';
import type { Build, VolumeSource } from '../api/workload.ts';
import { sha256 } from '../state/canonical.ts';
import type { ProblemReason, ResolvedInputs } from '../state/desired.ts';
import { parseIgnore } from '../state/ignore.ts';
import { baseImages } from './containerfile.ts';
import { type FileHashes, fileDigest, TooLargeError, treeDigest } from './content.ts';
import { pathText } from './messages.ts';
import type { FieldPath } from './nodes.ts';
import { readBounded } from './open-file.ts';
import type { Finding } from './problem.ts';
import { resolveInside, systemWords } from './roots.ts';
import { createStatCache, type StatCacheEntries } from './stat-cache.ts';

const CONTEXT_BOUNDS = { maxFiles: 20_000, maxBytes: 2 ** 30 };
const MOUNT_BOUNDS = { maxFiles: 1_000, maxBytes: 10 * 2 ** 20 };
const MAX_CONTAINERFILE_BYTES = 2 ** 20;
const MAX_IGNORE_BYTES = 2 ** 16;

export interface InputRequest {
  readonly manifest: Manifest;
  /** The directory of the manifest's own file: relative paths start there. */
  readonly from: string;
  /** Real paths, see `resolveRoots`. */
  readonly roots: readonly string[];
  readonly settle?: SettleMount;
}

/** The place at which a mounted path lies for good. @throws Error in words when it may not be mounted so. */
export type SettleMount = (real: string, isWritten: boolean) => Promise<string>;

export interface InputResult {
  readonly inputs: ResolvedInputs;
  readonly findings: readonly Finding[];
}

/** Reads what manifests point at; keeps what it read until the files change. */
export interface InputReader {
  read(request: InputRequest): Promise<InputResult>;
  /** Call it after each reading of the source: contexts are looked at once for each. */
  sweep(): void;
  /** Digests of the files that the newest reading looked at. */
  digests(): StatCacheEntries<string>;
}

export function createInputReader(now: () => number, saved?: StatCacheEntries<string>): InputReader {
  const hashes = createStatCache(now, saved);
  const contexts = new Map<string, Promise<BuildInputs>>();
  return {
    read: (request) => readInputs({ ...request, hashes, contexts }),
    sweep() {
      hashes.sweep();
      contexts.clear();
    },
    digests: hashes.entries,
  };
}

interface BuildInputs {
  readonly digest: string;
  readonly containerfile: string;
}

interface Reading extends InputRequest {
  readonly hashes: FileHashes;
  readonly contexts: Map<string, Promise<BuildInputs>>;
}

/** One thing a manifest points at, once its path is known to be allowed. */
interface Input {
  readonly path: string;
  readonly field: FieldPath;
  readonly mayBeMissing?: boolean;
  readonly read: (real: string) => Promise<FoundInput>;
}

interface FoundInput {
  readonly digest?: string;
  readonly baseImages?: readonly string[];
  /** Where it lies for good, when that is elsewhere. */
  readonly settled?: string;
}

async function readInputs(reading: Reading): Promise<InputResult> {
  const paths = new Map<string, string>();
  const digests = new Map<string, string>();
  const bases = new Set<string>();
  const findings: Finding[] = [];
  for (const input of inputsOf(reading)) {
    const { from, roots } = reading;
    const { path, mayBeMissing = false } = input;
    const resolution = await resolveInside({ path, from, roots, mayBeMissing });
    if (!('path' in resolution)) {
      findings.push(findingAt(input.field, resolution.reason, resolution.message));
      continue;
    }
    paths.set(path, resolution.path);
    try {
      const found = await input.read(resolution.path);
      const before = digests.get(path);
      if (found.settled !== undefined) paths.set(path, found.settled);
      if (found.digest) digests.set(path, before ? sha256(before + found.digest) : found.digest);
      for (const image of found.baseImages ?? []) bases.add(image);
    } catch (error) {
      findings.push(findingOf(input, error));
    }
  }
  const inputs = {
    paths: Object.fromEntries(paths),
    digests: Object.fromEntries(digests),
    baseImages: [...bases],
  };
  return { inputs, findings };
}

/** Thrown for a path within an allowed one that leads out of it. */
class EscapeError extends Error {}

const findingAt = (path: FieldPath, reason: ProblemReason, message: string): Finding => ({
  reason,
  path,
  message: `${pathText(path)}: ${message}`,
});

function findingOf({ field, path }: Input, error: unknown): Finding {
  if (error instanceof EscapeError) return findingAt(field, 'PathNotAllowed', error.message);
  if (error instanceof TooLargeError) {
    const advice = 'leave files out with a .containerignore';
    return findingAt(field, 'FileTooLarge', `"${path}" holds ${error.message}; ${advice}`);
  }
  return findingAt(field, 'Unreadable', `"${path}" cannot be read: ${systemWords(error)}`);
}

function inputsOf(reading: Reading): Input[] {
  const { manifest } = reading;
  if (manifest.kind === 'Image') {
    const { build, rootfs } = manifest.spec;
    if (rootfs) return [rootfsInput(reading, rootfs.tar)];
    return build ? [buildInput(reading, build)] : [];
  }
  if (manifest.kind !== 'Agent') return [];
  const { build, volumes } = manifest.spec;
  const mounts = volumes.flatMap((volume, index) => hostPathInput(reading, volume, index));
  return build ? [buildInput(reading, build), ...mounts] : mounts;
}

const rootfsInput = ({ hashes }: Reading, tar: string): Input => ({
  path: tar,
  field: ['spec', 'rootfs', 'tar'],
  read: async (real) => ({ digest: await fileDigest(real, hashes) }),
});

function buildInput(reading: Reading, build: Build): Input {
  return {
    path: build.context,
    field: ['spec', 'build', 'context'],
    read: async (real) => {
      const memo = `${real}\0${build.containerfile}`;
      const known = reading.contexts.get(memo) ?? readContext(real, build.containerfile, reading.hashes);
      reading.contexts.set(memo, known);
      const { digest, containerfile } = await known;
      return { digest, baseImages: baseImages(containerfile, build.args) };
    },
  };
}

async function readContext(context: string, containerfile: string, hashes: FileHashes): Promise<BuildInputs> {
  const inner = await resolveInside({ path: containerfile, from: context, roots: [context] });
  if (!('path' in inner)) {
    if (inner.reason === 'Unreadable') throw new Error(`there is no file "${containerfile}" in ${context}`);
    throw new EscapeError(
      `the containerfile "${containerfile}" must lie within the build context ${context}`,
    );
  }
  const text = await readText(inner.path, MAX_CONTAINERFILE_BYTES);
  const ignore = parseIgnore(await readIgnoreFile(context));
  const options = { ...CONTEXT_BOUNDS, ignores: ignore.ignores, entersIgnored: ignore.hasExceptions };
  const digest = await treeDigest(context, options, hashes);
  // The Containerfile is sent even where it is ignored.
  return { digest: sha256(`${digest}\n${sha256(text)}`), containerfile: text };
}

async function readText(path: string, maxBytes: number): Promise<string> {
  const bytes = await readBounded(path, maxBytes);
  if (bytes.length > maxBytes) throw new TooLargeError(`a huge ${basename(path)}`);
  return new TextDecoder().decode(bytes);
}

/** The first that is there, as `podman build` looks for them. */
async function readIgnoreFile(context: string): Promise<string> {
  for (const name of ['.containerignore', '.dockerignore']) {
    const path = join(context, name);
    if (await isThere(path)) return readText(path, MAX_IGNORE_BYTES);
  }
  return '';
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function hostPathInput(reading: Reading, volume: VolumeSource, index: number): Input[] {
  const { manifest, hashes, settle } = reading;
  if (!volume.hostPath || manifest.kind !== 'Agent') return [];
  const { path, type } = volume.hostPath;
  const mounts = manifest.spec.volumeMounts.filter((mount) => mount.name === volume.name);
  // What the container itself writes would make a new revision with every write.
  const isReadOnly = mounts.length > 0 && mounts.every((mount) => mount.readOnly);
  return [
    {
      path,
      field: ['spec', 'volumes', index, 'hostPath', 'path'],
      mayBeMissing: type === 'DirectoryOrCreate',
      read: async (real) => {
        await requireType(real, type);
        const settled = settle && {
          settled: await settle(
            real,
            mounts.some((mount) => !mount.readOnly),
          ),
        };
        return { ...(isReadOnly && (await mountDigest(real, hashes))), ...settled };
      },
    },
  ];
}

/** As the kubelet; what may be missing is looked at where it is there. */
async function requireType(real: string, type: HostPathType): Promise<void> {
  const stats = await lstat(real).catch(() => undefined);
  if (!stats || type === undefined) return;
  const isDirectory = stats.isDirectory();
  if (type === 'File' ? stats.isFile() : isDirectory) return;
  throw new Error(`it is ${isDirectory ? 'a' : 'no'} directory, and its type says ${type}`);
}

type HostPathType = NonNullable<VolumeSource['hostPath']>['type'];

/** The contents of a file or a small directory; of anything else only the path counts. */
async function mountDigest(real: string, hashes: FileHashes): Promise<{ digest?: string }> {
  const stats = await lstat(real).catch(() => undefined);
  if (stats?.isFile() && stats.size <= MOUNT_BOUNDS.maxBytes) {
    return { digest: await fileDigest(real, hashes) };
  }
  if (!stats?.isDirectory()) return {};
  try {
    return { digest: await treeDigest(real, MOUNT_BOUNDS, hashes) };
  } catch (error) {
    if (error instanceof TooLargeError) return {};
    throw error;
  }
}
