import { HOLDER_ANNOTATION } from '../api/labels.ts';
import { canonicalJson } from '../state/canonical.ts';
import { holderLabels, holderName } from '../state/names.ts';
import {
  isHalfMade,
  isRunning,
  type ObservedAgent,
  type ObservedContainer,
  type ObservedHolder,
} from '../state/observed.ts';
import type { HolderTemplate } from '../state/template.ts';
import type { ReplicaRef } from '../state/replica.ts';
import type { AgentAim, HolderAim, Ownership } from './aim.ts';
import { connections } from './drift.ts';
import { findIncarnation } from './incarnations.ts';
import type { Operation } from './operation.ts';
import { ownPorts, portChecks } from './ports.ts';

/** What is to be done about the holder, by its place in the plan of the whole agent. */
export interface HolderSteps {
  /** Before anything stops: who is about to be stopped must get no new connection. */
  readonly route: readonly Operation[];
  /** Before anything starts: its names, addresses and ports are free for whoever comes after it. */
  readonly removals: readonly Operation[];
  readonly creates: readonly Operation[];
  readonly starts: readonly Operation[];
  /** Last, and only when its new ports are free: until then the old one goes on. */
  readonly replacement: readonly Operation[];
}

/** A holder that was just made is routed by the next plan, which sees its id and that it leads nowhere. */
export function holderSteps(aim: AgentAim, observed: ObservedAgent, ownership: Ownership): HolderSteps {
  const steps = stepsOfOne(aim, observed, ownership);
  const spares = (observed.spareHolders ?? []).map((spare) => removal(spare, 'the agent has another holder'));
  return { ...steps, removals: [...spares, ...steps.removals] };
}

function stepsOfOne(aim: AgentAim, observed: ObservedAgent, ownership: Ownership): HolderSteps {
  const { holder } = observed;
  if (!aim.holder) return { ...NO_STEPS, removals: removalOfUnwanted(aim, holder?.container) };
  if (!holder || isHalfMade(holder.container))
    return { ...NO_STEPS, ...made(aim.holder, observed, ownership) };
  const live = holder.container;
  const route = isRunning(live) ? routeOperations(aim.holder, holder, observed) : [];
  if (isOutdated(live, aim.holder.template))
    return {
      ...NO_STEPS,
      route,
      replacement: [
        ...portChecks(aim.holder.template.ports, ownPorts(observed), aim.holder.cause),
        removal(live, 'its names, addresses or ports changed'),
        creation(aim.holder, ownership),
        { type: 'StartContainer', name: holderName(ownership.key), cause: aim.holder.cause },
      ],
    };
  const starts = isRunning(live)
    ? connections(live, aim.holder.template.networks)
    : startOperations(aim.holder, observed, live.name);
  return { ...NO_STEPS, route, starts };
}

const NO_STEPS: HolderSteps = { route: [], removals: [], creates: [], starts: [], replacement: [] };

/** It was made for other names, addresses or ports. */
export const isOutdated = ({ annotations }: ObservedContainer, template: HolderTemplate): boolean =>
  annotations[HOLDER_ANNOTATION] !== canonicalJson(template);

type Made = Pick<HolderSteps, 'removals' | 'creates' | 'starts'>;

function made(aim: HolderAim, observed: ObservedAgent, ownership: Ownership): Made {
  const leftover = observed.holder?.container;
  return {
    removals: leftover ? [removal(leftover, 'left half made by an interrupted call')] : [],
    creates: [creation(aim, ownership)],
    starts: startOperations(aim, observed, holderName(ownership.key)),
  };
}

/** The holder runs nothing that needs a moment to end: a removal kills it. */
const removal = ({ id, name }: ObservedContainer, cause: string): Operation => ({
  type: 'RemoveContainer',
  id,
  name,
  cause,
});

const removalOfUnwanted = ({ others }: AgentAim, live: ObservedContainer | undefined): Operation[] =>
  live && others !== 'Leave' ? [removal(live, others.remove)] : [];

const creation = ({ template, cause }: HolderAim, { key, ownerLabels }: Ownership): Operation => ({
  type: 'CreateHolder',
  name: holderName(key),
  template,
  labels: { ...ownerLabels, ...holderLabels(key) },
  annotations: { [HOLDER_ANNOTATION]: canonicalJson(template) },
  cause,
});

const startOperations = (
  { template, cause }: HolderAim,
  observed: ObservedAgent,
  name: string,
): Operation[] => [
  ...portChecks(template.ports, ownPorts(observed), cause),
  { type: 'StartContainer', name, cause },
];

function routeOperations(
  { template, route, cause }: HolderAim,
  holder: ObservedHolder,
  { containers }: Replicas,
): Operation[] {
  // One that is about to be replaced is on the networks that it was made for.
  const names = template.networks.map(({ name }) => name);
  const network = names.find((name) => name in holder.container.networks) ?? names[0];
  if (network === undefined) return [];
  const to = destinations(route, { containers, holder }, network);
  if (canonicalJson(to) === canonicalJson([...holder.route].sort())) return [];
  const { id, name } = holder.container;
  return [{ type: 'RouteTraffic', id, name, to, cause }];
}

type Replicas = Pick<ObservedAgent, 'containers'>;

/**
 * The addresses of those who are to answer. While none of them has one, whoever answers now and still runs goes on:
 * but an address that nobody has any more must refuse at once, not leave its callers waiting.
 */
function destinations(
  route: readonly ReplicaRef[],
  observed: Replicas & { readonly holder: ObservedHolder },
  network: string,
): string[] {
  const addressOf = (container: ObservedContainer | undefined): string[] => {
    const address = container && isRunning(container) ? container.networks[network] : undefined;
    return address === undefined ? [] : [address];
  };
  const wanted = route.flatMap((target) => addressOf(findIncarnation(observed, target)));
  if (wanted.length > 0 || route.length === 0) return wanted.sort();
  const alive = new Set(observed.containers.flatMap(addressOf));
  return observed.holder.route.filter((address) => alive.has(address)).sort();
}
