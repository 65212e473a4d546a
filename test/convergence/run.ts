import { isDeepStrictEqual } from 'node:util';
import { labels } from '../../src/api/labels.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { FakeCall } from '../fakes/fake-podman.ts';
import { createSimulatedHost, NAMESPACE, type SimulatedHost } from '../fakes/simulated-host.ts';
import { clear, disturb, STATE_LOST } from './faults.ts';
import type { Needs } from './starts.ts';
import { BrokenPromise, createWatchman, type Watchman, WRITES } from './invariants.ts';
import {
  type Actor,
  type Cast,
  edits,
  firstCast,
  isGood,
  lastCast,
  manifestsOf,
  programFor,
  SECRET_MARK,
  type SimulatedManifest,
  welcome,
} from './manifests.ts';
import { situationOf } from './situation.ts';
import { isMany } from './strategies.ts';
import { SCALES } from './scale.ts';
import { type Script, type Step, streamOf } from './script.ts';
import { FAIR, loseAnswer, refuse, type Sky, spread, weatherOf } from './weather.ts';

const QUIET_MS = 900_000;
const CALM_MS = { short: 20_000, long: 180_000 };
const CONVERGED_WITHIN_MS = 1_200_000;
/** Longer than the slow list; now and then long enough for everything to be inspected again. */
const REST_MS = { short: 100_000, long: 400_000 };
const LONG_REST = 0.1;
const RESTART_MS = 40_000;

export interface Outcome {
  /** What went wrong; absent when all is well. */
  readonly complaint?: string;
  /** The story of the run, newest last. */
  readonly story: readonly string[];
  readonly tally: Tally;
}

/** What a story was made of. */
export interface Tally {
  readonly calls: number;
  readonly changes: number;
  /** Places where the controller touched the world. */
  readonly places: number;
  readonly steps: number;
  readonly crashes: number;
  readonly faults: Readonly<Record<string, number>>;
  /** How an agent stood, each kind once: what of the machine and its surroundings was seen at all. */
  readonly situations: ReadonlySet<string>;
  /** At which call or file the controller died, and at which end of it. */
  readonly deaths: ReadonlySet<string>;
}

interface Run {
  readonly script: Script;
  readonly host: SimulatedHost;
  readonly watchman: Watchman;
  readonly sky: Sky;
  readonly story: string[];
  readonly say: (line: string) => void;
  readonly disposable: Set<string>;
  readonly tally: { -readonly [K in keyof Tally]: Tally[K] } & {
    faults: Record<string, number>;
    readonly situations: Set<string>;
    readonly deaths: Set<string>;
  };
  /** The last line about each agent's record. */
  readonly told: Map<string, string>;
  cast: Cast;
  manifests: ReadonlyMap<string, SimulatedManifest>;
  gone: Actor[];
  unreadableSinceMs: number | undefined;
  /** At which place the controller dies. */
  ambush: { atPlace: number; asleepMs: number } | undefined;
}

/** One story: random agents, edits and faults, then fair weather and a good set of manifests. */
export async function converge(script: Script): Promise<Outcome> {
  const run = await begin(script);
  const { story, tally } = run;
  try {
    await chaos(run);
    await quiet(run);
    await calm(run);
    await finale(run);
    await rest(run);
    await restart(run);
  } catch (error) {
    const complaint = run.watchman.violation ?? error;
    return { complaint: complaint instanceof Error ? complaint.message : String(complaint), story, tally };
  } finally {
    run.host.crash();
  }
  return { story, tally };
}

async function begin(script: Script): Promise<Run> {
  const host = await createSimulatedHost();
  const { seed } = script;
  host.random = streamOf(seed, 1).next;
  const story: string[] = [];
  const startedAtMs = host.clock.now();
  const say = (line: string): void =>
    void story.push(`${((host.clock.now() - startedAtMs) / 1000).toFixed(2)} ${line}`);
  const disposable = new Set<string>();
  const tally = newTally();
  const unreadableSinceMs = (): number | undefined => run.unreadableSinceMs;
  const watchman = createWatchman({
    host,
    disposable,
    secretMark: SECRET_MARK,
    unreadableSinceMs,
    say,
  });
  const sky: Sky = {
    weather: FAIR,
    random: streamOf(seed, 2),
    onTrouble: (trouble) => count(tally, trouble),
  };
  const run: Run = {
    script,
    host,
    watchman,
    sky,
    story,
    say,
    disposable,
    tally,
    told: new Map(),
    cast: firstCast(streamOf(seed, 3), script.agents, SCALES[script.scale]),
    manifests: new Map(),
    gone: [],
    unreadableSinceMs: undefined,
    ambush: script.killAt === undefined ? undefined : { atPlace: script.killAt, asleepMs: 0 },
  };
  for (const { name } of run.cast.actors.values()) host.programs.set(name, programFor);
  await strangers(host);
  observe(run);
  await rewrite(run, run.cast);
  sky.weather = weatherOf(streamOf(seed, 4), script.troubles, SCALES[script.scale]);
  spread(host, sky);
  host.launch();
  return run;
}

