import { labels } from '../../src/api/labels.ts';
import { PodmanError, type PodmanErrorKind } from '../../src/podman/errors.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { FakeCall } from '../fakes/fake-podman.ts';
import type { Random } from '../fakes/random.ts';
import type { SimulatedHost } from '../fakes/simulated-host.ts';

/** How bad the weather is in one run: probabilities, each 0 to 1. */
export interface Weather {
  readonly failBefore: number;
  readonly failAfter: number;
  readonly slow: number;
  readonly loseEvent: number;
  readonly disturbEvent: number;
}

export const weatherOf = (random: Random): Weather => ({
  failBefore: random.chance(0.5) ? random.next() * 0.1 : 0,
  failAfter: random.chance(0.5) ? random.next() * 0.1 : 0,
  slow: random.chance(0.6) ? random.next() * 0.5 : 0,
  loseEvent: random.chance(0.4) ? random.next() * 0.5 : 0,
  disturbEvent: random.chance(0.4) ? random.next() * 0.5 : 0,
});

export const FAIR: Weather = { failBefore: 0, failAfter: 0, slow: 0, loseEvent: 0, disturbEvent: 0 };

/** `Unreachable` may mean that it happened; the others only make sense of a call that did not. */
const REFUSALS: readonly [PodmanErrorKind, ...PodmanErrorKind[]] = [
  'Unreachable',
  'Timeout',
  'Other',
  'NoSpace',
];
const LOST_ANSWERS: readonly [PodmanErrorKind, ...PodmanErrorKind[]] = ['Unreachable', 'Timeout'];
const MAX_LATENCY_MS = 3_000;

const fail = (kind: PodmanErrorKind, { method }: FakeCall): never => {
  throw new PodmanError(kind, `Podman could not ${method}: made up`);
};

export function setWeather(host: SimulatedHost, weather: Weather, random: Random): void {
  const { controls } = host.podman;
  const latencyMs = (): number => (random.chance(weather.slow) ? random.int(1, MAX_LATENCY_MS) : 0);
  host.latency = () => ({ thereMs: latencyMs(), backMs: latencyMs() });
  controls.setDelivery(() => {
    if (random.chance(weather.loseEvent)) return [];
    if (!random.chance(weather.disturbEvent)) return [0];
    return random.chance(0.5) ? [0, random.int(1, 2_000)] : [random.int(1, 5_000)];
  });
}

export function refuse(weather: Weather, random: Random, call: FakeCall): void {
  if (random.chance(weather.failBefore)) fail(random.pick(REFUSALS), call);
}

export function loseAnswer(weather: Weather, random: Random, call: FakeCall): void {
  if (random.chance(weather.failAfter)) fail(random.pick(LOST_ANSWERS), call);
}

export const STATE_LOST = 'crash, and the state is lost';

const PORTS = [6_000, 6_001, 7_000, 7_001, 7_002] as const;

interface Disturbance {
  readonly host: SimulatedHost;
  readonly random: Random;
  /** One of our containers, whatever its state. */
  readonly victim: ObservedContainer | undefined;
  /** Whom a person removes. */
  readonly excuse: (containerId: string) => void;
}

type Fault = (disturbance: Disturbance) => string | Promise<string>;

const kill: Fault = ({ host, random, victim }) => {
  if (victim?.state === 'running') host.podman.controls.kill(victim.id, 137, { oom: random.chance(0.3) });
  return `kill ${victim?.name}`;
};

const remove: Fault = async ({ host, victim, excuse }) => {
  excuse(victim?.id ?? '');
  await userCall(() => host.podman.removeContainer(victim?.id ?? ''));
  return `remove ${victim?.name}`;
};

const stop: Fault = ({ host, random, victim }) => {
  void userCall(() => host.podman.stopContainer(victim?.id ?? '', random.int(0, 5)));
  return `stop ${victim?.name}`;
};

const rename: Fault = async ({ host, random, victim }) => {
  await userCall(() => host.podman.renameContainer(victim?.id ?? '', `mine-${random.int(1, 1_000)}`));
  return `rename ${victim?.name}`;
};

const takePort: Fault = ({ host, random }) => {
  const port = random.pick(PORTS);
  occupy(host, port);
  host.clock.setTimer(random.int(1_000, 90_000), () => release(host, port));
  return `take port ${port}`;
};

const outage: Fault = ({ host, random }) => {
  host.podman.controls.down();
  host.clock.setTimer(random.int(100, 60_000), () => host.podman.controls.up());
  return 'Podman down';
};

const reboot: Fault = async ({ host }) => {
  await host.reboot();
  return 'reboot';
};

const killInfra: Fault = async ({ host }) => {
  const [pod] = await host.podman.listPods({}).catch(() => []);
  if (pod) host.podman.controls.killInfra(pod.name);
  return `kill infra of ${pod?.name}`;
};

const crash: Fault = ({ host, random }) => {
  host.crash();
  host.clock.setTimer(random.int(0, 20_000), host.launch);
  return 'crash';
};

const loseState: Fault = (disturbance) => {
  if (disturbance.random.chance(0.7)) return crash(disturbance);
  void crash(disturbance);
  disturbance.host.loseState();
  return STATE_LOST;
};

const FAULTS: readonly [Fault, ...Fault[]] = [
  kill,
  kill,
  remove,
  stop,
  rename,
  takePort,
  outage,
  reboot,
  killInfra,
  loseState,
  crash,
  crash,
];

/** Something bad happens to the host; returns what, for the story of the run. */
export async function disturb(
  host: SimulatedHost,
  random: Random,
  excuse: Disturbance['excuse'],
): Promise<string> {
  const containers = host.podman.controls.containers();
  const ours = containers.filter((container) => container.labels[labels.name] !== undefined);
  const victim = random.pickAny(ours);
  return random.pick(FAULTS)({ host, random, victim, excuse });
}

/** A person's own call is refused now and then, too. */
const userCall = (call: () => Promise<void>): Promise<void> => call().catch(() => undefined);

export function occupy(host: SimulatedHost, port: number): void {
  host.takenPorts.add(port);
  host.podman.controls.occupyPort(port);
}

export function release(host: SimulatedHost, port: number): void {
  host.takenPorts.delete(port);
  host.podman.controls.freePort(port);
}

/** Whatever is still wrong with the host is put right. */
export function clear(host: SimulatedHost): void {
  host.podman.controls.up();
  for (const port of PORTS) release(host, port);
}
