import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, documentOf } from './mutate.ts';

const DIRECTORIES = ['test/corpus', 'test/fuzz/corpus', 'manifests/hello', 'manifests/mvs'];

/** What mutation starts from: each document of the files, because whole ones cost twenty times as much. */
export const readSeeds = (): Document[] =>
  DIRECTORIES.flatMap((directory) =>
    readdirSync(directory)
      .sort()
      .map((name) => documentOf(readFileSync(join(directory, name)))),
  ).flatMap((file) => file.split(/^---\n/m).filter((part) => part !== ''));
