import { labels } from '../../src/api/labels.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { Random } from '../fakes/random.ts';
import type { SimulatedHost } from '../fakes/simulated-host.ts';

const PORTS = [6_000, 6_001, 7_000, 7_001, 7_002] as const;
const HOUR_MS = 3_600_000;

interface Disturbance {
  readonly host: SimulatedHost;
  readonly random: Random;
  /** One of our containers, whatever its state. */
  readonly victim: ObservedContainer | undefined;
  /** Whom a person removes, or leaves without a network. */
  readonly excuse: (containerId: string) => void;
  /** Kills the controller at the n-th place from now where it touches the world. */
  readonly ambush: (places: number, asleepMs: number) => void;
  /** The manifests can be read again. */
  readonly readable: () => void;
}

/** Returns what happened, for the story of the run. */
type Fault = (disturbance: Disturbance) => string | Promise<string>;

const kill: Fault = ({ host, random, victim }) => {
  const oom = random.chance(0.3);
  if (victim?.state === 'running') host.podman.controls.kill(victim.id, 137, { oom });
  return `kill ${victim?.name}${oom ? ', out of memory' : ''}`;
};

const remove: Fault = async ({ host, victim, excuse }) => {
  excuse(victim?.id ?? '');
  await host.podman.controls.byHand.removeContainer(victim?.id ?? '');
  return `remove ${victim?.name}`;
};

const stop: Fault = ({ host, random, victim }) => {
  void host.podman.controls.byHand.stopContainer(victim?.id ?? '', random.int(0, 5));
  return `stop ${victim?.name}`;
};

const rename: Fault = async ({ host, random, victim }) => {
  if (!victim) return 'rename nobody';
  const name = `mine-${random.int(1, 1_000_000)}`;
  await host.podman.controls.byHand.renameContainer(victim.id, name);
  return `rename ${victim.name} to ${name}`;
};

const takePort: Fault = ({ host, random }) => {
  const port = random.pick(PORTS);
  occupy(host, port);
  host.clock.setTimer(random.int(1_000, 90_000), () => release(host, port));
  return `take port ${port}`;
};

const outage: Fault = ({ host, random }) => {
  const lastsMs = random.chance(0.3) ? random.int(0, 200) : random.int(100, 60_000);
  host.podman.controls.down();
  host.clock.setTimer(lastsMs, () => host.podman.controls.up());
  return `Podman down for ${lastsMs} ms`;
};

const reboot: Fault = async ({ host }) => {
  await host.reboot();
  return 'reboot';
};

const powerLoss: Fault = async ({ host, random }) => {
  await host.losePower(() => random.pick(['Old', 'New', 'Half']));
  return 'loss of power';
};

const killInfra: Fault = async ({ host, excuse }) => {
  const [pod] = await host.podman.controls.byHand.listPods({});
  for (const id of pod?.containerIds ?? []) excuse(id);
  if (pod) host.podman.controls.killInfra(pod.name);
  return `kill infra of ${pod?.name}`;
};

const crash: Fault = ({ host, random }) => {
  host.crash();
  host.clock.setTimer(random.int(0, 20_000), host.launch);
  return 'crash';
};

/** Mostly in the middle of what it is doing right now. */
const ambush: Fault = ({ random, ambush: arm }) => {
  const places = random.chance(0.6) ? random.int(1, 15) : random.int(1, 150);
  arm(places, random.chance(0.5) ? 0 : random.int(0, 20_000));
  return `crash ${places} steps from here`;
};

export const STATE_LOST = 'crash, and the state is lost';

const loseState: Fault = (disturbance) => {
  void crash(disturbance);
  disturbance.host.loseState();
  return STATE_LOST;
};

const fullDisk: Fault = ({ host, random }) => {
  const lastsMs = random.int(100, 60_000);
  host.diskFull = true;
  host.clock.setTimer(lastsMs, () => (host.diskFull = false));
  return `disk full for ${lastsMs} ms`;
};

const jumpClock: Fault = ({ host, random }) => {
  const sizeMs = random.chance(0.5) ? random.int(1, 30_000) : random.int(30_000, 2 * HOUR_MS);
  const byMs = random.chance(0.5) ? sizeMs : -sizeMs;
  host.jump(byMs);
  return `clock set by ${byMs} ms`;
};

const loseRoot: Fault = async ({ host, random, readable }) => {
  await host.loseRoot('it is not mounted');
  host.clock.setTimer(random.int(100, 90_000), () => {
    readable();
    void host.loseRoot(undefined);
  });
  return 'the manifests cannot be read';
};

const FAULTS = {
  kill,
  remove,
  stop,
  rename,
  takePort,
  outage,
  reboot,
  powerLoss,
  killInfra,
  crash,
  ambush,
  loseState,
  fullDisk,
  jumpClock,
  loseRoot,
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

/** What is worth more than one look is here more than once. */
export const FAULT_NAMES: readonly [FaultName, ...FaultName[]] = [
  ...(Object.keys(FAULTS) as [FaultName]),
  'ambush',
  'ambush',
  'ambush',
  'ambush',
  'kill',
];

/** Something bad happens to the host; returns what, for the story of the run. */
export async function disturb(
  name: FaultName,
  { host, random, ...tools }: Omit<Disturbance, 'victim'>,
): Promise<string> {
  const containers = host.podman.controls.containers();
  const ours = containers.filter((container) => container.labels[labels.name] !== undefined);
  return FAULTS[name]({ host, random, victim: random.pickAny(ours), ...tools });
}

function occupy(host: SimulatedHost, port: number): void {
  host.takenPorts.add(port);
  host.podman.controls.occupyPort(port);
}

function release(host: SimulatedHost, port: number): void {
  host.takenPorts.delete(port);
  host.podman.controls.freePort(port);
}

/** Whatever is still wrong with the host is put right. */
export async function clear(host: SimulatedHost): Promise<void> {
  host.podman.controls.up();
  host.diskFull = false;
  await host.loseRoot(undefined);
  for (const port of PORTS) release(host, port);
}
