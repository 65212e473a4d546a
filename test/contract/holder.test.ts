import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { agentKey } from '../../src/api/key.ts';
import { createLanes } from '../../src/manager/lanes.ts';
import { systemClock } from '../../src/manager/clock.ts';
import type { Call } from '../../src/plan/operation.ts';
import { createExecutor, type ExecuteOutcome } from '../../src/podman/execute.ts';
import { isPortFree } from '../../src/podman/ports.ts';
import { networkNamespaceOf } from '../../src/probe/namespace.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { ContainerTemplate, HolderTemplate } from '../../src/state/template.ts';
import { ask as request, callPort, freePort, type PortCaller } from '../fakes/ports.ts';
import { type Bench, eventually, never, realSubjects, subjects } from './subjects.ts';

const HTTP_PORT = 8080;
const UDP_PORT = 8081;
const SWITCHES = 5;
const KEY = agentKey('contract', 'twin');

interface Stage {
  readonly bench: Bench;
  readonly network: string;
  readonly address: string;
  execute(...calls: Call[]): Promise<ExecuteOutcome>;
  /** Creates and starts one; removes the one before. */
  holder(ports?: HolderTemplate['ports']): Promise<ObservedContainer>;
}

/** A network, and the executor with which a plan would be carried out on it. */
async function openStage(bench: Bench, suffix: string): Promise<Stage> {
  const { podman, traffic, labels } = bench;
  const { name: network, subnets } = await podman.createNetwork({
    name: bench.name(suffix),
    driver: 'bridge',
    subnets: [],
    internal: false,
    dns: true,
    options: {},
    labels,
  });
  const address = (subnets[0]?.cidr ?? '').replace(/\d+\/\d+$/, '250');
  const run = createExecutor({
    podman,
    traffic,
    architecture: process.arch,
    lanes: createLanes(),
    journal: { intent: () => Promise.resolve(1), settle: () => Promise.resolve() },
    secretValue: () => undefined,
    isPortFree,
    onProgress: () => undefined,
    onOperation: () => undefined,
    clock: systemClock,
  });
  const execute = (...calls: Call[]): Promise<ExecuteOutcome> => {
    const operations = calls.map((call) => ({ ...call, cause: 'test' }));
    return run({ key: KEY, plan: { operations }, priority: 'Rollout', signal: never });
  };
  const name = bench.name(`${suffix}-holder`);
  return {
    bench,
    network,
    address,
    execute,
    holder: async (ports = []) => {
      await podman.removeContainer(name);
      const networks = [{ name: network, ip: address, aliases: ['twin'] }];
      const template: HolderTemplate = { networks, ports };
      const { failure } = await execute(
        { type: 'CreateHolder', name, template, labels, annotations: { made: 'here' } },
        { type: 'StartContainer', name },
      );
      if (failure) throw new Error(failure.message);
      return inspected(bench, name);
    },
  };
}

async function inspected({ podman }: Bench, name: string): Promise<ObservedContainer> {
  const found = await podman.inspectContainer(name);
  if (!found) throw new Error(`${name} is not there`);
  return found;
}

const routeTo = ({ id, name }: ObservedContainer, ...to: string[]): Call => ({
  type: 'RouteTraffic',
  id,
  name,
  to,
});

