import { assignAddresses, releaseAddresses, requireFreePorts } from './addresses.ts';
import { type FakeContainer, type FakePod, failure, isUp, type World } from './world.ts';

const KILLED = 137;

/** The process of a container: what makes it start and end, and what Podman remembers of it. */
export function startProcess(world: World, container: FakeContainer): void {
  const { template } = container.request;
  const program = world.program(template);
  const pod = container.podId === undefined ? undefined : world.pods.get(container.podId);
  if (pod) startInfra(world, pod);
  requireFreePorts(world, template.ports);
  assignAddresses(world, container);
  if (program.cannotRun !== undefined) {
    releaseAddresses(container);
    throw failure(
      'CannotRun',
      `${program.cannotRun}: OCI runtime attempted to invoke a command that was not found`,
    );
  }
  world.cutOff.delete(container.id);
  Object.assign(container, {
    state: 'running',
    pid: world.newPid(),
    startedAtMs: world.clock.now(),
    upSinceMs: world.uptimeMs(),
    exitCode: 0,
    oomKilled: false,
  });
  emitOf(world, container, 'start');
  for (const line of program.output ?? []) writeLog(world, container, line);
  if (program.exitAfterMs === undefined) return;
  const exit = (): void => endProcess(world, container, { exitCode: program.exitCode ?? 0 });
  container.cancels.push(world.clock.setTimer(program.exitAfterMs, exit));
}

export interface Ending {
  readonly exitCode: number;
  readonly oomKilled?: boolean;
}

/** Nothing happens when it does not run. */
export function endProcess(world: World, container: FakeContainer, ending: Ending): void {
  if (!isUp(container.state)) return;
  for (const cancel of container.cancels) cancel();
  container.cancels = [];
  releaseAddresses(container);
  Object.assign(container, {
    state: 'exited',
    pid: 0,
    route: [],
    finishedAtMs: world.clock.now(),
    exitCode: ending.exitCode,
    oomKilled: ending.oomKilled ?? false,
  });
  emitOf(world, container, 'died');
  wake(container);
}

/** What `inspect` says of one that ran when its host went down. */
export function loseProcess(world: World, container: FakeContainer): void {
  if (!isUp(container.state)) return;
  endProcess(world, container, { exitCode: KILLED });
  container.finishedAtMs = container.startedAtMs;
}

export function sendSignal(world: World, container: FakeContainer, signal: string): void {
  const name = signal.toUpperCase().replace(/^SIG/, '');
  if (name === 'KILL' || name === '9') return endProcess(world, container, { exitCode: KILLED });
  if (name !== 'TERM' && name !== '15') return;
  const program = world.program(container.request.template);
  if (program.ignoresTerm) return;
  const exit = (): void => endProcess(world, container, { exitCode: program.stopExitCode ?? 0 });
  if (program.stopAfterMs === undefined) exit();
  else container.cancels.push(world.clock.setTimer(program.stopAfterMs, exit));
}

/** Resolves when the container has exited: by the signal, or killed after the grace. */
export async function stopProcess(
  world: World,
  container: FakeContainer,
  graceSeconds: number,
): Promise<void> {
  container.state = 'stopping';
  const exited = untilExited(container);
  const kill = (): void => endProcess(world, container, { exitCode: KILLED });
  const cancel = world.clock.setTimer(graceSeconds * 1_000, kill);
  container.cancels.push(cancel);
  sendSignal(world, container, 'TERM');
  await exited;
  emitOf(world, container, 'stop');
}

function untilExited(container: FakeContainer): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isUp(container.state)) return;
      container.watchers.delete(look);
      resolve();
    };
    container.watchers.add(look);
  });
}

export function writeLog(
  world: World,
  container: FakeContainer,
  line: { readonly stream: 'stdout' | 'stderr'; readonly text: string },
): void {
  container.log.push({ ...line, atMs: world.clock.now() });
  wake(container);
}

export const wake = (container: FakeContainer): void => {
  for (const watcher of container.watchers) watcher();
};

export function startInfra(world: World, pod: FakePod): void {
  if (isUp(pod.infraState)) return;
  requireFreePorts(world, pod.template.ports);
  assignAddresses(world, pod);
  Object.assign(pod, {
    infraState: 'running',
    infraPid: world.newPid(),
    infraStartedAtMs: world.clock.now(),
  });
  world.emit({ type: 'pod', action: 'start', id: pod.id, name: pod.name, labels: pod.labels });
}

export function endInfra(world: World, pod: FakePod): void {
  if (!isUp(pod.infraState)) return;
  releaseAddresses(pod);
  Object.assign(pod, { infraState: 'exited', infraPid: 0 });
  world.emit({ type: 'pod', action: 'stop', id: pod.id, name: pod.name, labels: pod.labels });
}

export function emitOf(world: World, container: FakeContainer, action: string): void {
  const { id, name, request } = container;
  world.emit({ type: 'container', action, id, name, labels: request.labels });
}
