import { PodmanError, type PodmanErrorKind } from '../../src/podman/errors.ts';
import type { FakeCall, FakeControls } from '../fakes/fake-podman.ts';
import type { Random } from '../fakes/random.ts';
import type { SimulatedHost } from '../fakes/simulated-host.ts';
import type { Scale } from './scale.ts';

/** What goes wrong with single calls and events. */
export type Trouble = 'refuse' | 'loseAnswer' | 'slow' | 'loseEvent' | 'disturbEvent';

/** How bad the weather is in one run: probabilities, each 0 to 1. */
export type Weather = Readonly<Record<Trouble, number>>;

export const FAIR: Weather = { refuse: 0, loseAnswer: 0, slow: 0, loseEvent: 0, disturbEvent: 0 };

export function weatherOf(random: Random, troubles: readonly Trouble[], { roughness }: Scale): Weather {
  const upTo = (most: number): number => random.next() * most * roughness;
  const weather: Weather = {
    refuse: random.chance(0.5) ? upTo(0.1) : 0,
    loseAnswer: random.chance(0.5) ? upTo(0.1) : 0,
    slow: random.chance(0.6) ? upTo(0.5) : 0,
    loseEvent: random.chance(0.4) ? upTo(0.5) : 0,
    disturbEvent: random.chance(0.4) ? upTo(0.5) : 0,
  };
  return { ...FAIR, ...Object.fromEntries(troubles.map((trouble) => [trouble, weather[trouble]])) };
}

/** `Unreachable` may mean that it happened; the others only make sense of a call that did not. */
const REFUSALS: readonly [PodmanErrorKind, ...PodmanErrorKind[]] = [
  'Unreachable',
  'Timeout',
  'Other',
  'NoSpace',
];
const LOST_ANSWERS: readonly [PodmanErrorKind, ...PodmanErrorKind[]] = ['Unreachable', 'Timeout'];
const MAX_LATENCY_MS = 3_000;

/** The weather over one host, as it is now; every trouble that it makes is counted. */
export interface Sky {
  weather: Weather;
  readonly random: Random;
  readonly onTrouble: (trouble: Trouble) => void;
}

/** Draws only where there is something to draw: fair weather costs nothing. */
function strikes({ weather, random, onTrouble }: Sky, trouble: Trouble): boolean {
  const probability = weather[trouble];
  if (probability === 0 || !random.chance(probability)) return false;
  onTrouble(trouble);
  return true;
}

export function spread(host: SimulatedHost, sky: Sky): void {
  const { random } = sky;
  const latencyMs = (): number => (strikes(sky, 'slow') ? random.int(1, MAX_LATENCY_MS) : 0);
  host.latency = () => ({ thereMs: latencyMs(), backMs: latencyMs() });
  host.podman.controls.setDelivery(() => {
    if (strikes(sky, 'loseEvent')) return [];
    if (!strikes(sky, 'disturbEvent')) return [0];
    return random.chance(0.5) ? [0, random.int(1, 2_000)] : [random.int(1, 5_000)];
  });
}

const fail = (kind: PodmanErrorKind, { method }: FakeCall): never => {
  throw new PodmanError(kind, `Podman could not ${method}: made up`);
};

/** A service that dies in a start leaves it cut off. */
export function refuse(sky: Sky, call: FakeCall, { cutOffStart }: Pick<FakeControls, 'cutOffStart'>): void {
  if (!strikes(sky, 'refuse')) return;
  const kind = sky.random.pick(REFUSALS);
  if (kind === 'Unreachable' && call.method === 'startContainer') cutOffStart(String(call.args[0]));
  fail(kind, call);
}

export function loseAnswer(sky: Sky, call: FakeCall): void {
  if (strikes(sky, 'loseAnswer')) fail(sky.random.pick(LOST_ANSWERS), call);
}
