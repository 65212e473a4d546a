import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { probe as probeSchema } from '../src/api/probe.ts';
import { systemClock } from '../src/manager/clock.ts';
import type { ProbeTarget } from '../src/probe/probe.ts';
import { createReach } from '../src/probe/reach.ts';
import { createRunProbe } from '../src/probe/run.ts';
import { aTarget, listening, type ProbeInput } from './fakes/probing.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

/**
 * What rootless Podman sets up, without Podman: "conmon" in a user and a mount namespace of its own, where the network
 * namespace with the bridges is bound to a path; its child, the "container", in a network namespace of its own.
 */
const BRIDGE_ADDRESS = '10.97.3.4';
const CONMON = `
set -e
exec 3<&0
mkdir -p "$DIR/netns"
: > "$DIR/netns/rootless-netns-0123 abc"
mount -t tmpfs none "$DIR/netns"
: > "$DIR/netns/rootless-netns-0123 abc"
unshare --net sh -c 'ip link set lo up; ip addr add ${BRIDGE_ADDRESS}/32 dev lo
  mount --bind /proc/self/ns/net "$DIR/netns/rootless-netns-0123 abc" && exec "$NODE" -e "$AGENT" bridge' <&3 &
while ! grep -q rootless-netns /proc/self/mountinfo; do sleep 0.02; done
unshare --net sh -c 'ip link set lo up; exec "$NODE" -e "$AGENT" container' <&3 &
wait
`;
const AGENT = `
const net = require('node:net'), http = require('node:http'), http2 = require('node:http2'), fs = require('node:fs');
const name = process.argv[1], { Reply } = require(process.env.ZEROMQ);
const servers = [
  http.createServer((request, response) => response.writeHead(request.url === '/who' ? 503 : 200).end(name)).listen(8080),
  net.createServer((socket) => socket.on('error', () => {})).listen(8081),
  http2.createServer().on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
  }).listen(8082),
];
(async () => {
  const reply = new Reply();
  await reply.bind('tcp://0.0.0.0:8083');
  fs.writeFileSync(process.env.DIR + '/' + name + '.pid', fs.readFileSync('/proc/self/stat', 'utf8').split(' ')[0]);
  for await (const [request] of reply) await reply.send(JSON.stringify({ status: 'ok', request: request.length }));
})();
process.stdin.resume().on('end', () => process.exit());
`;

let dir: string;
let conmon: ChildProcess;
const pids = { bridge: 0, container: 0 };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rookery-reach-'));
  conmon = spawn('unshare', ['--user', '--map-root-user', '--mount', '--kill-child', 'sh', '-c', CONMON], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: {
      PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
      DIR: dir,
      AGENT,
      NODE: process.execPath,
      ZEROMQ: join(import.meta.dirname, '../node_modules/zeromq'),
    },
  });
  for (const name of ['bridge', 'container'] as const) {
    pids[name] = await vi.waitUntil(() => pidOf(name), { timeout: 10_000 });
  }
}, 20_000);

afterAll(async () => {
  const ended = new Promise((resolve) => conmon.once('close', resolve));
  // Its programs end with their standard input.
  conmon.stdin?.end();
  await ended;
  rmSync(dir, { recursive: true });
});

