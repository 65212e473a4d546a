import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createTurns } from '../turns.ts';
import { type Contents, type Reach, type Writing, writeContents } from './contents.ts';
import { collectLfs } from './lfs.ts';
import type { Commit } from './repository.ts';

/** All files of one commit, as they were when it was made: nobody writes there afterwards. */
export interface Checkout extends Contents {
  readonly commit: Commit;
  readonly directory: string;
}

export interface Checkouts {
  /** Whole or not at all; made once in the life of this process. At most one at a time of each reach. */
  of(id: string, reach: Reach): Promise<Checkout>;
  /** Removes what nobody can be reading any more. */
  collect(keep: string): Promise<void>;
}

export interface CheckoutsOptions extends Writing {
  readonly now: () => number;
}

/** An image may still be built from an older one. */
const KEPT_MS = 60 * 60_000;
const MOST_KEPT = 5;

export function createCheckouts(root: string, options: CheckoutsOptions): Checkouts {
  const workshop: Workshop = { root, options, made: new Map(), busy: new Set(), publishing: createTurns() };
  let collected: Promise<void> = Promise.resolve();
  return {
    of: async (id, reach) => {
      const known = workshop.made.get(id);
      if (known) return known;
      await collected;
      return make(workshop, id, reach);
    },
    collect: (keep) => {
      const work = collectAll(workshop, keep);
      collected = work.catch(() => undefined);
      return work;
    },
  };
}

interface Workshop {
  readonly root: string;
  readonly options: CheckoutsOptions;
  readonly made: Map<string, Checkout>;
  /** Names of what is being written. */
  readonly busy: Set<string>;
  readonly publishing: ReturnType<typeof createTurns>;
}

/** A checkout of an earlier process is not trusted: it may have been cut off, or written to. */
async function make(workshop: Workshop, id: string, reach: Reach): Promise<Checkout> {
  const { root, options, made, busy, publishing } = workshop;
  const name = `${id}.${reach.toLowerCase()}`;
  const [partial, directory] = [join(root, name), join(root, id)];
  busy.add(name);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true, mode: 0o700 });
    const commit = await options.repository.commit(id);
    const contents = await writeContents(options, { id, directory: partial, reach });
    return await publishing(async () => {
      const first = made.get(id);
      if (first) return first;
      await rm(directory, { recursive: true, force: true });
      await rename(partial, directory);
      const checkout = { commit, directory, ...contents };
      made.set(id, checkout);
      return checkout;
    });
  } finally {
    busy.delete(name);
  }
}

async function collectAll(workshop: Workshop, keep: string): Promise<void> {
  await collectCheckouts(workshop, keep);
  // What is being written may be made of anything.
  if (workshop.busy.size === 0) await collectSources(workshop);
}

async function collectCheckouts({ root, options, made, busy }: Workshop, keep: string): Promise<void> {
  const names = await readdir(root).catch((): string[] => []);
  const others = await Promise.all(
    names
      .filter((name) => name !== keep && !busy.has(name.replace(/\.index$/, '')))
      .map(async (name) => ({ name, atMs: await timeOf(join(root, name)) })),
  );
  const newestFirst = others.sort((left, right) => right.atMs - left.atMs);
  for (const [index, { name, atMs }] of newestFirst.entries()) {
    // The one before is kept however old it is: it was in use until just now.
    const isRecent = index === 0 || (index < MOST_KEPT && options.now() - atMs < KEPT_MS);
    const mayBeRead = made.has(name) && isRecent;
    if (mayBeRead) continue;
    made.delete(name);
    await rm(join(root, name), { recursive: true, force: true });
  }
}

/** Submodules and large files of checkouts that are gone. */
async function collectSources({ options, made }: Workshop): Promise<void> {
  const inUse = new Set([...made.values()].flatMap(({ madeOf }) => [...madeOf]));
  await options.modules.collect(inUse);
  for (const store of [options.repository.directory, ...inUse]) await collectLfs(store, inUse);
}

const timeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ ctimeMs }) => ctimeMs,
    () => 0,
  );