describe.each(subjects())('a holder on $name', (subject) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(await subject.open(), 'net');
  });
  afterAll(() => stage?.bench.cleanUp());

  test('has the address and the ports, and leads nowhere at first', async () => {
    const port = { containerPort: HTTP_PORT, hostPort: await freePort(), hostIP: '127.0.0.1' };
    const holder = await stage.holder([{ ...port, protocol: 'tcp' }]);
    expect(holder).toMatchObject({
      state: 'running',
      networks: { [stage.network]: stage.address },
      ports: [{ ...port, protocol: 'tcp' }],
      annotations: { made: 'here' },
      labels: stage.bench.labels,
    });
    expect(await stage.bench.traffic.read(holder)).toEqual([]);
  });

  test('what an interrupted create left is taken for what it is', async () => {
    const { id, name } = await stage.holder();
    const template: HolderTemplate = { networks: [], ports: [] };
    const { labels } = stage.bench;
    expect(
      await stage.execute({ type: 'CreateHolder', name, template, labels, annotations: {} }),
    ).not.toHaveProperty('failure');
    expect((await inspected(stage.bench, name)).id).toBe(id);
  });

  test('is routed as often as one likes, and says where to', async () => {
    const holder = await stage.holder();
    for (const to of [['10.0.0.2'], ['10.0.0.3', '10.0.0.2'], [], ['10.0.0.4']]) {
      expect(await stage.execute(routeTo(holder, ...to))).not.toHaveProperty('failure');
      expect(await stage.bench.traffic.read(holder)).toEqual([...to].sort());
    }
  });

  test('killed and started again, it says where it leads then', async () => {
    const { podman, traffic } = stage.bench;
    const holder = await stage.holder();
    await stage.execute(routeTo(holder, '10.0.0.2'));
    await podman.killContainer(holder.id, 'KILL');
    await eventually(async () => (await inspected(stage.bench, holder.id)).state === 'exited');
    expect((await stage.execute(routeTo(holder, '10.0.0.2'))).failure).toMatchObject({ kind: 'NotFound' });
    await podman.startContainer(holder.id);
    const again = await inspected(stage.bench, holder.id);
    // A start that comes before Podman's cleanup takes up the old network namespace, rules and all.
    expect([[], ['10.0.0.2']]).toContainEqual(await traffic.read(again));
    await stage.execute(routeTo(again, '10.0.0.3'));
    expect(await traffic.read(again)).toEqual(['10.0.0.3']);
  });
});

/** Of the first so many requests each was answered, or one of all has failed. */
const isSettled = ({ answers, failures }: PortCaller, count: number): boolean =>
  failures.length > 0 || Array.from({ length: count }, (_, index) => answers[index]).every(Boolean);