export const newTally = (): Run['tally'] => ({
  calls: 0,
  changes: 0,
  places: 0,
  steps: 0,
  crashes: 0,
  faults: {},
  situations: new Set(),
  deaths: new Set(),
});

const count = ({ faults }: Run['tally'], kind: string): void => {
  faults[kind] = (faults[kind] ?? 0) + 1;
};

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

function observe(run: Run): void {
  const { host, watchman, sky, tally, say } = run;
  const { controls } = host.podman;
  controls.beforeCall = (call) => {
    tally.calls += 1;
    refuse(sky, call, controls);
    if (WRITES.test(call.method)) say(`  ${call.method} ${nameOf(host, call)}`);
    watchman.beforeCall(call);
  };
  controls.afterCall = (call) => {
    if (WRITES.test(call.method)) watchman.afterCall();
    loseAnswer(sky, call);
  };
  host.onCrossing = (crossing, what) => {
    tally.places += 1;
    if (run.ambush?.atPlace !== tally.places) return;
    const { asleepMs } = run.ambush;
    run.ambush = undefined;
    tally.crashes += 1;
    count(tally, crossing);
    tally.deaths.add(`${crossing} ${what.split('/')[0]}`);
    say(`CRASH ${crossing} ${what}`);
    host.crash();
    host.clock.setTimer(asleepMs, host.launch);
  };
  host.onStateChange = (path, text) => {
    tally.changes += 1;
    watchman.onStateChange(path, text);
    if (path.startsWith('records/')) noteRecord(run, text);
  };
}

function noteRecord({ host, watchman, tally, say, told }: Run, text: string): void {
  const record = (JSON.parse(text) as { value: AgentRecord }).value;
  watchman.onRecord(record);
  tally.situations.add(situationOf(record, host.podman.controls.containers()));
  const { key, state, generation, currentRevision = '-', targetRevision = '-', reason, message } = record;
  const line = `    ${key.name} ${state} g${generation} ${currentRevision}>${targetRevision} (${reason}: ${message.slice(0, 80)})`;
  if (told.get(key.name) !== line) say(line);
  told.set(key.name, line);
}

function nameOf(host: SimulatedHost, { args }: FakeCall): string {
  const [first, second] = args as [unknown, unknown];
  const text = typeof first === 'string' ? first : String((first as { name?: string } | undefined)?.name);
  const name = host.podman.controls.nameOf(text) ?? text.slice(0, 40);
  return `${name}${typeof second === 'number' ? ` ${second}` : ''}`;
}

/** The files say something else now. */
async function rewrite(run: Run, cast: Cast): Promise<void> {
  const { host, script } = run;
  for (const [name, retention] of cast.volumes)
    if (retention === 'Delete') run.disposable.add(`${NAMESPACE}.${name}`);
  for (const actor of run.cast.actors.values()) {
    if (cast.actors.has(actor.name)) continue;
    run.gone = [...run.gone.filter(({ name }) => name !== actor.name), actor];
  }
  run.gone = run.gone.filter(({ name }) => !cast.actors.has(name));
  run.cast = cast;
  const manifests = new Map(manifestsOf(cast, SCALES[script.scale]).map((one) => [idOf(one), one]));
  for (const [id, { kind, metadata }] of run.manifests)
    if (!manifests.has(id)) await host.remove(kind, metadata.name);
  const isNews = ([id, one]: [string, SimulatedManifest]): boolean =>
    !isDeepStrictEqual(run.manifests.get(id), one);
  const news = [...manifests].filter(isNews);
  run.manifests = manifests;
  run.watchman.edit(new Set(cast.actors.keys()));
  await host.apply(...news.map(([, one]) => one));
}

