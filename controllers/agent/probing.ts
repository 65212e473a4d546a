import { keyString, type ObjectKey } from '../../src/api/key.ts';
import type { AgentSpec } from '../../src/api/agent.ts';
import type { ProbeTarget } from '../../src/probe/probe.ts';
import type { ProbedContainer, Prober } from '../../src/probe/prober.ts';
import { isRunning, type ObservedAgent, type ObservedContainer } from '../../src/state/observed.ts';
import { factsOf, podsKey } from '../../src/state/provision.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { replicaId } from '../../src/state/replica.ts';
import { desiredObject, type ReadableWorld } from '../world.ts';
import type { View } from './facts.ts';
import { isOfRollout, refOf } from './replicas.ts';

interface Subject {
  readonly key: ObjectKey;
  readonly observed: ObservedAgent;
  readonly record: AgentRecord;
}

/** Keeps the prober on all that runs of the revisions that count, with the probes of the newest manifest. */
export function probeReplicas(
  world: ReadableWorld,
  prober: Pick<Prober, 'sync'>,
  { key, observed, record }: Subject,
): void {
  const spec = desiredObject(world, 'Agent', keyString(key))?.manifest.spec;
  const probed = observed.containers.filter(
    (container) => isRunning(container) && isOfRollout(record, refOf(container)),
  );
  prober.sync(key, spec ? probed.map((container) => probedBy(world, { key, container, spec })) : []);
}

interface Placed {
  readonly key: ObjectKey;
  readonly container: ObservedContainer;
  readonly spec: AgentSpec;
}

function probedBy(world: ReadableWorld, placed: Placed): ProbedContainer {
  const { container, spec } = placed;
  const named = spec.ports.flatMap(({ name, containerPort }) =>
    name === undefined ? [] : [[name, containerPort] as const],
  );
  const { startupProbe: startup, readinessProbe: readiness, livenessProbe: liveness } = spec;
  const target: ProbeTarget = {
    containerId: container.id,
    startedAtMs: container.startedAtMs,
    pid: container.pid,
    namedPorts: Object.fromEntries(named),
    ...addressOf(world, placed),
  };
  const probes = {
    ...(startup && { startup }),
    ...(readiness && { readiness }),
    ...(liveness && { liveness }),
  };
  return { target, probes };
}

/** A pod's member has the address of its pod; with host networking there is none, and the host answers. */
function addressOf(world: ReadableWorld, { key, container, spec }: Placed): { ip?: string } {
  if (spec.podGroup !== undefined) {
    const id = keyString(podsKey(key.namespace, spec.podGroup));
    const ip = factsOf(world.provisions.all(), id, 'Pods')?.running?.ip;
    return ip === undefined ? {} : { ip };
  }
  const ip = Object.values(container.networks).find((address) => address !== '');
  return container.hostNetwork || ip === undefined ? {} : { ip };
}

/** Kept with the record, so that a restart of the controller does not make a ready agent wait for its probes again. */
export function withVerdicts({ record, facts }: View): AgentRecord['replicas'] {
  const saved = facts.observed.containers.flatMap((container) => {
    const id = replicaId(refOf(container));
    const replica = record.replicas[id];
    const verdict = isRunning(container) ? facts.verdictOf(container) : undefined;
    if (!replica || !verdict) return [];
    const { id: containerId, startedAtMs } = container;
    return [[id, { ...replica, verdict: { key: record.key, containerId, startedAtMs, verdict } }] as const];
  });
  return { ...record.replicas, ...Object.fromEntries(saved) };
}
