import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { type IgnoreRules, parseIgnore } from '../state/ignore.ts';
import { PodmanError } from './errors.ts';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from './tar.ts';

export interface ContextLimits {
  readonly totalBytes: number;
  readonly entries: number;
}

/** More than this is a mistake, such as a data set in the directory: it would be sent at every build. */
export const CONTEXT_LIMITS: ContextLimits = { totalBytes: 2 * 1024 ** 3, entries: 100_000 };

const READ_CHUNK_BYTES = 256 * 1024;
const IGNORE_FILES = ['.containerignore', '.dockerignore'];

/**
 * A build context as a tar archive, in order of names. Links are sent as links and never followed, so nothing outside
 * the directory is read, whatever somebody puts in the place of a directory meanwhile; sockets and devices are left out.
 * @param containerfile relative to `contextDir`; sent even where the ignore file says otherwise
 * @throws PodmanError when it is larger than `limits`, or a file changes while it is read
 */
export async function* packContext(
  contextDir: string,
  containerfile: string,
  limits: ContextLimits = CONTEXT_LIMITS,
): AsyncGenerator<Buffer, void, undefined> {
  const rules = await readRules(contextDir);
  const budget = { ...limits };
  for await (const found of walk(contextDir, rules, containerfile)) {
    const entry = await entryOf(found);
    if (!entry) continue;
    spend(budget, entry, contextDir);
    yield tarHeader(entry);
    if (entry.type === 'file') yield* fileBytes(found, entry);
  }
  yield TAR_END;
}

async function readRules(contextDir: string): Promise<IgnoreRules> {
  for (const name of IGNORE_FILES) {
    const text = await readFile(path.join(contextDir, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return parseIgnore(text);
  }
  return parseIgnore('');
}

interface Found {
  /** Below the context, as it is sent. */
  readonly relative: string;
  /** Through the directory that is held open: no link can have come in between. */
  readonly at: string;
}

async function* walk(
  contextDir: string,
  rules: IgnoreRules,
  containerfile: string,
): AsyncGenerator<Found, void, undefined> {
  const pending = [''];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const held = await openDirectory(path.join(contextDir, directory));
    try {
      const children = await readdir(placeOf(held), { withFileTypes: true });
      for (const child of children.sort((left, right) => (left.name < right.name ? -1 : 1))) {
        const relative = path.posix.join(directory, child.name);
        const ignored = rules.ignores(relative) && relative !== containerfile;
        const lookInside = !ignored || rules.hasExceptions || containerfile.startsWith(`${relative}/`);
        if (child.isDirectory() && lookInside) pending.push(relative);
        if (!ignored) yield { relative, at: `${placeOf(held)}/${child.name}` };
      }
    } finally {
      await held.close();
    }
  }
}

const placeOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;

/** @throws PodmanError when a link leads elsewhere, wherever on the path it is */
async function openDirectory(absolute: string): Promise<FileHandle> {
  const held = await open(absolute, constants.O_RDONLY | constants.O_DIRECTORY);
  const real = await readlink(placeOf(held));
  if (real === path.resolve(absolute)) return held;
  await held.close();
  throw new PodmanError(
    'BuildFailed',
    `${absolute} has been replaced by a link and leads to ${real}; remove the link`,
  );
}

async function entryOf({ at, relative }: Found): Promise<TarEntry | undefined> {
  const stats = await lstat(at);
  const common = { path: relative, mode: stats.mode & 0o7777, mtimeSeconds: stats.mtimeMs / 1_000 };
  if (stats.isDirectory()) return { ...common, type: 'directory', sizeBytes: 0 };
  if (stats.isFile()) return { ...common, type: 'file', sizeBytes: stats.size };
  if (!stats.isSymbolicLink()) return undefined;
  return { ...common, type: 'symlink', sizeBytes: 0, linkTarget: await readlink(at) };
}

function spend(budget: { totalBytes: number; entries: number }, entry: TarEntry, contextDir: string): void {
  budget.totalBytes -= entry.sizeBytes;
  budget.entries -= 1;
  if (budget.totalBytes >= 0 && budget.entries >= 0) return;
  const limit = budget.entries < 0 ? 'has too many files' : 'is too large';
  throw new PodmanError(
    'BadRequest',
    `the build context ${contextDir} ${limit} (at ${entry.path}); list what the build does not need in .containerignore`,
  );
}

async function* fileBytes({ at, relative }: Found, entry: TarEntry): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(at, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let remaining = entry.sizeBytes;
    while (remaining > 0) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, remaining));
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0)
        throw new PodmanError('BuildFailed', `${relative} became shorter while it was read`);
      remaining -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
  yield tarPadding(entry.sizeBytes);
}
