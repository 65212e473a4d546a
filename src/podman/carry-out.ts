import { messageOf } from '../api/errors.ts';
import type { ObjectKey } from '../api/key.ts';
import { labels } from '../api/labels.ts';
import type { CallOf, CallType, Operation } from '../plan/operation.ts';
import { isRunning } from '../state/observed.ts';
import { PodmanError } from './errors.ts';
import type { ExecutorOptions } from './executor-options.ts';
import { createHolderImage, holderContainer } from './holder.ts';
import type { CreateContainer, Podman } from './podman.ts';

/** Makes the one call of an operation; `CaptureLogs` answers with its lines. */
export type CarryOut = (
  operation: Operation,
  key: ObjectKey,
  signal: AbortSignal,
) => Promise<readonly string[] | undefined>;

/** A candidate's last words are for a person: longer ones are in `rookery logs`. */
const LOG_DEADLINE_MS = 5_000;
/** A container that just exited lets go of its port a moment later. */
const PORT_RETRIES = 10;
const PORT_RETRY_MS = 50;

export function carryOut(given: ExecutorOptions): CarryOut {
  const options = { ...given, holderImage: createHolderImage(given.podman, given.architecture) };
  return async (operation, key, signal) => {
    if (operation.type === 'CaptureLogs') return captureLogs(options.podman, operation);
    await carryOutSpecial(options, { operation, key, signal });
    return undefined;
  };
}

type Tools = ExecutorOptions & { readonly holderImage: (signal: AbortSignal) => Promise<string> };

interface Call {
  readonly operation: Exclude<Operation, { type: 'CaptureLogs' }>;
  readonly key: ObjectKey;
  readonly signal: AbortSignal;
}

/** Calls that need more than their own fields; the others are one line each. */
function carryOutSpecial(options: Tools, { operation, key, signal }: Call): Promise<unknown> {
  const { podman } = options;
  switch (operation.type) {
    case 'CheckPort':
      return checkPort(options, operation);
    case 'PullImage':
      return podman.pullImage(operation.reference, progressOf(options, key), signal);
    case 'BuildImage':
      return unlessThere(podman, operation.tags, () =>
        podman.buildImage(operation, progressOf(options, key), signal),
      );
    case 'ImportImage':
      return unlessThere(podman, [operation.reference], () => podman.importImage(operation, signal));
    case 'CreateContainer':
      return createOrMatch(podman, operation);
    case 'CreateHolder':
      return options
        .holderImage(signal)
        .then((imageId) => createOrMatch(podman, holderContainer(operation, imageId)));
    case 'RouteTraffic':
      return routeTraffic(options, operation);
    case 'CreateSecret':
      return createSecret(options, operation.name);
    default:
      return carryOutPlain(podman, operation);
  }
}

type SpecialType =
  | 'CheckPort'
  | 'CaptureLogs'
  | 'PullImage'
  | 'BuildImage'
  | 'ImportImage'
  | 'CreateContainer'
  | 'CreateHolder'
  | 'RouteTraffic'
  | 'CreateSecret';
type PlainType = Exclude<CallType, SpecialType>;

/** One line each: the fields of the call are the arguments of the method. */
const PLAIN: { readonly [T in PlainType]: (podman: Podman, call: CallOf<T>) => Promise<unknown> } = {
  StartContainer: (podman, { name, binds }) => podman.startContainer(name, { binds }),
  StopContainer: (podman, { id, graceSeconds }) => podman.stopContainer(id, graceSeconds),
  SignalContainer: (podman, { id, signal }) => podman.killContainer(id, signal),
  RemoveContainer: (podman, { id }) => podman.removeContainer(id),
  RenameContainer: (podman, { id, to }) => podman.renameContainer(id, to),
  UpdateContainer: (podman, { id, limits }) => podman.updateContainer(id, limits),
  ConnectNetwork: (podman, call) => podman.connectNetwork(call.network, call.id, call),
  DisconnectNetwork: (podman, { network, id }) => podman.disconnectNetwork(network, id),
  TagImage: (podman, { id, reference }) => podman.tagImage(id, reference),
  RemoveImage: (podman, { reference }) => podman.removeImage(reference),
  CreatePod: (podman, { name, template, labels: own }) => podman.createPod(name, template, own),
  RemovePod: (podman, { id }) => podman.removePod(id),
  CreateNetwork: (podman, call) => podman.createNetwork(call),
  RemoveNetwork: (podman, { name }) => podman.removeNetwork(name),
  CreateVolume: (podman, call) => podman.createVolume(call),
  ExportVolume: (podman, { name, toFile }) => podman.exportVolume(name, toFile),
  RestoreVolume: (podman, { name, fromFile }) => podman.restoreVolume(name, fromFile),
  RemoveVolume: (podman, { name }) => podman.removeVolume(name),
  RemoveSecret: (podman, { name }) => podman.removeSecret(name),
};

