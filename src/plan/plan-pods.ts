import { labels } from '../api/labels.ts';
import { isRunning, type ObservedContainer, type ObservedPod } from '../state/observed.ts';
import type { PodTemplate } from '../state/template.ts';
import { connections } from './drift.ts';
import type { Operation, Plan } from './operation.ts';
import { portChecks } from './ports.ts';

/** What should be of one pod group: policy writes it, `planPods` turns it into calls. */
export interface PodsAim {
  /** The pod that its manifest asks for; absent where it is not to be made. */
  readonly wanted?: NewPod;
  /** Whose infra container should run, and no other's; absent while some are still where others have left. */
  readonly run?: string;
  /** What may be gone back to, and what runs; the others are removed. */
  readonly keep: ReadonlySet<string>;
  readonly cause: string;
}

export interface NewPod {
  readonly name: string;
  readonly template: PodTemplate;
  readonly labels: Readonly<Record<string, string>>;
}

/** A pod with those of its containers that belong to agents. */
export interface LivePod extends ObservedPod {
  readonly members: readonly ObservedContainer[];
}

/**
 * The calls that bring the pods of one group to the aim. Everything that can fail comes first; only then does anything
 * stop, and one pod goes down before another, which has the same address and ports, comes up. A pod that is made here is
 * started by the next plan, which sees its infra container.
 */
export function planPods(aim: PodsAim, found: readonly LivePod[]): Plan {
  const { wanted, run, keep } = aim;
  const broken =
    wanted && run === wanted.name ? found.filter((pod) => pod.name === run && isBroken(pod)) : [];
  const alive = found.filter((pod) => !broken.includes(pod));
  const missing = wanted && !alive.some(({ name }) => name === wanted.name) ? [wanted] : [];
  const leaving = run === undefined ? [] : alive.filter(({ name }) => name !== run);
  return {
    operations: [
      ...missing.flatMap(({ template }) => checks(template, found)),
      ...broken.map((pod) => removal(pod, 'its infra container is not running')),
      ...missing.map(creation),
      ...leaving.filter(({ name }) => keep.has(name)).flatMap((pod) => stops(pod, aim.cause)),
      ...leaving.filter(({ name }) => !keep.has(name)).map((pod) => removal(pod, 'its pod group changed')),
      ...alive.filter(({ name }) => name === run).flatMap(starts),
      ...alive
        .filter(({ name }) => name === run && name === wanted?.name)
        .flatMap((pod) => connects(pod, wanted)),
    ],
  };
}

/** Members of an infra container that died are in a network namespace that nobody can reach: only a new pod helps. */
const isBroken = ({ infraState, members }: LivePod): boolean =>
  (!STARTABLE.has(infraState) && infraState !== 'running') ||
  (infraState === 'exited' && members.some(isRunning));

const STARTABLE: ReadonlySet<string> = new Set(['created', 'exited']);

/** A port that a pod of the group holds is free once that one is down. */
const checks = ({ ports }: PodTemplate, found: readonly LivePod[]): Operation[] =>
  portChecks(
    ports,
    { held: new Set(found.flatMap((pod) => (pod.labels[labels.ports] ?? '').split(' '))), idle: new Map() },
    'is published by the new pod',
  );

const creation = ({ name, template, labels: own }: NewPod): Operation => ({
  type: 'CreatePod',
  name,
  template,
  labels: own,
  cause: 'is not there',
});

const removal = ({ id, name }: ObservedPod, cause: string): Operation => ({
  type: 'RemovePod',
  id,
  name,
  cause,
});

/** An infra container only waits: it needs no time to end. */
const INFRA_GRACE_SECONDS = 1;

const stops = ({ infraId: id, infraState, name }: ObservedPod, cause: string): Operation[] =>
  infraState === 'running'
    ? [{ type: 'StopContainer', id, name: id, graceSeconds: INFRA_GRACE_SECONDS, cause: `${name}: ${cause}` }]
    : [];

function connects(
  { infraId: id, infraState, name, networks }: LivePod,
  wanted: NewPod | undefined,
): Operation[] {
  const network = wanted?.template.network;
  if (infraState !== 'running' || network?.mode !== 'bridge') return [];
  return connections({ id, name, networks }, network.networks);
}

/** By itself, never by `pods/start`: that also starts members that are kept stopped. */
function starts({ infraId, infraState, members, name }: LivePod): Operation[] {
  if (infraState === 'running') return [];
  const lost: Operation[] = members.filter(isRunning).map((member) => ({
    type: 'StopContainer',
    id: member.id,
    name: member.name,
    graceSeconds: INFRA_GRACE_SECONDS,
    cause: 'its pod lost its network',
  }));
  const cause = `holds the namespaces of pod ${name}`;
  return [...lost, { type: 'StartContainer', name: infraId, cause }];
}
