import { createHash } from 'node:crypto';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sha256 } from '../state/canonical.ts';
import type { IgnoreRules } from '../state/ignore.ts';
import { withFile } from './open-file.ts';
import type { StatCache } from './stat-cache.ts';

/** Thrown when a tree is larger than asked for. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

export interface TreeOptions {
  readonly maxFiles: number;
  readonly maxBytes: number;
  /** Paths relative to the tree's top that do not count. */
  readonly ignores?: IgnoreRules['ignores'];
  /** An ignored directory is entered all the same: an exception may lie below it. */
  readonly entersIgnored?: boolean;
}

export type FileHashes = StatCache<string>;

/** SHA-256 of a file's bytes, read once until its stats change. */
export async function fileDigest(path: string, hashes: FileHashes): Promise<string> {
  const stats = await lstat(path, { bigint: true });
  return hashes.get(path, stats, () => hashOfFile(path));
}

export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await withFile(path, (file) => pipeline(file.createReadStream({ autoClose: false }), hash));
  return hash.digest('hex');
}

/**
 * SHA-256 over the paths, modes and contents of a tree; owners and times do not count. A link counts as its text and
 * is not followed. An unchanged tree costs its stats only.
 * @throws TooLargeError beyond the bounds.
 */
export async function treeDigest(top: string, options: TreeOptions, hashes: FileHashes): Promise<string> {
  const walk: Walk = { top, options, hashes, lines: [], bytes: 0 };
  await walkDirectory(walk, '');
  return sha256(walk.lines.sort().join('\n'));
}

interface Walk {
  readonly top: string;
  readonly options: TreeOptions;
  readonly hashes: FileHashes;
  readonly lines: string[];
  bytes: number;
}

async function walkDirectory(walk: Walk, directory: string): Promise<void> {
  const names = await readdir(join(walk.top, directory));
  for (const name of names) await walkEntry(walk, directory === '' ? name : `${directory}/${name}`);
}

async function walkEntry(walk: Walk, path: string): Promise<void> {
  const { options, hashes } = walk;
  const full = join(walk.top, path);
  const stats = await lstat(full, { bigint: true });
  const isIgnored = options.ignores?.(path) ?? false;
  if (stats.isDirectory()) {
    if (!isIgnored) count(walk, `${path}/`, stats.mode, '');
    if (!isIgnored || options.entersIgnored) await walkDirectory(walk, path);
  } else if (isIgnored) return;
  else if (stats.isSymbolicLink()) count(walk, path, stats.mode, `link ${await readlink(full)}`);
  else if (stats.isFile()) {
    walk.bytes += Number(stats.size);
    // Counted before it is read: a bound that is checked afterwards bounds nothing.
    if (walk.bytes > options.maxBytes) throw new TooLargeError(`more than ${options.maxBytes >> 20} MB`);
    count(walk, path, stats.mode, await fileDigest(full, hashes));
  }
}

function count(walk: Walk, path: string, mode: bigint, content: string): void {
  if (walk.lines.length >= walk.options.maxFiles) {
    throw new TooLargeError(`more than ${walk.options.maxFiles} files`);
  }
  walk.lines.push(JSON.stringify([path, Number(mode & 0o777n), content]));
}
