import { labels } from '../../src/api/labels.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { FakeCall } from '../fakes/fake-podman.ts';
import { createRandom, type Random } from '../fakes/random.ts';
import { createSimulatedHost, NAMESPACE, type SimulatedHost } from '../fakes/simulated-host.ts';
import {
  clear,
  disturb,
  FAIR,
  loseAnswer,
  refuse,
  setWeather,
  STATE_LOST,
  type Weather,
  weatherOf,
} from './faults.ts';
import { createWatchman, type Watchman } from './invariants.ts';
import { type Actor, type Cast, edit, firstCast, lastCast, manifestsOf, MODES } from './manifests.ts';

const CHAOS_STEPS = { min: 3, max: 18 };
const LONGEST_STEP_MS = 40_000;
const QUIET_MS = 900_000;
const CONVERGED_WITHIN_MS = 1_200_000;
const REST_MS = 600_000;
const WRITES =
  /^(create|start|stop|kill|remove|rename|update|connect|disconnect|tag|pull|build|import|export)/;

export interface Outcome {
  /** What went wrong; absent when all is well. */
  readonly complaint?: string;
  /** The story of the run, newest last. */
  readonly story: readonly string[];
  readonly calls: number;
}

interface Run {
  readonly seed: number;
  readonly random: Random;
  readonly host: SimulatedHost;
  readonly watchman: Watchman;
  readonly story: string[];
  readonly disposable: Set<string>;
  weather: Weather;
  cast: Cast;
  gone: Actor[];
  calls: number;
  /** Whoever left the manifests meanwhile is forgotten: what it left behind is nobody's. */
  lostState: boolean;
}

/** One story: random agents, edits and faults, then fair weather and a good set of manifests. */
export async function converge(seed: number): Promise<Outcome> {
  const run = await begin(seed);
  try {
    await chaos(run);
    await quiet(run);
    await finale(run);
    await rest(run);
  } catch (error) {
    const complaint = run.watchman.violation ?? (error instanceof Error ? error.message : String(error));
    return { complaint, story: run.story, calls: run.calls };
  }
  return { story: run.story, calls: run.calls };
}

async function begin(seed: number): Promise<Run> {
  const random = createRandom(seed);
  const host = await createSimulatedHost();
  host.random = random.next;
  const story: string[] = [];
  const startedAtMs = host.clock.now();
  const say = (line: string): void =>
    void story.push(`${((host.clock.now() - startedAtMs) / 1000).toFixed(2)} ${line}`);
  const disposable = new Set<string>();
  const watchman = createWatchman({ podman: host.podman, disposable, say, now: () => host.clock.now() });
  const cast = firstCast(random);
  for (const { name } of cast.actors.values())
    host.programs.set(name, ({ env }) => MODES[env['MODE'] ?? 'good'] ?? {});
  await strangers(host);
  const run: Run = {
    seed,
    random,
    host,
    watchman,
    story,
    disposable,
    weather: FAIR,
    cast,
    gone: [],
    calls: 0,
    lostState: false,
  };
  observe(run, say);
  await rewrite(run, cast);
  run.weather = weatherOf(random);
  setWeather(host, run.weather, random);
  host.launch();
  return run;
}

/** What was there before us, and is none of our business. */
async function strangers({ podman }: SimulatedHost): Promise<void> {
  await podman.createNetwork({
    name: 'theirs',
    driver: 'bridge',
    subnets: [],
    internal: false,
    dns: true,
    options: {},
    labels: {},
  });
  await podman.createVolume({ name: 'theirs', driver: 'local', options: {}, labels: {} });
}

function observe(run: Run, say: (line: string) => void): void {
  const { host, watchman, random } = run;
  const { controls } = host.podman;
  controls.beforeCall = (call) => {
    run.calls += 1;
    refuse(run.weather, random, call);
    if (WRITES.test(call.method)) say(`  ${call.method} ${nameOf(host, call)}`);
    watchman.beforeCall(call);
  };
  controls.afterCall = (call) => {
    if (WRITES.test(call.method)) watchman.afterCall();
    loseAnswer(run.weather, random, call);
  };
  let states: Record<string, string> = {};
  host.onStateChange = (path, text) => {
    if (!path.startsWith('records/')) return;
    const record = recordIn(text);
    watchman.onRecord(record);
    const { name } = record.key;
    const state = `${record.state} g${record.generation} ${record.currentRevision ?? '-'}>${record.targetRevision ?? '-'} (${record.reason}: ${record.message.slice(0, 80)})`;
    if (states[name] !== state) say(`    ${name} ${state}`);
    states = { ...states, [name]: state };
  };
}

function recordIn(text: string): AgentRecord {
  const sealed = JSON.parse(text) as { value?: AgentRecord };
  return sealed.value ?? (sealed as unknown as AgentRecord);
}

function nameOf(host: SimulatedHost, { args }: FakeCall): string {
  const [first, second] = args as [unknown, unknown];
  const text = typeof first === 'string' ? first : String((first as { name?: string } | undefined)?.name);
  const known = host.podman.controls.containers().find(({ id }) => id === text);
  return `${known?.name ?? text.slice(0, 40)}${typeof second === 'number' ? ` ${second}` : ''}`;
}

/** The files say something else now. */
async function rewrite(run: Run, cast: Cast): Promise<void> {
  const { host } = run;
  for (const [name, retention] of cast.volumes)
    if (retention === 'Delete') run.disposable.add(`${NAMESPACE}.${name}`);
  for (const actor of run.cast.actors.values()) {
    if (cast.actors.has(actor.name)) continue;
    run.gone = [...run.gone.filter(({ name }) => name !== actor.name), actor];
    await host.remove('Agent', actor.name);
  }
  run.gone = run.gone.filter(({ name }) => !cast.actors.has(name));
  run.cast = cast;
  await host.apply(...manifestsOf(cast));
}