/** The table is typed entry by entry; only here is the pairing of a call with its own entry taken on trust. */
function carryOutPlain(podman: Podman, operation: Extract<Operation, { type: PlainType }>): Promise<unknown> {
  const call = PLAIN[operation.type] as (podman: Podman, call: Operation) => Promise<unknown>;
  return call(podman, operation);
}

/** The tag says what is in it: whoever waited in the lane for another agent's build of the same finds it done. */
async function unlessThere(
  podman: Podman,
  tags: readonly string[],
  make: () => Promise<unknown>,
): Promise<unknown> {
  const found = await Promise.all(tags.map((tag) => podman.inspectImage(tag)));
  return found.every((image) => image !== undefined) ? undefined : make();
}

const progressOf =
  ({ onProgress }: ExecutorOptions, key: ObjectKey) =>
  (line: string): void =>
    onProgress(key, line);

/**
 * Create, or find what an interrupted create left: the name is taken, and by ours of the same attempt. Somebody
 * else's container of that name is a conflict and is never touched.
 */
async function createOrMatch(podman: Podman, operation: CreateContainer): Promise<void> {
  try {
    await podman.createContainer(operation);
  } catch (error) {
    if (!(error instanceof PodmanError) || error.kind !== 'NameInUse') throw error;
    const found = await podman.inspectContainer(operation.name);
    if (!found) return removeGhost(podman, operation);
    if (Object.entries(operation.labels).every(([label, value]) => found.labels[label] === value)) return;
    const owner = found.labels[labels.managedBy] ? 'another installation' : 'something else';
    throw new PodmanError(
      'NameInUse',
      `${owner} has a container of this name; remove or rename ${operation.name}`,
    );
  }
}

/** A create that was killed half way leaves storage without a container: the name is taken and nothing can be inspected. */
async function removeGhost(podman: Podman, operation: CreateContainer): Promise<void> {
  await podman.removeContainer(operation.name);
  await podman.createContainer(operation);
}

/** A holder that ended in the meantime is found by the next look; its rules went with it. */
async function routeTraffic(
  { podman, traffic }: ExecutorOptions,
  { id, name, to }: CallOf<'RouteTraffic'>,
): Promise<void> {
  const holder = await podman.inspectContainer(id);
  if (!holder || !isRunning(holder)) throw new PodmanError('NotFound', `${name} does not run`);
  await traffic.route(holder, to).catch((error: unknown) => {
    throw new PodmanError('Other', messageOf(error), undefined, { cause: error });
  });
}

async function createSecret({ podman, secretValue }: ExecutorOptions, name: string): Promise<void> {
  const value = secretValue(name);
  if (value === undefined) throw new PodmanError('BadRequest', 'its value is no longer in the manifests');
  await podman.createSecret(name, value);
}

/** Podman finds out at start, and then cuts the other container's port too (4.3): so look before. */
async function checkPort(
  { podman, isPortFree, clock }: ExecutorOptions,
  { port, mayListen }: CallOf<'CheckPort'>,
): Promise<void> {
  for (let attempt = 0; attempt < PORT_RETRIES; attempt += 1) {
    if (await isPortFree(port.hostIP, port.hostPort, port.protocol)) return;
    if (attempt === 0) for (const id of mayListen) await podman.endCutOffStart(id);
    await new Promise<void>((resolve) => void clock.setTimer(PORT_RETRY_MS, resolve));
  }
  throw new PodmanError(
    'PortInUse',
    'something else listens there; free the port or choose another hostPort',
  );
}

async function captureLogs(podman: Podman, { id, tailLines }: CallOf<'CaptureLogs'>): Promise<string[]> {
  const lines: string[] = [];
  const options = { follow: false, tailLines, timestamps: false };
  for await (const { text } of podman.logs(id, options, AbortSignal.timeout(LOG_DEADLINE_MS)))
    lines.push(text);
  return lines.slice(-tailLines);
}
