import { expect, test } from 'vitest';
import { ownPorts, portChecks } from '../src/plan/ports.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { PublishedPort } from '../src/state/template.ts';
import { A, containerOf, CREATED, EXITED, NOW, replicaOf } from './fakes/agent-views.ts';

const port = (hostPort: number, protocol: 'tcp' | 'udp' = 'tcp'): PublishedPort => ({
  containerPort: 80,
  hostPort,
  hostIP: '127.0.0.1',
  protocol,
});

/** `port/protocol: ids that may listen there`. */
function checked(ports: readonly PublishedPort[], ...containers: readonly ObservedContainer[]): string[] {
  const [holder, ...replicas] = containers;
  const observed = {
    containers: replicas,
    ...(holder && { holder: { container: holder, route: [] } }),
    observedAtMs: NOW,
  };
  return portChecks(ports, ownPorts(observed), 'starts').map((operation) =>
    operation.type === 'CheckPort'
      ? `${operation.port.hostPort}/${operation.port.protocol}: ${operation.mayListen.join()}`
      : operation.type,
  );
}

test('a port is looked at where none of ours that runs has it', () => {
  const holder = containerOf(A, 1, { id: 'holder', ports: [port(80), port(81)] });
  expect(checked([port(80), port(80, 'udp'), port(82)], holder)).toEqual(['80/udp: ', '82/tcp: ']);
  expect(checked([port(80)])).toEqual(['80/tcp: ']);
});

test('what does not run may have it all the same, when its start was cut off', () => {
  const ports = [port(80), port(81, 'udp')];
  const holder = containerOf(A, 1, { id: 'holder', ports, ...CREATED });
  const ended = replicaOf(A, 1, 0, { id: 'ended', ports: [port(80)], ...EXITED });
  const running = replicaOf(A, 1, 1, { id: 'running', ports: [port(82)] });
  expect(checked([port(80), port(81), port(81, 'udp'), port(82)], holder, ended, running)).toEqual([
    '80/tcp: ended,holder',
    '81/tcp: ',
    '81/udp: holder',
  ]);
});
