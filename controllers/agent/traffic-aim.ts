import type { AgentAim, ContainerAim } from '../../src/plan/aim.ts';
import { type ReplicaRef, replicaId } from '../../src/state/replica.ts';
import type { View } from './facts.ts';
import { aimFor } from './replica-aim.ts';
import { refOf } from './replicas.ts';
import { holderAim, mustWait } from './route.ts';

/**
 * The aim with its traffic: the holder, and a stop only of those to whom nobody is sent any more. Under Recreate the old
 * ones must be gone before the new ones come, whoever still asks them.
 */
export function withTraffic(view: View, aim: AgentAim): AgentAim {
  const holder = holderAim(view);
  if (!holder) return withoutHolder(view, aim);
  const waiting = (aim.others === 'Leave' ? [] : strays(view, aim))
    .filter((ref) => mustWait(view, ref))
    .flatMap((ref) => aimFor(view, ref, LAST_REQUESTS));
  const containers = aim.containers.map((one) => afterTraffic(view, one));
  return { ...aim, containers: [...containers, ...waiting], holder };
}

/** What there is of it that the aim does not name. */
function strays({ facts }: View, { containers }: AgentAim): readonly ReplicaRef[] {
  const named = new Set(containers.map((one) => replicaId({ ...one, revision: one.revision.id })));
  return facts.observed.containers.map(refOf).filter((ref) => !named.has(replicaId(ref)));
}

/** Of what there is only the holder goes, which keeps a container from having the name itself. */
function withoutHolder(view: View, aim: AgentAim): AgentAim {
  if (view.facts.observed.holder === undefined || aim.others !== 'Leave') return aim;
  const others = strays(view, aim).flatMap((ref) =>
    aimFor(view, ref, { want: 'Untouched', cause: 'stays for now' }),
  );
  return { ...aim, containers: [...aim.containers, ...others], others: NAME_COMES_BACK };
}

const NAME_COMES_BACK: AgentAim['others'] = {
  remove: 'the name, address and ports are the container’s own again',
  graceSeconds: 1,
};

const LAST_REQUESTS = { want: 'Untouched', cause: 'answers its last requests' } as const;

function afterTraffic(view: View, aim: ContainerAim): ContainerAim {
  const stops = aim.want === 'Stopped' || aim.want === 'Absent';
  return stops && mustWait(view, { ...aim, revision: aim.revision.id }) ? { ...aim, ...LAST_REQUESTS } : aim;
}
