import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSite, REPOSITORY, type Site } from './site.ts';
import { isStable, untilStable } from './status.ts';
import { until } from './until.ts';

const ROUNDS = 4;

/** What the caller counts: a name that cannot be resolved is the failure; a connection may fail while its other end is away. */
interface Count {
  readonly unresolved: number;
  readonly refused: number;
  readonly answered: number;
  readonly slowestLookupMs: number;
}

describe('an agent that calls others by name every 20 ms', () => {
  let site: Site;

  beforeAll(async () => {
    site = openSite();
    const { namespace } = site;
    site.write('base.yaml', imageText(namespace));
    for (const name of ['left', 'right']) site.write(`${name}.yaml`, agentText(namespace, name, ECHOES));
    site.write('caller.yaml', agentText(namespace, 'caller', CALLS));
    site.start();
    await untilStable(site, 3);
  });
  afterAll(() => site?.cleanUp());

  const count = async (): Promise<Count> =>
    JSON.parse((await site.rookery('logs', 'caller', '--tail', '1')).stdout) as Count;
  const running = async (name: string) => {
    const found = (await site.host.containers(site.namespace)).find(
      ({ Config, State }) => Config.Labels['rookery.dev/name'] === name && State.Status === 'running',
    );
    if (!found) throw new Error(`${name} does not run`);
    return found;
  };
  const addresses = async (): Promise<Record<string, string | undefined>> =>
    Object.fromEntries((await site.agents()).map(({ metadata, status }) => [metadata.name, status?.address]));

  test('never fails to resolve one, however often they are replaced', async () => {
    const before = await addresses();
    const caller = await running('caller');
    await until('both answer', async () => (await count()).answered > 20);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [left, right] = [await running('left'), await running('right')];
      site.edit('left.yaml', `value: "${round}"`, `value: "${round + 1}"`);
      if (round % 2 === 0) process.kill(right.State.Pid, 'SIGKILL');
      else await site.host.podman('rm', '--force', '--time', '0', right.Id);
      await until('both were replaced', async () => {
        const [newLeft, newRight] = [await running('left'), await running('right')];
        return newLeft.Id !== left.Id && newRight.State.Pid !== right.State.Pid;
      });
      await until('left is stable', async () => isStable(await site.status('left')));
    }
    const { answered } = await count();
    const after = await until('they answer again', async () => {
      const now = await count();
      return now.answered > answered + 50 && now;
    });
    console.log(`names under ${ROUNDS} rounds of churn: ${JSON.stringify(after)}`);
    expect(after.unresolved).toBe(0);
    await until('each has the address it had', async () => isDeepStrictEqual(await addresses(), before));
    expect((await running('caller')).Id).toBe(caller.Id);
  });

  test('finds one that comes later without being restarted', async () => {
    const { Id } = await running('caller');
    site.write('late.yaml', agentText(site.namespace, 'late', ECHOES));
    await until('it is stable', async () => isStable(await site.status('late')));
    const { address } = await site.status('late');
    const lookup = 'import socket; print(socket.gethostbyname("late"))';
    expect(await site.host.podman('exec', Id, '/usr/bin/python3', '-c', lookup)).toBe(address);
  });
});

const ECHOES = `
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = socket.create_server(("0.0.0.0", 8080))
while True:
    with server.accept()[0] as client:
        client.sendall(b"hello")
`;

const CALLS = `
import json, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
count = {"unresolved": 0, "refused": 0, "answered": 0, "slowestLookupMs": 0}
said = 0
while True:
    for name in ("left", "right"):
        started = time.monotonic()
        try:
            address = socket.getaddrinfo(name, 8080, socket.AF_INET, socket.SOCK_STREAM)[0][4]
            count["slowestLookupMs"] = max(count["slowestLookupMs"], round((time.monotonic() - started) * 1000))
            with socket.create_connection(address, timeout=0.2) as connection:
                count["answered" if connection.recv(5) == b"hello" else "refused"] += 1
        except socket.gaierror:
            count["unresolved"] += 1
        except OSError:
            count["refused"] += 1
    if time.monotonic() - said > 0.2:
        said = time.monotonic()
        print(json.dumps(count), flush=True)
    time.sleep(0.02)
`;

const agentText = (namespace: string, name: string, program: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  image: localhost/ai-system/base:1
  command: [/usr/bin/python3, -c]
  args:
    - |
${program.replace(/^(?=.)/gm, '      ')}
  env: [{name: ROUND, value: "0"}]
  terminationGracePeriodSeconds: 1
  readinessProbe: {${name === 'caller' ? 'exec: {command: [/bin/true]}' : 'tcpSocket: {port: 8080}'}, periodSeconds: 1}
  rollout: {minHealthySeconds: 0, healthyDeadlineSeconds: 20, monitorSeconds: 1}
`;

const imageText = (namespace: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Image
metadata: {name: base, namespace: ${namespace}}
spec:
  tag: localhost/ai-system/base:1
  rootfs: {tar: ${join(REPOSITORY, 'images/base/rootfs.tar')}}
`;