async function chaos(run: Run): Promise<void> {
  const { random, host, story } = run;
  const steps = random.int(CHAOS_STEPS.min, CHAOS_STEPS.max);
  for (let step = 0; step < steps; step += 1) {
    await host.clock.advance(random.int(0, random.chance(0.3) ? 500 : LONGEST_STEP_MS));
    check(run);
    if (random.chance(0.5)) {
      const returning = random.chance(0.5) ? random.pickAny(run.gone) : undefined;
      const cast = returning ? welcome(run.cast, returning) : edits(random, run.cast);
      story.push(`EDIT ${describeEdit(run.cast, cast)}`);
      await rewrite(run, cast);
    } else {
      const fault = await disturb(host, random, run.watchman.excuse);
      if (fault === STATE_LOST) run.watchman.forget();
      run.lostState ||= fault === STATE_LOST;
      story.push(`FAULT ${fault}`);
    }
  }
}

/** Several changes at once, now and then. */
function edits(random: Random, cast: Cast): Cast {
  const count = random.chance(0.3) ? 2 : 1;
  return Array.from({ length: count }).reduce<Cast>((current) => edit(random, current), cast);
}

/** It comes back without those of its dependencies that are gone. */
const welcome = (cast: Cast, actor: Actor): Cast => {
  const dependsOn = actor.dependsOn.filter(({ name }) => cast.actors.has(name));
  return { ...cast, actors: new Map([...cast.actors, [actor.name, { ...actor, dependsOn }]]) };
};

function describeEdit(before: Cast, after: Cast): string {
  const changed = [...after.actors.values()].filter((actor) => before.actors.get(actor.name) !== actor);
  const gone = [...before.actors.keys()].filter((name) => !after.actors.has(name));
  return `${JSON.stringify(changed)} gone ${gone.join()} settings ${after.settings} password ${after.password} groups ${JSON.stringify([...after.groups])}`;
}

const check = ({ watchman }: Run): void => {
  if (watchman.violation !== undefined) throw new Error(watchman.violation);
};

const ON_THE_WAY: ReadonlySet<AgentState> = new Set([
  'Pending',
  'Building',
  'Preparing',
  'StoppingOld',
  'Starting',
  'Verifying',
  'Promoting',
  'Monitoring',
  'Healing',
  'Failing',
  'RollingBack',
  'Terminating',
]);

/** Fair weather, the manifests as they are: nobody may stay on the way, unless a dependency that is down holds it. */
async function quiet(run: Run): Promise<void> {
  const { host, random, story } = run;
  clear(host);
  run.weather = FAIR;
  setWeather(host, FAIR, random);
  story.push('QUIET');
  await host.clock.advance(QUIET_MS);
  check(run);
  const stuck = records(run).filter(
    ({ state, key, clocksStoppedAtMs }) =>
      ON_THE_WAY.has(state) &&
      clocksStoppedAtMs === undefined &&
      run.cast.actors.get(key.name)?.suspend !== true,
  );
  if (stuck.length > 0) throw new Error(`stuck: ${describe(stuck)}`);
}

const records = ({ host }: Run): readonly AgentRecord[] => host.store().records.list();

const describe = (found: readonly AgentRecord[]): string =>
  found.map(({ key, state, reason, message }) => `${key.name} ${state} (${reason}: ${message})`).join('; ');

const DONE: ReadonlySet<string> = new Set(['Healthy', 'Completed']);

async function finale(run: Run): Promise<void> {
  const { host, random, story } = run;
  const cast = lastCast(random, run.cast, run.gone);
  story.push('FINALE');
  await rewrite(run, cast);
  // A person agrees to what the guards held back, such as removals after the state was lost.
  host.clock.setTimer(30_000, () => void host.engine().backend.sync({ approvePrune: true }));
  const isDone = (): boolean =>
    [...cast.actors.keys()].every((name) => DONE.has(host.status(name)?.phase ?? ''));
  try {
    await host.until(isDone, CONVERGED_WITHIN_MS);
  } catch {
    throw new Error(
      `not converged: ${describe(records(run).filter(({ state }) => !DONE.has(state)))} ${JSON.stringify(host.phases())}`,
    );
  }
  check(run);
}

/** The second plan on a converged world is empty, and only what is wanted is there. */
async function rest(run: Run): Promise<void> {
  const { host, story } = run;
  await host.clock.advance(90_000);
  story.push('REST');
  host.podman.controls.calls = [];
  await host.clock.advance(REST_MS);
  check(run);
  const writes = host.podman.controls.calls.filter(({ method }) => WRITES.test(method));
  if (writes.length > 0) throw new Error(`wrote at rest: ${writes.map(({ method }) => method).join()}`);
  if (!run.lostState) await nothingElse(run);
  const volumes = await host.podman.listVolumes({});
  if (!volumes.some(({ name }) => name === 'theirs')) throw new Error("a stranger's volume is gone");
}

async function nothingElse({ host, cast }: Run): Promise<void> {
  const names = host.podman.controls
    .containers()
    .map((container) => container.labels[labels.name] ?? '')
    .sort();
  const wanted = [...cast.actors.keys()].sort();
  if (names.join() !== wanted.join())
    throw new Error(`containers of ${names.join()} instead of ${wanted.join()}`);
  const pods = await host.podman.listPods({});
  if (pods.length !== cast.groups.size) throw new Error(`${pods.length} pods instead of ${cast.groups.size}`);
}
