import { keyString, type ObjectKey } from '../../src/api/key.ts';
import type { ProbeTarget } from '../../src/probe/probe.ts';
import type { Prober } from '../../src/probe/prober.ts';
import { labels } from '../../src/api/labels.ts';
import { isRunning, type ObservedAgent, type ObservedContainer } from '../../src/state/observed.ts';
import { factsOf } from '../../src/state/provision.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { desiredObject, type World } from '../world.ts';
import { attemptOf, runningRevision } from './facts.ts';

interface Subject {
  readonly key: ObjectKey;
  readonly observed: ObservedAgent;
  readonly record: AgentRecord;
}

/** Keeps the prober on the container that should serve, with the probes of the newest manifest. */
export function probeServing(world: World, prober: Prober, { key, observed, record }: Subject): void {
  const spec = desiredObject(world, 'Agent', keyString(key))?.manifest.spec;
  const container = servingContainer(observed, record);
  if (!spec || !container) return prober.sync(key, []);
  const named = spec.ports.flatMap(({ name, containerPort }) =>
    name === undefined ? [] : [[name, containerPort] as const],
  );
  const { startupProbe: startup, readinessProbe: readiness, livenessProbe: liveness } = spec;
  const target: ProbeTarget = {
    containerId: container.id,
    startedAtMs: container.startedAtMs,
    pid: container.pid,
    namedPorts: Object.fromEntries(named),
    ...addressOf(world, { key, container, podGroup: spec.podGroup }),
  };
  const probes = {
    ...(startup && { startup }),
    ...(readiness && { readiness }),
    ...(liveness && { liveness }),
  };
  prober.sync(key, [{ target, probes }]);
}

function servingContainer(observed: ObservedAgent, record: AgentRecord): ObservedContainer | undefined {
  const revision = runningRevision(record);
  if (revision === undefined) return undefined;
  const attempt = String(attemptOf(record, revision));
  return observed.containers.find(
    (container) =>
      isRunning(container) &&
      container.labels[labels.revision] === revision &&
      container.labels[labels.attempt] === attempt,
  );
}

interface Placed {
  readonly key: ObjectKey;
  readonly container: ObservedContainer;
  readonly podGroup: string | undefined;
}

/** A pod's member has the address of its pod; with host networking there is none, and the host answers. */
function addressOf(world: World, { key, container, podGroup }: Placed): { ip?: string } {
  if (podGroup !== undefined) {
    const id = keyString({ kind: 'PodGroup', namespace: key.namespace, name: podGroup });
    const ip = factsOf(world.provisions.all(), id, 'PodGroup')?.ip;
    return ip === undefined ? {} : { ip };
  }
  const ip = Object.values(container.networks).find((address) => address !== '');
  return container.hostNetwork || ip === undefined ? {} : { ip };
}