const idOf = ({ kind, metadata }: SimulatedManifest): string => `${kind}/${metadata.name}`;

async function chaos(run: Run): Promise<void> {
  for (const step of run.script.steps) {
    await run.host.clock.advance(step.waitMs);
    check(run);
    run.tally.steps += 1;
    await (step.what === 'edit' ? editOf(run, step) : faultOf(run, step));
  }
}

async function editOf(run: Run, { index, salt }: Step): Promise<void> {
  const random = streamOf(salt, 0);
  const returning = random.chance(0.5) ? random.pickAny(run.gone) : undefined;
  const cast = returning ? welcome(run.cast, returning) : edits(random, run.cast);
  count(run.tally, 'edit');
  run.say(`EDIT ${index} ${describeEdit(run.cast, cast)}`);
  await rewrite(run, cast);
}

async function faultOf(run: Run, { index, what, salt }: Step): Promise<void> {
  const { host, watchman, tally, say } = run;
  if (what === 'edit') return;
  const ambush = (places: number, asleepMs: number): void => {
    if (run.script.killAt === undefined) run.ambush = { atPlace: tally.places + places, asleepMs };
  };
  const random = streamOf(salt, 1);
  if (what === 'reboot' || what === 'powerLoss') watchman.boot(needsOf(run.cast));
  if (what === 'loseRoot') run.unreadableSinceMs = host.clock.now();
  const fault = await disturb(what, {
    host,
    random,
    ambush,
    excuse: watchman.excuse,
    readable: () => (run.unreadableSinceMs = undefined),
  });
  if (what !== 'ambush') count(tally, what);
  if (what === 'crash' || what === 'loseState') tally.crashes += 1;
  if (fault === STATE_LOST) watchman.forget();
  say(`FAULT ${index} ${fault}`);
}

/** One that is not required holds nobody up once it has failed. */
const needsOf = ({ actors }: Cast): Needs =>
  new Map(
    [...actors.values()].map(({ name, dependsOn }) => [
      name,
      dependsOn.filter(({ name: on }) => actors.get(on)?.required),
    ]),
  );

function describeEdit(before: Cast, after: Cast): string {
  const changed = [...after.actors.values()].filter((actor) => before.actors.get(actor.name) !== actor);
  const gone = [...before.actors.keys()].filter((name) => !after.actors.has(name));
  return `${JSON.stringify(changed)} gone ${gone.join()} settings ${after.settings} password ${after.password} groups ${JSON.stringify([...after.groups])}`;
}

const check = ({ watchman }: Run): void => {
  if (watchman.violation) throw watchman.violation;
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
  const { host, sky, say } = run;
  run.unreadableSinceMs = undefined;
  await clear(host);
  sky.weather = FAIR;
  run.watchman.calm();
  say('QUIET');
  const stuck = (): readonly AgentRecord[] =>
    records(run).filter(
      ({ state, key, clocksStoppedAtMs }) =>
        ON_THE_WAY.has(state) &&
        clocksStoppedAtMs === undefined &&
        lastWishFor(run, key.name)?.suspend !== true,
    );
  const isQuiet = (): boolean => !host.isBooting() && stuck().length === 0;
  try {
    await host.until(isQuiet, QUIET_MS);
  } catch {
    throw new BrokenPromise('NobodyStaysOnTheWay', describe(stuck()));
  }
  check(run);
}

/** Whose removal waits for a person's word, as of all there is, stays as its manifest said last. */
const lastWishFor = ({ cast, gone }: Run, name: string): Actor | undefined =>
  cast.actors.get(name) ?? gone.find((actor) => actor.name === name);

/** Bad manifests may keep it busy, ever more seldom; of good ones that are done the rest tells enough. */
async function calm(run: Run): Promise<void> {
  const isOver = [...run.cast.actors.values()].every((actor) => isGood(actor) && isDone(run, actor.name));
  await run.host.clock.advance(isOver ? CALM_MS.short : CALM_MS.long);
  check(run);
}

const records = ({ host }: Run): readonly AgentRecord[] => host.store().records.list();

const describe = (found: readonly AgentRecord[]): string =>
  found.map(({ key, state, reason, message }) => `${key.name} ${state} (${reason}: ${message})`).join('; ');

const DONE: ReadonlySet<string> = new Set(['Healthy', 'Completed']);

const isDone = ({ host }: Run, name: string): boolean => DONE.has(host.status(name)?.phase ?? '');

