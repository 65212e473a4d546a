import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentText, crashLoopText, names } from './fixtures.ts';
import type { Host } from './host.ts';
import { createRookery } from './rookery.ts';
import { type AgentWatch, type WatchedAgent, watchAgents } from './watch.ts';

const LOOPERS = 10;
/** The first restart is at once; from then on it is a loop. */
const RESTARTS_FIRST = 2;
const UPDATES = 5;

/** Seconds of each round: with nobody else, and beside ten agents that end as soon as they begin. */
interface Sides {
  readonly alone: readonly number[];
  readonly beside: readonly number[];
}

export interface CrashLoopResult {
  readonly loopers: number;
  /** From the saved file to all healthy agents ready. */
  readonly converge: Sides;
  /** From the saved file to the new revision of one agent ready, among all the others; all samples. */
  readonly update: Sides;
}

interface Sample {
  readonly convergeSeconds: number;
  readonly updateSeconds: readonly number[];
}

/** Both sides in every round, the order reversed in every other one, as in `converge`. */
export async function crashLoops(
  host: Host,
  { agents, rounds }: { readonly agents: number; readonly rounds: number },
): Promise<CrashLoopResult> {
  const samples: { readonly loopers: number; readonly sample: Sample }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const order = [0, LOOPERS];
    for (const loopers of round % 2 === 0 ? order : order.toReversed()) {
      await host.clear();
      const sample = await measure(host, { agents, loopers });
      samples.push({ loopers, sample });
      const text = `${sample.convergeSeconds.toFixed(2)} s, updates ${sample.updateSeconds.map((one) => one.toFixed(2)).join(' ')} s`;
      process.stderr.write(`  round ${round + 1} beside ${loopers} crash loops: ${text}\n`);
    }
  }
  await host.clear();
  const sides = (of: (sample: Sample) => readonly number[]): Sides => ({
    alone: samples.filter(({ loopers }) => loopers === 0).flatMap(({ sample }) => of(sample)),
    beside: samples.filter(({ loopers }) => loopers > 0).flatMap(({ sample }) => of(sample)),
  });
  return {
    loopers: LOOPERS,
    converge: sides(({ convergeSeconds }) => [convergeSeconds]),
    update: sides(({ updateSeconds }) => updateSeconds),
  };
}

interface Setting {
  readonly agents: number;
  readonly loopers: number;
}

async function measure(host: Host, { agents, loopers }: Setting): Promise<Sample> {
  const rookery = await createRookery(host, { name: 'crashloops', agents: 0 });
  const save = (file: string, documents: readonly string[]): Promise<void> =>
    saveWhole(join(rookery.manifestsDir, file), documents.join('---\n'));
  const healthy = names(agents);
  const controller = await rookery.run();
  const watch = await watchAgents(rookery.apiSocket);
  const updated = new Set<string>();
  const converge = async (): Promise<number> => {
    const savedAtMs = performance.now();
    await save(
      'agents.yaml',
      healthy.map((name) => agentText(name)),
    );
    await watch.until(() => healthy.every((name) => watch.status(name)?.ready), `${agents} ready agents`);
    return secondsSince(savedAtMs);
  };
  const updateOne = async (name: string): Promise<number> => {
    const before = watch.status(name)?.currentRevision;
    const savedAtMs = performance.now();
    const isNew = ({ ready, currentRevision }: WatchedAgent): boolean => ready && currentRevision !== before;
    updated.add(name);
    await save(
      'agents.yaml',
      healthy.map((one) => agentText(one, { version: updated.has(one) ? 1 : 0 })),
    );
    await watch.until((all) => [all.get(name)].some((one) => one && isNew(one)), `the update of ${name}`);
    return secondsSince(savedAtMs);
  };
  try {
    await startLoops(watch, save, loopers);
    const convergeSeconds = await converge();
    const updateSeconds: number[] = [];
    for (const name of healthy.slice(0, UPDATES)) updateSeconds.push(await updateOne(name));
    return { convergeSeconds, updateSeconds };
  } finally {
    watch.close();
    await controller.stop();
  }
}

/** They are left alone from then on: their back-offs are short for the minute that a round takes. */
async function startLoops(
  watch: AgentWatch,
  save: (file: string, documents: readonly string[]) => Promise<void>,
  count: number,
): Promise<void> {
  if (count === 0) return;
  const all = names(count).map((name) => `loop-${name}`);
  await save('loopers.yaml', all.map(crashLoopText));
  const doLoop = (): boolean => all.every((name) => (watch.status(name)?.restarts ?? 0) >= RESTARTS_FIRST);
  await watch.until(doLoop, 'the crash loops to loop');
}

const secondsSince = (atMs: number): number => (performance.now() - atMs) / 1000;

/** At once, as an editor does: half a file would be half a change. */
async function saveWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
