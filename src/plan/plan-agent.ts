import { labels, REVISION_ANNOTATION } from '../api/labels.ts';
import { canonicalJson } from '../state/canonical.ts';
import { containerName, type Incarnation, incarnationLabels } from '../state/names.ts';
import { isRunning, type ObservedAgent, type ObservedContainer } from '../state/observed.ts';
import type { PublishedPort } from '../state/template.ts';
import type { AgentAim, ContainerAim, ImageAim, Ownership } from './aim.ts';
import { driftOperations } from './drift.ts';
import type { Operation, Plan } from './operation.ts';

const LOG_TAIL_LINES = 20;

/**
 * The calls that bring the observed containers to the aim, in the one safe order: image, stops, creates, starts,
 * removals. Empty when they agree already.
 */
export function planAgent(aim: AgentAim, observed: ObservedAgent, ownership: Ownership): Plan {
  const steps = aim.containers.map((container) => ({
    container,
    live: findIncarnation(observed, container),
    incarnation: incarnationOf(ownership, container),
  }));
  const strays = straysOf(aim, observed);
  const held = heldPorts(observed);
  const image = aim.image ? [imageOperation(aim.image, ownership)] : [];
  return {
    operations: [
      ...image,
      ...steps.flatMap((step) => stopOperations(step)),
      ...strays.flatMap(({ live, cause, graceSeconds }) => stopIfRunning(live, graceSeconds, cause)),
      ...steps.flatMap((step) => createOperations(step, ownership, held)),
      ...steps.flatMap((step) => startOperations(step, held)),
      ...steps.flatMap((step) => inPlaceOperations(step)),
      ...steps.flatMap((step) => removeOperations(step)),
      ...strays.map(({ live, cause }) => removal(live, cause)),
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

/** By label, never by name: a rename behind our back loses nothing. */
export const findIncarnation = (
  observed: ObservedAgent,
  { revision, attempt, ordinal }: Pick<ContainerAim, 'revision' | 'attempt' | 'ordinal'>,
): ObservedContainer | undefined =>
  observed.containers.find(
    (container) =>
      container.labels[labels.revision] === revision.id &&
      container.labels[labels.attempt] === String(attempt) &&
      container.labels[labels.ordinal] === String(ordinal),
  );

interface Stray {
  readonly live: ObservedContainer;
  readonly cause: string;
  readonly graceSeconds: number;
}

function straysOf({ containers, others }: AgentAim, observed: ObservedAgent): Stray[] {
  if (others === 'Leave') return [];
  const { remove: cause, graceSeconds } = others;
  const named = new Set(containers.map((container) => findIncarnation(observed, container)?.id));
  return observed.containers
    .filter(({ id }) => !named.has(id))
    .map((live) => ({ live, cause, graceSeconds }));
}

const heldPorts = (observed: ObservedAgent): ReadonlySet<string> =>
  new Set(observed.containers.filter(isRunning).flatMap((container) => container.ports.map(portKey)));

const portKey = (port: { readonly hostPort: number; readonly protocol: string }): string =>
  `${port.hostPort}/${port.protocol}`;

function imageOperation(image: ImageAim, { ownerLabels }: Ownership): Operation {
  if (image.type === 'Pull') return { type: 'PullImage', reference: image.reference, cause: image.cause };
  const { type: _, inputHash, ...build } = image;
  return { type: 'BuildImage', ...build, labels: { ...ownerLabels, [labels.inputHash]: inputHash } };
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

/** Left half made by a create or a start that was cut off: starting it again is not to be relied on. */
const isHalfMade = (live: ObservedContainer): boolean =>
  live.state === 'initialized' || live.state === 'unknown' || live.state === 'removing';

const wantsToExist = ({ want }: ContainerAim): boolean => want === 'Running' || want === 'Created';

function createOperations(step: Step, ownership: Ownership, held: ReadonlySet<string>): Operation[] {
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
  return [...portChecks(revision.template.ports, held, cause), ...leftover, create];
}

function portChecks(ports: readonly PublishedPort[], held: ReadonlySet<string>, cause: string): Operation[] {
  return ports.filter((port) => !held.has(portKey(port))).map((port) => ({ type: 'CheckPort', port, cause }));
}

function startOperations({ container, live, incarnation }: Step, held: ReadonlySet<string>): Operation[] {
  if (container.want !== 'Running') return [];
  if (live && isRunning(live) && live.state !== 'paused') return [];
  const { cause, revision } = container;
  const isNew = !live || isHalfMade(live);
  const name = isNew ? containerName(incarnation) : live.name;
  const checks = isNew ? [] : portChecks(revision.template.ports, held, cause);
  return [...checks, { type: 'StartContainer', name, cause }];
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