/** 0 until it listens. */
function pidOf(name: string): number {
  const file = join(dir, `${name}.pid`);
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

/** Probes as a rootless controller would; everything it started is gone after the test. */
function rootless({ socketDir = join(dir, 'sockets'), clock = systemClock } = {}) {
  const reach = createReach({ rootless: true, socketDir, clock });
  onTestFinished(reach.close);
  const run = createRunProbe({
    clock: systemClock,
    open: reach.open,
    exec: () => Promise.reject(new Error('no')),
  });
  const probe = (input: ProbeInput, target: ProbeTarget) =>
    run(probeSchema.parse({ timeoutSeconds: 5, ...input }), target, new AbortController().signal);
  return { probe, reach, socketDir };
}

const onBridge = (): ProbeTarget => aTarget({ ip: BRIDGE_ADDRESS, pid: pids.container });
function withoutAddress(pid: number): ProbeTarget {
  const { ip: _, ...rest } = aTarget({ pid });
  return rest;
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
const helpers = (): number[] => childrenOf(process.pid).filter((pid) => pid !== conmon.pid);

describe('rootless probes reach the bridge address of a container', () => {
  test.each<[string, ProbeInput, string]>([
    ['http', { httpGet: { port: 8080 } }, 'HTTP 200'],
    ['tcp', { tcpSocket: { port: 8081 } }, `${BRIDGE_ADDRESS}:8081 accepts connections`],
    ['grpc', { grpc: { port: 8082 } }, 'SERVING'],
    ['zmq', { zmq: { port: 8083 } }, 'ok'],
  ])('%s', async (_, input, message) => {
    const { probe } = rootless();
    expect(await probe(input, onBridge())).toEqual({ verdict: 'Success', message });
  });

  test('a closed port is refused at once, for zmq too', async () => {
    const { probe } = rootless();
    for (const input of [
      { httpGet: { port: 9 } },
      { tcpSocket: { port: 9 } },
      { grpc: { port: 9 } },
      { zmq: { port: 9 } },
    ]) {
      expect(await probe(input, onBridge())).toEqual({
        verdict: 'Failure',
        message: expect.stringContaining(`${BRIDGE_ADDRESS}:9: connection refused`),
      });
    }
  });

  test('a silent program times out', async () => {
    const { probe } = rootless();
    expect(await probe({ httpGet: { port: 8081 }, timeoutSeconds: 1 }, onBridge())).toMatchObject({
      verdict: 'Failure',
      message: expect.stringContaining('no answer within 1 s'),
    });
  });

  test('one helper serves every probe, and nothing is left of a probe or, after the close, of the helper', async () => {
    const { probe, reach, socketDir } = rootless();
    const inputs: ProbeInput[] = [
      { httpGet: { port: 8080 } },
      { tcpSocket: { port: 8081 } },
      { zmq: { port: 8083 } },
    ];
    const askAll = async () => {
      const outcomes = await Promise.all(inputs.map((input) => probe(input, onBridge())));
      expect(outcomes.map(({ verdict }) => verdict)).toEqual(['Success', 'Success', 'Success']);
    };
    await askAll();
    const [helper = 0, ...others] = helpers();
    expect(others).toEqual([]);
    await expect.poll(() => readdirSync(socketDir)).toEqual([]);
    const before = readdirSync(`/proc/${helper}/fd`).length;
    for (let round = 0; round < 20; round++) await askAll();
    await expect.poll(() => readdirSync(`/proc/${helper}/fd`).length).toBeLessThanOrEqual(before + 1);
    await expect.poll(() => readdirSync(socketDir)).toEqual([]);
    await reach.close();
    expect(helpers()).toEqual([]);
    expect(existsSync(socketDir)).toBe(false);
  });
});

describe('other ways', () => {
  test('without an address, a container with a network namespace of its own is asked inside it', async () => {
    const { probe } = rootless();
    const who = { httpGet: { port: 8080, path: '/who' } };
    expect((await probe(who, onBridge())).message).toMatch(/: bridge$/);
    expect((await probe(who, withoutAddress(pids.container))).message).toMatch(/: container$/);
  });

  test('with host networking it is asked on 127.0.0.1, and no helper is started', async () => {
    const port = await listening(createServer((_, response) => response.end()));
    const { probe } = rootless();
    for (const pid of [0, process.pid]) {
      expect(await probe({ httpGet: { port } }, withoutAddress(pid))).toMatchObject({ verdict: 'Success' });
    }
    expect(helpers()).toEqual([]);
  });

  test('a host that the probe names is asked from here', async () => {
    const port = await listening(createServer((_, response) => response.end()));
    const { probe } = rootless();
    expect(await probe({ httpGet: { port, host: '127.0.0.1' } }, onBridge())).toMatchObject({
      verdict: 'Success',
    });
    expect(helpers()).toEqual([]);
  });
});

describe('trouble of our own is Unknown', () => {
  test.each([
    ['the process is not known', 0, "the container's process is not known"],
    ['the process is gone', 2 ** 22 - 1, 'network namespace cannot be found'],
  ])('%s', async (_, pid, message) => {
    const { probe } = rootless();
    expect(await probe({ tcpSocket: { port: 1 } }, aTarget({ ip: BRIDGE_ADDRESS, pid }))).toEqual({
      verdict: 'Unknown',
      message: expect.stringContaining(message),
    });
  });

  test('a socket directory with too long a path', async () => {
    const { probe } = rootless({ socketDir: `/tmp/${'x'.repeat(90)}` });
    expect(await probe({ tcpSocket: { port: 1 } }, onBridge())).toMatchObject({
      verdict: 'Unknown',
      message: expect.stringContaining('above 80 bytes'),
    });
  });

  test('a socket directory that is removed is made anew', async () => {
    const { probe, socketDir } = rootless();
    const ask = () => probe({ tcpSocket: { port: 8081 } }, onBridge());
    expect(await ask()).toMatchObject({ verdict: 'Success' });
    rmSync(socketDir, { recursive: true });
    expect(await ask()).toMatchObject({ verdict: 'Success' });
  });

  test('a socket directory that cannot be made speaks against no container, and is tried again', async () => {
    const place = join(dir, 'file');
    const { probe } = rootless({ socketDir: join(place, 'sockets') });
    const ask = () => probe({ tcpSocket: { port: 8081 } }, onBridge());
    writeFileSync(place, '');
    expect(await ask()).toMatchObject({ verdict: 'Unknown' });
    rmSync(place);
    expect(await ask()).toMatchObject({ verdict: 'Success' });
  });

  test('a helper that cannot listen speaks against no container', async () => {
    const { probe, socketDir } = rootless();
    const ask = () => probe({ tcpSocket: { port: 8081 } }, onBridge());
    expect(await ask()).toMatchObject({ verdict: 'Success' });
    rmSync(socketDir, { recursive: true });
    writeFileSync(socketDir, '');
    const { verdict, message } = await ask();
    expect({ verdict, message }).toMatchObject({
      verdict: 'Unknown',
      message: expect.stringContaining('helper cannot listen: ENOTDIR') as unknown,
    });
  });

  test('no way to an address from inside', async () => {
    const { probe } = rootless();
    const outcome = await probe({ tcpSocket: { port: 1 } }, { ...onBridge(), ip: '192.0.2.1' });
    expect(outcome).toEqual({
      verdict: 'Unknown',
      message: 'tcp 192.0.2.1:1: no route to that address from here',
    });
  });

  test('a helper that dies, until another one is started', async () => {
    const clock = createSimulatedClock();
    const { probe } = rootless({ clock });
    const ask = () => probe({ tcpSocket: { port: 8081 } }, onBridge());
    expect(await ask()).toMatchObject({ verdict: 'Success' });
    for (const pid of helpers()) process.kill(pid, 'SIGKILL');
    await expect.poll(helpers).toEqual([]);
    expect(await ask()).toMatchObject({ verdict: 'Unknown', message: expect.stringContaining('helper') });
    await clock.advance(2_000);
    expect(await ask()).toMatchObject({ verdict: 'Success' });
  });

  test('a helper that nobody needs ends, and the next probe starts another', async () => {
    const clock = createSimulatedClock();
    const { probe } = rootless({ clock });
    const ask = () => probe({ tcpSocket: { port: 8081 } }, onBridge());
    await ask();
    await clock.advance(119_000);
    expect(helpers()).toHaveLength(1);
    await ask();
    await clock.advance(119_000);
    expect(helpers()).toHaveLength(1);
    await clock.advance(1_000);
    await expect.poll(helpers, { timeout: 5_000 }).toEqual([]);
    await clock.advance(2_000);
    expect(await ask()).toMatchObject({ verdict: 'Success' });
  });
});
