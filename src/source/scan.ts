import type { BigIntStats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ManifestProblem, ProblemReason } from '../state/desired.ts';
import { isInside, systemWords } from './roots.ts';
import { fingerprint } from './stat-cache.ts';

const MAX_FILES = 5_000;
const MAX_DEPTH = 32;

export interface FoundFile {
  readonly path: string;
  readonly stats: BigIntStats;
}

export interface Listing {
  readonly files: readonly FoundFile[];
  /** Each hides objects: whatever is wrong with a file's name, nobody knows what it holds. */
  readonly problems: readonly ManifestProblem[];
  /** Equal for two listings between which nothing changed. */
  readonly fingerprint: string;
}

/**
 * Finds the manifests below `directory`, following symbolic links only to within `roots`.
 * @throws the system's error when the directory itself cannot be read.
 */
export async function listManifests(directory: string, roots: readonly string[]): Promise<Listing> {
  const real = await realpath(directory);
  const walk: Walk = { roots: [...roots, real], files: [], problems: [] };
  await listDirectory(walk, directory, [real]);
  const files = walk.files.sort((left, right) => (left.path < right.path ? -1 : 1));
  const prints = files.map((file) => `${file.path} ${fingerprint(file.stats)}`);
  const troubles = walk.problems.map((problem) => problem.message);
  return { files, problems: walk.problems, fingerprint: [...prints, ...troubles].join('\n') };
}

interface Walk {
  readonly roots: readonly string[];
  readonly files: FoundFile[];
  readonly problems: ManifestProblem[];
}

/** `chain` holds the real paths of the directories that led here: a link back to one of them is a circle. */
async function listDirectory(walk: Walk, directory: string, chain: readonly string[]): Promise<void> {
  const names = (await readdir(directory)).filter((name) => !isLeftover(name)).sort();
  for (const name of names) {
    if (walk.files.length >= MAX_FILES) {
      report(walk, directory, 'FileTooLarge', `there are more than ${MAX_FILES} manifest files`);
      return;
    }
    await listEntry(walk, join(directory, name), chain);
  }
}

/** Dotfiles (`..data`, `.x.yaml.swp`) and what editors leave behind. */
const isLeftover = (name: string): boolean => /^[.#~]|~$|\.sw[a-z]$/.test(name) || name === '4913';

export const isManifestName = (path: string): boolean => /\.(ya?ml|json)$/i.test(basename(path));

/** What a line cannot hold, or would end it: such a name could say anything beneath an error message. */
const BREAKS_LINES = /[\p{Cc}\p{Zl}\p{Zp}]/u;

async function listEntry(walk: Walk, path: string, chain: readonly string[]): Promise<void> {
  if (BREAKS_LINES.test(basename(path))) {
    const name = JSON.stringify(basename(path));
    return report(
      walk,
      dirname(path),
      'Unreadable',
      `holds ${name}, a name with control characters; rename it`,
    );
  }
  try {
    const stats = await stat(path, { bigint: true });
    if (stats.isDirectory()) await enter(walk, path, chain);
    else if (isManifestName(path)) await addFile(walk, path, stats);
  } catch (error) {
    // A link that leads nowhere matters only where a manifest should be.
    if (isManifestName(path)) report(walk, path, 'Unreadable', `cannot be read: ${systemWords(error)}`);
  }
}

async function enter(walk: Walk, path: string, chain: readonly string[]): Promise<void> {
  try {
    const real = await realpath(path);
    if (chain.includes(real) || chain.length >= MAX_DEPTH) return;
    if (!isInside(real, walk.roots)) return reportEscape(walk, path, real);
    await listDirectory(walk, path, [...chain, real]);
  } catch (error) {
    report(walk, path, 'Unreadable', `the directory cannot be read: ${systemWords(error)}`);
  }
}

async function addFile(walk: Walk, path: string, stats: BigIntStats): Promise<void> {
  const real = await realpath(path);
  if (!isInside(real, walk.roots)) return reportEscape(walk, path, real);
  if (stats.isFile()) walk.files.push({ path, stats });
  else report(walk, path, 'Unreadable', 'is not an ordinary file');
}

const reportEscape = (walk: Walk, path: string, real: string): void =>
  report(
    walk,
    path,
    'PathNotAllowed',
    `leads to ${real}, outside the allowed roots (${walk.roots.join(', ')})`,
  );

function report(walk: Walk, file: string, reason: ProblemReason, message: string): void {
  walk.problems.push({ reason, message, position: { file, line: 1, column: 1 } });
}
