import { createRandom } from '../fakes/random.ts';
import { createCoverage } from './coverage.ts';
import { judge } from './judge.ts';
import { bytesOf, type Document, mutate } from './mutate.ts';
import type { Watch } from './watch.ts';

export interface Figures {
  readonly documents: number;
  readonly objects: number;
  readonly plans: number;
  readonly blocks: number;
  readonly corpus: number;
  readonly slowestMs: number;
}

export interface LoopOptions {
  readonly documents: number;
  readonly seed: number;
  readonly seeds: readonly Document[];
  /** The end of the address of the script that is measured. */
  readonly script: string;
  readonly watch: Watch;
  readonly tell: (figures: Figures) => void;
}

/** Reading V8's counters costs as much as some documents: so once for many, and again only where they showed something new. */
const BATCH = 128;
const SLOWEST_MS = 1_000;
/** In turns: some documents with V8's counters, which find what to mutate further, then many at full speed. */
const EXPLORED = 1_024;
const PLAIN = 16_384;
const MOST_CORPUS = 4_096;
const TELL_EVERY = 50_000;

/** A busy machine is not held against a document. */
async function processorMs(document: Document): Promise<number> {
  const start = process.cpuUsage();
  await judge(bytesOf(document));
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

/** Coverage-guided: what runs code that nothing ran before is kept, and mutated further. */
export async function fuzz({ documents, seed, seeds, script, watch, tell }: LoopOptions): Promise<Figures> {
  const random = createRandom(seed);
  const coverage = createCoverage(script);
  const corpus: Document[] = [];
  const sum = { documents: 0, objects: 0, plans: 0, slowestMs: 0 };
  const figures = (): Figures => ({
    ...sum,
    blocks: coverage.total(),
    corpus: corpus.length,
    slowestMs: Math.round(sum.slowestMs),
  });
  const run = async (document: Document): Promise<void> => {
    watch.begin(document);
    const startedAtMs = performance.now();
    const judged = await judge(bytesOf(document));
    const tookMs = performance.now() - startedAtMs;
    sum.slowestMs = Math.max(sum.slowestMs, tookMs > SLOWEST_MS ? await processorMs(document) : tookMs);
    if (sum.slowestMs > SLOWEST_MS) throw new Error(`took ${Math.round(sum.slowestMs)} ms`);
    sum.documents += 1;
    sum.objects += judged.objects;
    sum.plans += judged.plans;
    if (sum.documents % TELL_EVERY === 0) tell(figures());
  };
  const keep = (document: Document): void => {
    if (corpus.length < MOST_CORPUS) corpus.push(document);
    else corpus[random.int(0, MOST_CORPUS - 1)] = document;
  };
  /** Which of them ran the new blocks shows only when each runs again by itself. */
  const learn = async (batch: readonly Document[]): Promise<void> => {
    const fresh = coverage.fresh();
    for (const document of batch) {
      if (fresh.size === 0) return;
      await run(document);
      const found = coverage.blocks().filter((block) => fresh.delete(block));
      if (found.length > 0) keep(document);
    }
  };
  const mutants = (count: number): Document[] =>
    Array.from({ length: count }, () => {
      const parent = random.pickAny(random.chance(0.7) ? corpus : seeds) ?? '';
      return mutate(parent, random, seeds);
    });
  const explore = async (candidates: readonly Document[]): Promise<void> => {
    coverage.start();
    for (let start = 0; start < candidates.length; start += BATCH) {
      const batch = candidates.slice(start, start + BATCH);
      for (const document of batch) await run(document);
      await learn(batch);
    }
    coverage.stop();
  };
  await explore(seeds);
  while (sum.documents < documents) {
    const left = documents - sum.documents;
    await explore(mutants(Math.min(EXPLORED, left)));
    for (let count = EXPLORED; count < Math.min(EXPLORED + PLAIN, left); count += BATCH)
      for (const document of mutants(BATCH)) await run(document);
  }
  return figures();
}