async function finale(run: Run): Promise<void> {
  const { host, script, say } = run;
  const isWell = (name: string): boolean => isDone(run, name);
  const ending = { cast: run.cast, gone: run.gone, isWell };
  const cast = lastCast(streamOf(script.seed, 5), SCALES[script.scale], ending);
  say('FINALE');
  await rewrite(run, cast);
  run.watchman.calm();
  host.clock.setTimer(30_000, () => agree(host));
  const areWell = (): boolean => [...cast.actors.keys()].every(isWell);
  try {
    await host.until(areWell, CONVERGED_WITHIN_MS);
  } catch {
    check(run);
    const late = describe(records(run).filter(({ state }) => !DONE.has(state)));
    throw new BrokenPromise('Converges', `${late} ${JSON.stringify(host.phases())}`);
  }
  check(run);
}

/**
 * A person agrees to what the guards held back, such as removals after the state was lost; and once more when nobody
 * answers, as when the controller dies meanwhile.
 */
function agree(host: SimulatedHost): void {
  const again = host.clock.setTimer(5_000, () => agree(host));
  if (!host.isBooting()) void host.engine().backend.sync({ approvePrune: true }).then(again);
}

/** The second plan on a converged world is empty, and only what is wanted is there. */
async function rest(run: Run): Promise<void> {
  const { host, say, script } = run;
  await host.clock.advance(90_000);
  say('REST');
  const restMs = streamOf(script.seed, 6).chance(LONG_REST) ? REST_MS.long : REST_MS.short;
  const writes = await writesWithin(run, restMs);
  if (writes.length > 0) throw new BrokenPromise('SecondPlanEmpty', writes.join());
  nothingRepeatedItself(run);
  await nothingElse(run);
  const volumes = await host.podman.listVolumes({});
  if (!volumes.some(({ name }) => name === 'theirs')) throw new BrokenPromise('StrangersUntouched', 'volume');
}

async function restart(run: Run): Promise<void> {
  const { host, say } = run;
  say('RESTART');
  host.crash();
  host.launch();
  const writes = await writesWithin(run, RESTART_MS);
  // Who was killed by a late ambush may still be asleep.
  await host.until(() => !host.isBooting(), RESTART_MS);
  await host.clock.settle();
  if (writes.length > 0) throw new BrokenPromise('RestartChangesNothing', writes.join());
  const late = Object.entries(host.phases()).filter(([, phase]) => !DONE.has(phase));
  if (late.length > 0) throw new BrokenPromise('RestartChangesNothing', JSON.stringify(late));
}

async function writesWithin(run: Run, durationMs: number): Promise<string[]> {
  const { controls } = run.host.podman;
  controls.calls = [];
  await run.host.clock.advance(durationMs);
  check(run);
  return controls.calls.filter(({ method }) => WRITES.test(method)).map(({ method }) => method);
}

/** Its replicas, and a holder where it has one. */
const containersFor = ({ name, manner }: Actor): string[] =>
  Array.from({ length: manner.replicas + (isMany(manner) ? 1 : 0) }, () => name);

function nothingRepeatedItself({ host }: Run): void {
  const found = host
    .store()
    .events.list()
    .filter(({ reason }) => reason === 'RepeatsItself')
    .map(({ involvedObject, message }) => `${involvedObject.name} ${message}`);
  if (found.length > 0) throw new BrokenPromise('NothingRepeatsItself', found.join('; '));
}

async function nothingElse({ host, cast, manifests }: Run): Promise<void> {
  const broken = (how: string): never => {
    throw new BrokenPromise('NothingElseIsLeft', how);
  };
  const names = host.podman.controls
    .containers()
    .map((container) => container.labels[labels.name] ?? '')
    .sort();
  const wanted = [...cast.actors.values()].flatMap(containersFor).sort();
  if (names.join() !== wanted.join()) broken(`containers of ${names.join()} instead of ${wanted.join()}`);
  const pods = await host.podman.listPods({});
  const groups = [...manifests.values()].filter(({ kind }) => kind === 'PodGroup').length;
  if (pods.length !== groups) broken(`${pods.length} pods instead of ${groups}`);
  const { journal, trouble } = host.store();
  const open = journal.open();
  if (trouble() !== undefined) broken(`trouble with the state directory: ${trouble()}`);
  if (open.length > 0) broken(`open intents: ${open.map(({ operation }) => operation).join('; ')}`);
}
