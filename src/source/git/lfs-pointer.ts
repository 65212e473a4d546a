import { join } from 'node:path';
import { readBounded } from '../open-file.ts';
import type { TreeEntries, TreeEntry } from './object-store.ts';

/** What git has instead of a large file: where it is to be had, by its content. */
export interface Pointer {
  readonly oid: string;
  readonly sizeBytes: number;
}

/** As git-lfs has it in its specification: less than a kilobyte, and never less than this. */
const MAX_BYTES = 1_023;
const MIN_BYTES = 120;
const POINTER =
  /^version https:\/\/git-lfs\.github\.com\/spec\/v1\noid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n?$/;

export function parsePointer(text: string): Pointer | undefined {
  const [, oid, size] = POINTER.exec(text) ?? [];
  return oid === undefined ? undefined : { oid, sizeBytes: Number(size) };
}

const AT_ONCE = 32;

/** The files of a tree that are pointers, by their content: what .gitattributes says of them is not asked. */
export async function pointersIn(directory: string, entries: TreeEntries): Promise<Map<string, Pointer>> {
  const found = new Map<string, Pointer>();
  const candidates = [...entries].flatMap(([path, entry]) => (mayBePointer(entry) ? [path] : []));
  for (let first = 0; first < candidates.length; first += AT_ONCE) {
    const some = candidates.slice(first, first + AT_ONCE);
    const pointers = await Promise.all(some.map((path) => readPointer(join(directory, path))));
    for (const [index, pointer] of pointers.entries()) if (pointer) found.set(some[index] ?? '', pointer);
  }
  return found;
}

const mayBePointer = ({ type, mode, sizeBytes }: TreeEntry): boolean =>
  type === 'blob' && mode.startsWith('100') && sizeBytes >= MIN_BYTES && sizeBytes <= MAX_BYTES;

const readPointer = async (path: string): Promise<Pointer | undefined> =>
  parsePointer(new TextDecoder().decode(await readBounded(path, MAX_BYTES)));