const HTTP_SERVER = `
trap 'exit 0' TERM
echo $WHO >/srv/index.html
httpd -p ${HTTP_PORT} -h /srv
sleep 1000 &
wait`;
/** Busybox speaks no UDP: this one runs beside the container, in its network. */
const UDP_SERVER = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (_, { port, address }) => socket.send(process.argv[1], port, address));
socket.bind(${UDP_PORT}, () => console.log('listens'));`;

describe.each(realSubjects())('traffic on $name', (subject) => {
  let stage: Stage;
  let holder: ObservedContainer;
  let hostPort: number;
  let replicas: Record<'A' | 'B', string>;
  beforeAll(async () => {
    stage = await openStage(await subject.open(), 'net');
    replicas = { A: await replica('A'), B: await replica('B') };
    hostPort = await freePort();
    holder = await stage.holder([
      { containerPort: HTTP_PORT, hostPort, hostIP: '127.0.0.1', protocol: 'tcp' },
      { containerPort: UDP_PORT, hostPort, hostIP: '127.0.0.1', protocol: 'udp' },
    ]);
  });
  afterAll(() => stage?.bench.cleanUp());

  async function replica(who: string): Promise<string> {
    const changes: Partial<ContainerTemplate> = {
      args: [HTTP_SERVER],
      env: { WHO: who },
      network: { mode: 'bridge', networks: [{ name: stage.network, aliases: [] }] },
      mounts: [{ type: 'tmpfs', target: '/srv', mode: 0o1777 }],
    };
    const name = await stage.bench.create(who, 'server', changes);
    await stage.bench.podman.startContainer(name);
    return name;
  }
  const addressOf = async (who: 'A' | 'B'): Promise<string> =>
    (await inspected(stage.bench, replicas[who])).networks[stage.network] ?? '';
  const route = async (...to: ('A' | 'B')[]): Promise<void> => {
    const { failure } = await stage.execute(routeTo(holder, ...(await Promise.all(to.map(addressOf)))));
    if (failure) throw new Error(failure.message);
  };
  /** From inside a container of the network. */
  const ask = async (from: 'A' | 'B'): Promise<string> => {
    const command = ['/bin/wget', '-q', '-O', '-', `http://${stage.address}:${HTTP_PORT}/`];
    const { output } = await stage.bench.podman.exec(replicas[from], command, never);
    return output.trim();
  };
  const restart = async (who: 'A' | 'B'): Promise<void> => {
    await stage.bench.podman.stopContainer(replicas[who], 1);
    await serve(who);
  };
  const serve = async (who: 'A' | 'B'): Promise<void> => {
    await stage.bench.podman.startContainer(replicas[who]);
    await eventually(async () => {
      const command = ['/bin/wget', '-q', '-O', '-', `http://127.0.0.1:${HTTP_PORT}/`];
      return (await stage.bench.podman.exec(replicas[who], command, never)).exitCode === 0;
    });
  };

  /** Whatever the test before left of them. */
  beforeEach(async () => {
    await serve('A');
    await serve('B');
  });

  test(`${SWITCHES} switches lose no request of a caller every 20 ms, and nobody is asked before or after`, async () => {
    await route('A');
    await eventually(async () => (await request(hostPort).catch(() => '')) === 'A');
    const caller = callPort(hostPort);
    for (let round = 1; round <= SWITCHES; round += 1) {
      const [next, last] = round % 2 === 1 ? (['B', 'A'] as const) : (['A', 'B'] as const);
      await restart(next);
      await route(next);
      const since = caller.asked();
      // Also those who were asked before: who stops with a request under way has lost it.
      await eventually(() => Promise.resolve(isSettled(caller, since + 11)));
      expect(caller.failures).toEqual([]);
      expect(new Set(caller.answers.slice(since + 1, since + 11))).toEqual(new Set([next]));
      await stage.bench.podman.stopContainer(replicas[last], 1);
    }
    await caller.end();
    console.log(`published port: ${caller.answers.length} answers, ${caller.failures.length} failures`);
    expect(caller.failures).toEqual([]);
  });

  test('reaches it from inside the network, and from the one that answers', async () => {
    await route('A');
    expect(await ask('B')).toBe('A');
    expect(await ask('A')).toBe('A');
    await route('B');
    expect(await ask('A')).toBe('B');
  });

  test('is shared by several', async () => {
    await route('A', 'B');
    const answers = await Promise.all(Array.from({ length: 20 }, () => request(hostPort)));
    expect(answers.filter((answer) => answer === 'A')).toHaveLength(10);
  });

  async function datagramServer(who: 'A' | 'B'): Promise<ChildProcess> {
    const { pid } = await inspected(stage.bench, replicas[who]);
    const enter = networkNamespaceOf(pid)?.enter ?? [];
    const server = spawn('nsenter', [...enter, '--', process.execPath, '-e', UDP_SERVER, '--', who]);
    await once(server.stdout, 'data');
    return server;
  }

  test('moves the datagrams of one that goes on sending', async () => {
    const servers = [await datagramServer('A'), await datagramServer('B')];
    const socket = createSocket('udp4');
    let last = '';
    socket.on('message', (message) => (last = message.toString().trim()));
    const from = async (who: 'A' | 'B'): Promise<boolean> =>
      eventually(() => {
        socket.send('who', hostPort, '127.0.0.1');
        return Promise.resolve(last === who);
      });
    try {
      await route('A');
      await from('A');
      await route('B');
      await from('B');
      await route('A');
      await from('A');
    } finally {
      for (const server of servers) server.kill();
      socket.close();
    }
  });

  test('is refused while nobody is to answer', async () => {
    await route();
    await expect(request(hostPort)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
    expect(await ask('A')).toMatch(/refused/);
  });

  test('comes back when the holder is killed, started and routed again', async () => {
    await route('A');
    await stage.bench.podman.killContainer(holder.id, 'KILL');
    await eventually(async () => (await inspected(stage.bench, holder.id)).state === 'exited');
    await stage.bench.podman.startContainer(holder.id);
    await route('A');
    expect(await eventually(() => request(hostPort).catch(() => undefined))).toBe('A');
    expect(await ask('B')).toBe('A');
  });
});
