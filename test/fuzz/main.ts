// npm run fuzz: this thread watches, the other one works. Its last line tells the figures; exit 1 on any violation.
import { mkdirSync, writeFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Figures, fuzz } from './loop.ts';
import { bytesOf } from './mutate.ts';
import { type Task, taskOf, USAGE } from './options.ts';
import { readSeeds } from './seeds.ts';
import { createShared, createWatch } from './watch.ts';
import { explain } from '../command-words.ts';

const MOST_HEAP_MB = 384;
const MOST_MEMORY_MB = 512;
const LOOK_EVERY_MS = 1_000;
/** Of the processor: on a busy machine nothing may go on for that long. */
const HANG_MS = 10_000;
const FINDINGS = '.cache/fuzz';

interface Work extends Task {
  readonly shared: SharedArrayBuffer;
}

function main(): void {
  const task = taskOf(process.argv.slice(2));
  if (task.type === 'Help') process.exitCode = explain(USAGE, task);
  else supervise(task);
}

function supervise(task: Task): void {
  const work: Work = { ...task, shared: createShared() };
  const watch = createWatch(work.shared);
  const startedAtMs = performance.now();
  const resourceLimits = { maxOldGenerationSizeMb: MOST_HEAP_MB };
  const worker = new Worker(new URL(import.meta.url), { workerData: work, resourceLimits });

  const fail = (why: string): void => {
    mkdirSync(FINDINGS, { recursive: true });
    const file = `${FINDINGS}/${work.seed}-${watch.begun()}.yaml`;
    writeFileSync(file, bytesOf(watch.current()));
    console.error(`seed ${work.seed}: ${why}\nthe document is ${file}`);
    process.exit(1);
  };
  let before = { begun: -1, processor: process.cpuUsage() };
  setInterval(() => {
    const { user, system } = process.cpuUsage(before.processor);
    const workedMs = (user + system) / 1_000;
    if (watch.begun() !== before.begun) before = { begun: watch.begun(), processor: process.cpuUsage() };
    else if (workedMs > HANG_MS) fail(`one document for ${Math.round(workedMs)} ms`);
  }, LOOK_EVERY_MS).unref();
  worker.on('error', (error) => fail(error.stack ?? String(error)));
  worker.on('message', (figures: Figures | { readonly result: Figures }) => {
    const memoryMb = Math.round(process.resourceUsage().maxRSS / 1_024);
    if (memoryMb > MOST_MEMORY_MB) fail(`${memoryMb} MB of memory`);
    const isOver = 'result' in figures;
    const shown = isOver ? figures.result : figures;
    const seconds = (performance.now() - startedAtMs) / 1_000;
    console.log(`${sentence(shown, seconds)}, at most ${memoryMb} MB${isOver ? ': no violation' : ''}`);
  });
}

const sentence = (figures: Figures, seconds: number): string =>
  `${figures.documents} documents in ${Math.round(seconds)} s (${Math.round(figures.documents / seconds)}/s), ` +
  `${figures.objects} objects, ${figures.plans} plans, ${figures.blocks} blocks run, ${figures.corpus} kept, ` +
  `slowest ${figures.slowestMs} ms`;

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
const say = (said: Figures | { readonly result: Figures }): void => parentPort?.postMessage(said);

async function carryOut({ documents, seed, shared }: Work): Promise<void> {
  const result = await fuzz({
    documents,
    seed,
    seeds: readSeeds(),
    script: new URL(import.meta.url).pathname,
    watch: createWatch(shared),
    tell: say,
  });
  say({ result });
}

if (isMainThread) main();
else await carryOut(workerData as Work);
