import { messageOf } from '../api/errors.ts';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { ProblemReason } from '../state/desired.ts';

/** What manifests may point at when nobody says otherwise: the git work tree they are in, else the directory's parent. */
export function defaultRoots(manifestsDirectory: string): string[] {
  const start = resolve(manifestsDirectory);
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, '.git'))) return [directory];
    if (directory === dirname(directory)) return [dirname(start)];
  }
}

/** The roots themselves may be links; one that is not there allows nothing. */
export async function resolveRoots(roots: readonly string[]): Promise<string[]> {
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => undefined)));
  return real.filter((root) => root !== undefined);
}

export const isInside = (path: string, roots: readonly string[]): boolean =>
  roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));

export type Resolution =
  | { readonly path: string }
  | { readonly reason: ProblemReason; readonly message: string };

export interface PathRequest {
  /** As the manifest writes it. */
  readonly path: string;
  /** The directory of the manifest's own file. */
  readonly from: string;
  readonly roots: readonly string[];
  /** It may be missing: its nearest existing parent is checked instead. */
  readonly mayBeMissing?: boolean;
}

/** Follows every symbolic link, then asks whether the end lies within the allowed roots. */
export async function resolveInside(request: PathRequest): Promise<Resolution> {
  const { path, from, roots, mayBeMissing = false } = request;
  const wanted = resolve(from, path);
  try {
    const real = mayBeMissing ? await realpathOfNearest(wanted) : await realpath(wanted);
    if (isInside(real, roots)) return { path: real };
    const where = real === wanted ? real : `${real} (by ${wanted})`;
    return { reason: 'PathNotAllowed', message: notAllowed(path, where, roots) };
  } catch (error) {
    if (!isInside(wanted, roots)) {
      return { reason: 'PathNotAllowed', message: notAllowed(path, wanted, roots) };
    }
    return { reason: 'Unreadable', message: `"${path}" cannot be read: ${systemWords(error)} (${wanted})` };
  }
}

const notAllowed = (path: string, where: string, roots: readonly string[]): string =>
  `"${path}" leads to ${where}, outside the allowed roots (${roots.join(', ')}); allow more with --root`;

async function realpathOfNearest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || path === dirname(path)) throw error;
    return join(await realpathOfNearest(dirname(path)), path.slice(dirname(path).length));
  }
}

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its symbolic links go round in a circle',
  EISDIR: 'it is a directory',
};

/** A system error in words. */
export function systemWords(error: unknown): string {
  const words = WORDS[codeOf(error) ?? ''];
  return words ?? messageOf(error);
}
