import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LIBPOD } from './api.ts';
import { converge } from './converge.ts';
import { crashLoops } from './crashloops.ts';
import { deaths } from './deaths.ts';
import { direct } from './direct.ts';
import { type Host, openHost } from './host.ts';
import { idle } from './idle.ts';
import { noop } from './noop.ts';
import { formatTable, type Results, setting } from './report.ts';
import { createRookery } from './rookery.ts';
import { STRATEGIES, type Strategy, update, type UpdateResult } from './update.ts';

const PARTS = ['converge', 'peers', 'noop', 'deaths', 'idle', 'update', 'crashloops'] as const;
type Part = (typeof PARTS)[number];

const USAGE = `usage: npm run bench -- [options]
  --agents N          agents to run (50)
  --rounds N          rounds of each comparison (3); apply and deaths take 5 samples a round,
                      update a good and a bad one for each strategy, crashloops 5 updates
  --idle-seconds N    length of each idle measurement (60)
  --only A,B          parts to run: ${PARTS.join(', ')} (all)
  --json FILE         where the figures go (bench/results.json)
`;

interface Options {
  readonly agents: number;
  readonly rounds: number;
  readonly idleSeconds: number;
  readonly parts: ReadonlySet<string>;
  readonly json: string;
}

const SAMPLES_A_ROUND = 5;

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '3' },
      'idle-seconds': { type: 'string', default: '60' },
      only: { type: 'string', default: PARTS.join(',') },
      json: { type: 'string', default: 'bench/results.json' },
    },
  });
  const number = (name: 'agents' | 'rounds' | 'idle-seconds'): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1 on`);
    return value;
  };
  const parts = values.only.split(',');
  const unknown = parts.find((part) => !PARTS.includes(part as Part));
  if (unknown !== undefined) throw new Error(`--only: ${unknown} is none of ${PARTS.join(', ')}`);
  return {
    agents: number('agents'),
    rounds: number('rounds'),
    idleSeconds: number('idle-seconds'),
    parts: new Set(parts),
    json: values.json,
  };
}

async function measure(host: Host, { agents, rounds, idleSeconds, parts }: Options): Promise<Results> {
  const say = (part: string): void => void process.stderr.write(`${part} …\n`);
  const loadBefore = loadavg()[0] ?? 0;
  const version = JSON.parse(await host.api.ok('GET', `${LIBPOD}/version`)) as { Version: string };
  const compares = parts.has('converge') || parts.has('peers');
  if (compares) say('converge');
  const converged = compares && (await converge(host, { agents, rounds, peers: parts.has('peers') }));
  const watched = parts.has('noop') || parts.has('deaths') || parts.has('idle');
  const rest = watched ? await onConverged(host, { agents, rounds, idleSeconds, parts, json: '' }, say) : {};
  const updates = parts.has('update') && (await measureUpdates(host, rounds, say));
  if (parts.has('crashloops')) say('crash loops');
  const looped = parts.has('crashloops') && (await crashLoops(host, { agents, rounds }));
  return {
    agents,
    rounds,
    podman: version.Version,
    node: process.version,
    cores: availableParallelism(),
    load: [loadBefore, loadavg()[0] ?? 0],
    ...(converged && { converge: converged }),
    ...rest,
    ...(updates && { updates }),
    ...(looped && { crashLoops: looped }),
  };
}

async function measureUpdates(
  host: Host,
  rounds: number,
  say: (part: string) => void,
): Promise<Results['updates']> {
  const results: Partial<Record<Strategy, UpdateResult>> = {};
  for (const strategy of STRATEGIES) {
    say(`update by ${strategy}`);
    results[strategy] = await update(host, strategy, rounds);
  }
  return results;
}

/** What is measured of agents that run already. */
async function onConverged(
  host: Host,
  { agents, rounds, idleSeconds, parts }: Options,
  say: (part: string) => void,
): Promise<Pick<Results, 'noop' | 'deathSeconds' | 'idle'>> {
  await host.clear();
  const rookery = await createRookery(host, { name: 'steady', agents });
  await rookery.apply();
  if (parts.has('noop')) say('apply with nothing to do');
  const noopResult = parts.has('noop') && (await noop(rookery, rounds * SAMPLES_A_ROUND));
  if (parts.has('idle')) say('idle');
  const idleResult = parts.has('idle') && (await idle(host, rookery, { agents, seconds: idleSeconds }));
  if (parts.has('deaths')) say('deaths');
  let deathSeconds: number[] | undefined;
  if (parts.has('deaths')) {
    const controller = await rookery.run();
    deathSeconds = await deaths(host, rounds * SAMPLES_A_ROUND);
    await controller.stop();
  }
  await host.clear();
  return {
    ...(noopResult && { noop: noopResult }),
    ...(idleResult && { idle: idleResult }),
    ...(deathSeconds && { deathSeconds }),
  };
}

async function main(args: readonly string[]): Promise<void> {
  const [root = '', podmanDir = '', workDir = '', ...rest] = args;
  const options = readOptions(rest);
  const host = await openHost({ root, podmanDir, workDir });
  const results = await measure(host, options);
  host.api.close();
  await writeFile(join(root, options.json), `${JSON.stringify(results, undefined, 2)}\n`);
  process.stdout.write(`${setting(results)}\n\n${formatTable(results)}\n`);
}

const [command = '', ...args] = process.argv.slice(2);
if (command === 'direct') await direct(args[0] ?? '');
else if (args.includes('--help')) process.stdout.write(USAGE);
else await main([command, ...args]);
