import { isRunning } from '../state/observed.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import { refuseReplacedBinds } from './bind-guard.ts';
import type { Dial, Reply } from './dial.ts';
import type { PodmanError } from './errors.ts';
import { containerPath, type InspectContainer, inspectWire } from './inspect-container.ts';
import { insistOnStart } from './insist.ts';
import type { EndOrphans } from './orphans.ts';
import { isPortFree } from './ports.ts';
import type { Podman, StartOptions } from './podman.ts';
import type { ReclaimAddresses } from './reclaim-addresses.ts';
import { isRefusal, refusalOf } from './refusal.ts';

/** On top of the grace: SIGKILL, unmounting, network teardown. */
const STOP_MARGIN_MS = 30_000;
const NOT_MODIFIED = 304;
/** Said of one whose stop failed in this way: its state is `stopping` for ever. */
const WRONG_STATE = /must be in created or stopped state/i;

type LifecycleCalls = Pick<
  Podman,
  'endCutOffStart' | 'startContainer' | 'stopContainer' | 'killContainer' | 'removeContainer'
>;

export interface LifecycleTools {
  readonly inspect: InspectContainer;
  readonly reclaim: ReclaimAddresses;
  readonly endOrphans: EndOrphans;
}

/**
 * A container whose conmon was killed and whose process then died is "running" to Podman: a start answers "already",
 * a stop and the first removal fail. Each is seen through here, so that such a container can be started and removed.
 */
export function lifecycleCalls(dial: Dial, tools: LifecycleTools): LifecycleCalls {
  const { inspect, endOrphans } = tools;
  const start = startCall(dial, tools);

  const stop = (name: string, graceSeconds: number): Promise<Reply<unknown>> =>
    dial.call({
      method: 'POST',
      path: `${containerPath(name)}/stop`,
      query: { timeout: graceSeconds },
      what: `stop container ${name}`,
      timeoutMs: graceSeconds * 1_000 + STOP_MARGIN_MS,
    });

  // v: the anonymous volumes of an image's VOLUME lines go with it; named ones stay.
  const remove = (name: string): Promise<Reply<readonly Removed[]>> =>
    dial.call({
      method: 'DELETE',
      path: containerPath(name),
      query: { force: true, timeout: 0, v: true },
      what: `remove container ${name}`,
    });

  const isDown = async (name: string): Promise<boolean> => {
    const container = await inspect(name);
    return container === undefined || !isRunning(container);
  };

  const startUnlessUp = (
    name: string,
    options: StartOptions,
  ): Promise<'Started' | 'AlreadyUp' | PodmanError> =>
    start(name, options).then(
      ({ statusCode }) => (statusCode === NOT_MODIFIED ? 'AlreadyUp' : 'Started'),
      (error: unknown) => {
        if (isRefusal(error) && WRONG_STATE.test(error.message)) return error;
        throw error;
      },
    );

  return {
    endCutOffStart: (name) => endCutOffStart(dial, endOrphans, name),

    async startContainer(name, options = {}) {
      const refusal = await startUnlessUp(name, options);
      if (refusal === 'Started') return;
      if (!(await isDown(name))) {
        if (refusal === 'AlreadyUp') return;
        throw refusal;
      }
      // The failing stop, 5 s on 4.3, is what makes Podman see that nothing runs; one without grace would not.
      await refusalOf(stop(name, 1));
      await start(name, options);
    },

    async stopContainer(name, graceSeconds) {
      if ((await inspect(name))?.state === 'paused') await unpause(dial, name);
      const refusal = await refusalOf(absentIsDone(stop(name, graceSeconds)));
      if (refusal && !(await isDown(name))) throw refusal;
    },

    async killContainer(name, signal) {
      const path = `${containerPath(name)}/kill`;
      await dial.call({ method: 'POST', path, query: { signal }, what: `kill container ${name}` });
    },

    async removeContainer(name) {
      const removed = () => foundOrUndefined(remove(name));
      // The first try may only find out that nothing runs; a full disk, too, fails it once.
      const reports = await removed().catch((error: unknown) => {
        if (isRefusal(error)) return removed();
        throw error;
      });
      endOrphans((reports ?? []).map(({ Id }) => Id));
    },
  };
}

/** What a removal answers, of each container. */
interface Removed {
  readonly Id: string;
}

async function bindsOf(dial: Dial, name: string): Promise<string[]> {
  const wire = await inspectWire(dial, name);
  return (wire?.Mounts ?? []).flatMap(({ Type, Source }) => (Type === 'bind' && Source ? [Source] : []));
}

type Start = (name: string, options: StartOptions) => Promise<Reply<unknown>>;

/** Looks at the binds before, and gives a container its own addresses back where they are why it is refused. */
function startCall(dial: Dial, { inspect, reclaim, endOrphans }: LifecycleTools): Start {
  return async (name, { binds }) => {
    const what = `start container ${name}`;
    await refuseReplacedBinds(binds ?? (await bindsOf(dial, name)), what);
    const request = { method: 'POST', path: `${containerPath(name)}/start`, what } as const;
    return insistOnStart(dial, request, {
      mend: (refusal) => reclaim(name, refusal),
      endWaiting: () => endCutOffStart(dial, endOrphans, name),
      isOutOfPorts: () => isOutOfPorts(inspect, name),
    });
  };
}

/** An inspection waits for a start that goes on, so what it finds down has nothing that may live. */
async function endCutOffStart(dial: Dial, endOrphans: EndOrphans, name: string): Promise<boolean> {
  const wire = await inspectWire(dial, name);
  const isDown = wire?.State?.Status !== 'running' && wire?.State?.Status !== 'paused';
  return wire !== undefined && isDown && endOrphans([wire.Id]);
}

async function isOutOfPorts(inspect: InspectContainer, name: string): Promise<boolean> {
  const container = await inspect(name);
  if (!container || isRunning(container)) return false;
  const areFree = await Promise.all(
    container.ports.map(({ hostIP, hostPort, protocol }) =>
      isPortFree(hostIP, hostPort, protocol === 'udp' ? 'udp' : 'tcp'),
    ),
  );
  return areFree.includes(false);
}

/** A paused one hears no signal: Podman 4.3 waits for it in vain, and then refuses to stop it. */
async function unpause(dial: Dial, name: string): Promise<void> {
  const path = `${containerPath(name)}/unpause`;
  await refusalOf(dial.call({ method: 'POST', path, what: `unpause container ${name}` }));
}
