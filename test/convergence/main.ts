import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { converge, type Outcome } from './run.ts';
import { optionsOf, type Task, USAGE } from './options.ts';
import { replayOf, type Script } from './script.ts';
import { shrink } from './shrink.ts';
import { add, NOTHING, type Sum, summaryOf } from './tally.ts';
import { explain } from '../command-words.ts';

/** Enough to see a pattern; the summary counts them all. */
const MOST_SHRUNK = 10;

/** A story takes less than a second, and making a failing one short a hundred times that. */
const LONGEST_STORY_MS = 600_000;

type Answer = Omit<Outcome, 'story'> & { readonly shrunk?: string };

interface Errand {
  readonly script: Script;
  readonly shrinks: boolean;
}

/** Set for the processes that tell the stories; they have no other argument. */
const IS_WORKER = process.argv[2] === 'worker';

if (IS_WORKER) process.on('message', (errand: Errand) => void serve(errand));
else process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const { task, workers } = optionsOf(words, availableParallelism());
  if (task.type === 'Help') return explain(USAGE, task);
  if (task.type === 'One') return tell(task.script);
  const startedAtMs = Date.now();
  const sum = await all(await scriptsOf(task), workers);
  console.log(summaryOf(sum, Date.now() - startedAtMs));
  return sum.failed === 0 ? 0 : 1;
}

/** One story with everything that happened in it. */
async function tell(script: Script): Promise<number> {
  const startedAtMs = Date.now();
  const outcome = await converge(script);
  console.log(outcome.story.join('\n'));
  if (outcome.complaint !== undefined) console.log(`BROKEN ${outcome.complaint}`);
  console.log(summaryOf(add(NOTHING, outcome), Date.now() - startedAtMs));
  return outcome.complaint === undefined ? 0 : 1;
}

async function scriptsOf(task: Extract<Task, { type: 'Many' | 'Sweep' }>): Promise<Script[]> {
  if (task.type === 'Many') return [...task.scripts];
  const swept: Script[] = [];
  for (const script of task.scripts) {
    const { tally } = await converge({ ...script, killAt: Number.POSITIVE_INFINITY });
    for (let killAt = 1; killAt <= tally.places; killAt += 1) swept.push({ ...script, killAt });
  }
  return swept;
}

async function all(scripts: readonly Script[], workers: number): Promise<Sum> {
  let next = 0;
  let sum = NOTHING;
  const work = async (): Promise<void> => {
    const worker = fork(fileURLToPath(import.meta.url), ['worker'], { serialization: 'advanced' });
    for (let script = scripts[next++]; script; script = scripts[next++]) {
      const answer = await ask(worker, { script, shrinks: sum.failed < MOST_SHRUNK });
      sum = add(sum, answer);
      if (answer.complaint !== undefined) complain(script, answer);
    }
    worker.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(workers, scripts.length) }, work));
  return sum;
}

function complain(script: Script, { complaint, shrunk }: Answer): void {
  console.log(`seed ${script.seed}: ${complaint}`);
  console.log(`  replay: npm run simulate -- ${replayOf(script)}`);
  if (shrunk !== undefined) console.log(`  shrunk: npm run simulate -- ${shrunk}`);
}

function ask(worker: ChildProcess, errand: Errand): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      clearTimeout(watchdog);
      const how = code === null ? 'was ended: its story has no end' : `ended with ${code}`;
      reject(new Error(`a worker ${how}; replay: npm run simulate -- ${replayOf(errand.script)}`));
    };
    // What is busy without an end in its own process answers nobody, and hangs for ever.
    const watchdog = setTimeout(() => worker.kill('SIGKILL'), LONGEST_STORY_MS);
    worker.once('exit', onExit);
    worker.once('message', (answer: Answer) => {
      clearTimeout(watchdog);
      worker.off('exit', onExit);
      resolve(answer);
    });
    worker.send(errand);
  });
}

async function serve({ script, shrinks }: Errand): Promise<void> {
  const { complaint, tally } = await converge(script);
  const shrunk = complaint !== undefined && shrinks ? replayOf(await shrink(script, complaint)) : undefined;
  const answer: Answer = {
    tally,
    ...(complaint !== undefined && { complaint }),
    ...(shrunk !== undefined && { shrunk }),
  };
  process.send?.(answer);
}
