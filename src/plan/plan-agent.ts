import { labels, REVISION_ANNOTATION } from '../api/labels.ts';
import { canonicalJson } from '../state/canonical.ts';
import { containerName, type Incarnation, incarnationLabels } from '../state/names.ts';
import { isHalfMade, isRunning, type ObservedAgent, type ObservedContainer } from '../state/observed.ts';
import type { ContainerTemplate } from '../state/template.ts';
import type { AgentAim, ContainerAim, ImageAim, Ownership } from './aim.ts';
import { driftOperations } from './drift.ts';
import { findIncarnation } from './incarnations.ts';
import type { Operation, Plan } from './operation.ts';
import { holderSteps } from './plan-holder.ts';
import { type OwnPorts, ownPorts, portChecks } from './ports.ts';

const LOG_TAIL_LINES = 20;

/**
 * The calls that bring the observed containers to the aim, in the one safe order: image, traffic away from what is to
 * stop, stops, creates, starts, removals. Empty when they agree already.
 */
export function planAgent(aim: AgentAim, observed: ObservedAgent, ownership: Ownership): Plan {
  const steps = aim.containers.map((container) => ({
    container,
    live: liveOf(observed, container),
    incarnation: incarnationOf(ownership, container),
  }));
  const strays = straysOf(aim, observed);
  const own = ownPorts(observed);
  const image = aim.image ? imageOperations(aim.image, ownership) : [];
  const holder = holderSteps(aim, observed, ownership);
  return {
    operations: [
      ...image,
      ...holder.route,
      ...steps.flatMap((step) => stopOperations(step)),
      ...strays.flatMap(({ live, cause, graceSeconds }) => stopIfRunning(live, graceSeconds, cause)),
      ...holder.removals,
      ...holder.creates,
      ...steps.flatMap((step) => createOperations(step, ownership, own)),
      ...holder.starts,
      ...steps.flatMap((step) => startOperations(step, own)),
      ...steps.flatMap((step) => inPlaceOperations(step)),
      ...steps.flatMap((step) => removeOperations(step)),
      ...strays.map(({ live, cause }) => removal(live, cause)),
      ...holder.replacement,
    ],
  };
}

interface Step {
  readonly container: ContainerAim;
  readonly live: ObservedContainer | undefined;
  readonly incarnation: Incarnation;
}

const incarnationOf = ({ key }: Ownership, { revision, attempt, ordinal }: ContainerAim): Incarnation => ({
  key,
  revision: revision.id,
  attempt,
  ordinal,
});

const liveOf = (
  observed: ObservedAgent,
  { revision, attempt, ordinal }: ContainerAim,
): ObservedContainer | undefined => findIncarnation(observed, { revision: revision.id, attempt, ordinal });

interface Stray {
  readonly live: ObservedContainer;
  readonly cause: string;
  readonly graceSeconds: number;
}

function straysOf({ containers, others }: AgentAim, observed: ObservedAgent): Stray[] {
  if (others === 'Leave') return [];
  const { remove: cause, graceSeconds } = others;
  const named = new Set(containers.map((container) => liveOf(observed, container)?.id));
  return observed.containers
    .filter(({ id }) => !named.has(id))
    .map((live) => ({ live, cause, graceSeconds }));
}

function imageOperations(image: ImageAim, { ownerLabels }: Ownership): Operation[] {
  if (image.type === 'Pull') {
    const { reference, mark, cause } = image;
    const marking: Operation[] =
      mark === undefined ? [] : [{ type: 'TagImage', id: reference, reference: mark, cause: 'was pulled' }];
    return [{ type: 'PullImage', reference, cause }, ...marking];
  }
  const { type: _, inputHash, ...build } = image;
  return [{ type: 'BuildImage', ...build, labels: { ...ownerLabels, [labels.inputHash]: inputHash } }];
}

function stopOperations({ container, live }: Step): Operation[] {
  if (!live) return [];
  const logs: Operation[] = container.captureLogs
    ? [
        {
          type: 'CaptureLogs',
          id: live.id,
          name: live.name,
          tailLines: LOG_TAIL_LINES,
          cause: container.cause,
        },
      ]
    : [];
  const stops = container.want === 'Stopped' || container.want === 'Absent' || mustRestart(container, live);
  return stops ? [...logs, ...stopIfRunning(live, container.graceSeconds, container.cause)] : logs;
}

/** A paused container answers nothing and exits never; a stop and a start is the only way out of it. */
const mustRestart = (container: ContainerAim, live: ObservedContainer): boolean =>
  container.want === 'Running' && live.state === 'paused';

const stopIfRunning = (live: ObservedContainer, graceSeconds: number, cause: string): Operation[] =>
  isRunning(live) ? [{ type: 'StopContainer', id: live.id, name: live.name, graceSeconds, cause }] : [];

const removal = (live: ObservedContainer, cause: string): Operation => ({
  type: 'RemoveContainer',
  id: live.id,
  name: live.name,
  cause,
});

const wantsToExist = ({ want }: ContainerAim): boolean => want === 'Running' || want === 'Created';

function createOperations(step: Step, ownership: Ownership, own: OwnPorts): Operation[] {
  const { container, live, incarnation } = step;
  if (!wantsToExist(container) || (live && !isHalfMade(live))) return [];
  const { cause, revision } = container;
  const create: Operation = {
    type: 'CreateContainer',
    name: containerName(incarnation),
    template: revision.template,
    labels: { ...ownership.ownerLabels, ...incarnationLabels(incarnation) },
    annotations: { [REVISION_ANNOTATION]: canonicalJson(revision.template) },
    cause,
  };
  const leftover = live ? [removal(live, 'left half made by an interrupted call')] : [];
  return [...portChecks(revision.template.ports, own, cause), ...leftover, create];
}

function startOperations({ container, live, incarnation }: Step, own: OwnPorts): Operation[] {
  if (container.want !== 'Running') return [];
  if (live && isRunning(live) && live.state !== 'paused') return [];
  const { cause, revision } = container;
  const isNew = !live || isHalfMade(live);
  const name = isNew ? containerName(incarnation) : live.name;
  const checks = isNew ? [] : portChecks(revision.template.ports, own, cause);
  return [...checks, { type: 'StartContainer', name, ...bindsOf(revision.template), cause }];
}

/** Where in the host a part of a volume lies only Podman knows. */
function bindsOf({ mounts }: ContainerTemplate): { readonly binds?: readonly string[] } {
  if (mounts.some((mount) => mount.type === 'volume' && mount.subPath !== undefined)) return {};
  return { binds: mounts.flatMap((mount) => (mount.type === 'bind' ? [mount.source] : [])) };
}

function inPlaceOperations({ container, live, incarnation }: Step): Operation[] {
  if (!live || container.want === 'Absent' || container.want === 'Untouched') return [];
  const drift = container.correctDrift
    ? driftOperations(live, container.revision.template, containerName(incarnation))
    : [];
  if (container.signal === undefined || !isRunning(live)) return drift;
  const { signal, cause } = container;
  return [...drift, { type: 'SignalContainer', id: live.id, name: live.name, signal, cause }];
}

const removeOperations = ({ container, live }: Step): Operation[] =>
  live && container.want === 'Absent' ? [removal(live, container.cause)] : [];
