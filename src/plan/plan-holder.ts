import { HOLDER_ANNOTATION } from '../api/labels.ts';
import { canonicalJson } from '../state/canonical.ts';
import { holderLabels, holderName } from '../state/names.ts';
import { isRunning, type ObservedAgent, type ObservedContainer } from '../state/observed.ts';
import type { AgentAim, HolderAim, Ownership, RouteTarget } from './aim.ts';
import { findIncarnation } from './incarnations.ts';
import type { Operation } from './operation.ts';
import { heldPorts, portChecks } from './ports.ts';

/** What is to be done about the holder, by its place in the plan of the whole agent. */
export interface HolderSteps {
  /** Before anything stops: who is about to be stopped must get no new connection. */
  readonly route: readonly Operation[];
  /** Before anything starts: its names, addresses and ports are free for whoever comes after it. */
  readonly removals: readonly Operation[];
  readonly creates: readonly Operation[];
  readonly starts: readonly Operation[];
}

/** A holder that was just made is routed by the next plan, which sees its id and that it leads nowhere. */
export function holderSteps(aim: AgentAim, observed: ObservedAgent, ownership: Ownership): HolderSteps {
  const live = observed.holder?.container;
  if (!aim.holder) return { ...NO_STEPS, removals: removalOfUnwanted(aim, live) };
  const obsolete = live && obsolescence(live, aim.holder);
  const kept = obsolete === undefined ? live : undefined;
  return {
    route: kept && isRunning(kept) ? routeOperations(aim.holder, observed) : [],
    removals: live && obsolete !== undefined ? [removal(live, obsolete)] : [],
    creates: kept ? [] : [creation(aim.holder, ownership)],
    starts:
      kept && isRunning(kept)
        ? []
        : startOperations(aim.holder, observed, kept?.name ?? holderName(ownership.key)),
  };
}

const NO_STEPS: HolderSteps = { route: [], removals: [], creates: [], starts: [] };

/** The holder runs nothing that needs a moment to end: a removal kills it. */
const removal = ({ id, name }: ObservedContainer, cause: string): Operation => ({
  type: 'RemoveContainer',
  id,
  name,
  cause,
});

const removalOfUnwanted = ({ others }: AgentAim, live: ObservedContainer | undefined): Operation[] =>
  live && others !== 'Leave' ? [removal(live, others.remove)] : [];

/** Why this one cannot stay; undefined when it can. */
function obsolescence(live: ObservedContainer, { template }: HolderAim): string | undefined {
  if (live.state === 'initialized' || live.state === 'unknown' || live.state === 'removing')
    return 'left half made by an interrupted call';
  return live.annotations[HOLDER_ANNOTATION] === canonicalJson(template)
    ? undefined
    : 'its names, addresses or ports changed';
}

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
  ...portChecks(template.ports, heldPorts(observed), cause),
  { type: 'StartContainer', name, cause },
];

function routeOperations({ template, route, cause }: HolderAim, observed: ObservedAgent): Operation[] {
  const { holder } = observed;
  const network = template.networks[0]?.name;
  if (!holder || network === undefined) return [];
  const to = destinations(route, observed, network);
  if (canonicalJson(to) === canonicalJson([...holder.route].sort())) return [];
  const { id, name } = holder.container;
  return [{ type: 'RouteTraffic', id, name, to, cause }];
}

/**
 * The addresses of those who are to answer. While none of them has one, whoever answers now and still runs goes on:
 * but an address that nobody has any more must refuse at once, not leave its callers waiting.
 */
function destinations(route: readonly RouteTarget[], observed: ObservedAgent, network: string): string[] {
  const addressOf = (container: ObservedContainer | undefined): string[] => {
    const address = container && isRunning(container) ? container.networks[network] : undefined;
    return address === undefined ? [] : [address];
  };
  const wanted = route.flatMap((target) => addressOf(findIncarnation(observed, target)));
  if (wanted.length > 0 || route.length === 0) return wanted.sort();
  const alive = new Set(observed.containers.flatMap(addressOf));
  return (observed.holder?.route ?? []).filter((address) => alive.has(address)).sort();
}
