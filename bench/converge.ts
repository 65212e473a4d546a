import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Replay } from './direct.ts';
import { writeCompose, writeKube } from './fixtures.ts';
import { type Host, type Ran, run } from './host.ts';
import { type Call, callName, record } from './recorder.ts';
import { createRookery } from './rookery.ts';

export interface ConvergeResult {
  /** Wall seconds of each round, from the start of the command to its end. */
  readonly seconds: Readonly<Record<string, readonly number[]>>;
  /** Podman API calls of one convergence, by kind. */
  readonly calls: Readonly<Record<string, number>>;
  readonly absent: readonly string[];
}

interface Side {
  readonly name: string;
  run(round: number): Promise<Ran>;
}

/** Every side in every round, the order reversed in every other one: what the machine does meanwhile hits all. */
export async function converge(
  host: Host,
  { agents, rounds, peers }: { readonly agents: number; readonly rounds: number; readonly peers: boolean },
): Promise<ConvergeResult> {
  const { replayFile, calls } = await recordReplay(host, agents);
  const { sides, absent } = peers ? await peerSides(host, agents) : { sides: [], absent: [] };
  const all: Side[] = [directSide(replayFile), rookerySide(host, agents), ...sides];
  const seconds: Record<string, number[]> = Object.fromEntries(all.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? all : all.toReversed()) {
      await host.clear();
      const ran = await side.run(round);
      if (ran.code !== 0) throw new Error(`${side.name} failed (${ran.code}): ${ran.stderr}${ran.stdout}`);
      await expectRunning(host, agents, side.name);
      seconds[side.name]?.push(ran.tookMs / 1000);
      process.stderr.write(`  round ${round + 1} ${side.name}: ${(ran.tookMs / 1000).toFixed(2)} s\n`);
    }
  }
  await host.clear();
  return { seconds, calls, absent };
}

/** Runs Rookery once through a recorder: its calls are counted, and its bodies are what the baseline sends. */
async function recordReplay(
  host: Host,
  agents: number,
): Promise<{ replayFile: string; calls: Record<string, number> }> {
  await host.clear();
  const socket = join(host.workDir, 'recorder.sock');
  const recorder = await record(socket, host.socket);
  const rookery = await createRookery(host, { name: 'recorded', agents, socket });
  await rookery.apply();
  await recorder.close();
  const replayFile = join(host.workDir, 'replay.json');
  await writeFile(replayFile, JSON.stringify(replayOf(host, recorder.calls)));
  await writeFile(join(host.workDir, 'calls.json'), JSON.stringify(recorder.calls.map(withoutBody)));
  return { replayFile, calls: countCalls(recorder.calls) };
}

const withoutBody = (call: Call) => ({
  name: callName(call),
  path: call.path,
  atMs: call.atMs,
  tookMs: call.tookMs,
});

function replayOf(host: Host, calls: readonly Call[]): Replay {
  const creates = (kind: string) => calls.filter((call) => callName(call) === `POST /${kind}/create`);
  return {
    socket: host.socket,
    // The static addresses are from the subnet that Podman chose then.
    networks: creates('networks').map(({ body, reply }) => ({
      ...(JSON.parse(body) as object),
      subnets: (JSON.parse(reply) as { subnets: unknown }).subnets,
    })),
    containers: creates('containers').map(({ body }) => JSON.parse(body) as { name: string }),
  };
}

function countCalls(calls: readonly Call[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const call of calls) counts[callName(call)] = (counts[callName(call)] ?? 0) + 1;
  return counts;
}

const directSide = (replayFile: string): Side => ({
  name: 'direct',
  run: () => run(process.execPath, [process.argv[1] ?? '', 'direct', replayFile]),
});

const rookerySide = (host: Host, agents: number): Side => ({
  name: 'rookery',
  run: async () => (await createRookery(host, { name: 'converge', agents })).apply(),
});

async function peerSides(host: Host, agents: number): Promise<{ sides: Side[]; absent: string[] }> {
  const kubeFile = join(host.workDir, 'kube.yaml');
  const composeFile = join(host.workDir, 'compose.yaml');
  await writeKube(kubeFile, agents);
  await writeCompose(composeFile, agents);
  const sides: Side[] = [
    { name: 'podman kube play', run: () => run(host.podman, ['kube', 'play', kubeFile]) },
  ];
  const installed = await run('podman-compose', ['--version']).catch(() => undefined);
  if (!installed) return { sides, absent: ['podman-compose'] };
  const args = ['--podman-path', host.podman, '-f', composeFile, 'up', '-d'];
  sides.push({ name: 'podman-compose', run: () => run('podman-compose', args, { cwd: host.workDir }) });
  return { sides, absent: [] };
}

interface Listed {
  readonly State: string;
  readonly IsInfra: boolean;
}

/** A side that leaves out work would win. */
async function expectRunning(host: Host, agents: number, side: string): Promise<void> {
  const listed = JSON.parse(await host.api.ok('GET', '/v4.0.0/libpod/containers/json?all=true')) as Listed[];
  const running = listed.filter(({ State, IsInfra }) => State === 'running' && !IsInfra).length;
  if (running !== agents) throw new Error(`${side} left ${running} containers running, not ${agents}`);
}
