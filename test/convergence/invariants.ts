import { HOLDER_ROLE, labels, REVISION_ANNOTATION } from '../../src/api/labels.ts';
import { isNameless } from '../../src/state/holder.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import type { FakeCall } from '../fakes/fake-podman.ts';
import { backsOff, type Needs, startsInOrder } from './starts.ts';
import { removalGoesOn } from './removals.ts';
import { createRestKeeper, type Deed } from './rest.ts';
import type { SimulatedHost } from '../fakes/simulated-host.ts';

/**
 * What is promised whatever happens, each by its name. The first group is looked at with every call to Podman and
 * every change of the state directory, the second when the story is over.
 */
export const INVARIANTS = {
  OneRunningPerSlot: 'at most one container runs for each place of an agent that there is one of',
  ProvenBeforeRouted: 'no name leads to a revision that is still tried beside the one that serves',
  OldKeptUntilProven: 'what has proved itself is not removed before another has',
  StrangersUntouched: 'nothing without our labels is touched',
  NoVolumeWithoutConsent: 'no volume goes whose manifest never said Delete',
  OneRollbackPerGeneration: 'at most one automatic rollback per generation, and none of a rollback',
  DeadlineOrTrigger: 'a state that waits for a container has a deadline',
  IntentBeforeAct: 'an intent is on disk, fsynced, before the call that it explains',
  NoSecretOnDisk: "no value of a Secret is in the state directory, nor in a container's labels",
  FrozenWhenUnreadable: 'while the manifests cannot be read nothing is created or removed',
  StartsInOrder: 'after a boot of the host nobody starts before those that it needs',
  BacksOff: 'nobody is started again and again without a pause',
  RemovalGoesOn: 'what is being removed is not made again before its manifest is back',
  ComesToRest: 'where nothing changes any more nothing is done again and again',

  NobodyStaysOnTheWay: 'in fair weather every agent comes to a state that it can stay in',
  Converges: 'good manifests become healthy agents',
  SecondPlanEmpty: 'on a converged world nothing is written to Podman',
  RestartChangesNothing: 'a restart of the controller on a converged world writes nothing to Podman',
  NothingRepeatsItself: 'nobody goes round with one plan that succeeds and changes nothing',
  NothingElseIsLeft:
    'there are the containers of each agent and one pod for each group, no open intent, and no trouble with the state directory',
} as const;

export type InvariantName = keyof typeof INVARIANTS;

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';

  constructor(invariant: InvariantName, how: string) {
    super(`${invariant}: ${how}`);
  }
}

/** Looks at every step of a story. */
export interface Watchman {
  /** Before a call reaches Podman. */
  beforeCall(call: FakeCall): void;
  /** After it did. */
  afterCall(): void;
  onStateChange(path: string, text: string): void;
  onRecord(record: AgentRecord): void;
  /** A person removes this container: none of ours to answer for. */
  excuse(containerId: string): void;
  /** The state is lost: who had proved what is known to nobody any more, and generations count from 1 again. */
  forget(): void;
  /** The host is about to go down, and comes back. */
  boot(needs: Needs): void;
  /** The manifests say something else from here on; these are their agents. */
  edit(agents: ReadonlySet<string>): void;
  /** The last thing has happened: from here on whoever acts again and again acts for nothing. */
  calm(): void;
  /** The first promise that was broken. */
  readonly violation: BrokenPromise | undefined;
}

export interface Watched {
  readonly host: SimulatedHost;
  /** Names of the volumes whose manifest ever said `retention: Delete`. */
  readonly disposable: ReadonlySet<string>;
  /** What must never be seen on disk. */
  readonly secretMark: string;
  /** Since when the manifests cannot be read. */
  readonly unreadableSinceMs: () => number | undefined;
  readonly say: (line: string) => void;
}

/** One promise, kept an eye on. */
export interface Eye {
  readonly beforeCall?: (call: FakeCall) => void;
  readonly afterCall?: () => void;
  readonly onStateChange?: (path: string, text: string) => void;
  readonly onRecord?: (record: AgentRecord, before: AgentRecord | undefined) => void;
  readonly excuse?: (victim: ObservedContainer) => void;
  readonly forget?: () => void;
  readonly boot?: (needs: Needs) => void;
  readonly edit?: (agents: ReadonlySet<string>) => void;
  readonly calm?: () => void;
}

export interface Scene extends Watched {
  readonly broken: (invariant: InvariantName, how: string) => void;
  readonly containers: () => ObservedContainer[];
  readonly recordOf: (agent: string) => AgentRecord | undefined;
}

/** Calls that change something; the rest is looking. */
export const WRITES =
  /^(create|start|stop|kill|remove|rename|update|connect|disconnect|tag|pull|build|import|export)/;

/** Between the last look and the deed somebody can always come in: two slow calls' time. */
const UNAVOIDABLE_MS = 10_000;
/** What was decided before the manifests went away is carried out. */
const UNDER_WAY_MS = 45_000;

export function createWatchman(watched: Watched): Watchman {
  const records = new Map<string, AgentRecord>();
  let violation: BrokenPromise | undefined;
  const list = watched.host.podman.controls.containers;
  /** Nothing changes while all eyes look at one moment. */
  let moment: { containers?: ObservedContainer[] } | undefined;
  const scene: Scene = {
    ...watched,
    containers: () => (moment === undefined ? list() : (moment.containers ??= list())),
    recordOf: (agent) => records.get(agent),
    broken: (invariant, how) => {
      violation ??= new BrokenPromise(invariant, how);
      watched.say(`VIOLATION ${invariant}: ${how}`);
    },
  };
  const eyes = EYES.map((open) => open(scene));
  const look = (see: (eye: Eye) => void): void => {
    moment = {};
    for (const eye of eyes) see(eye);
    moment = undefined;
  };
  return {
    get violation() {
      return violation;
    },
    beforeCall: (call) => {
      look((eye) => eye.beforeCall?.(call));
    },
    afterCall: () => {
      look((eye) => eye.afterCall?.());
    },
    onStateChange: (path, text) => {
      look((eye) => eye.onStateChange?.(path, text));
    },
    onRecord: (record) => {
      const before = records.get(record.key.name);
      records.set(record.key.name, record);
      look((eye) => eye.onRecord?.(record, before));
    },
    excuse: (containerId) => {
      const victim = scene.containers().find(({ id }) => id === containerId);
      if (victim) look((eye) => eye.excuse?.(victim));
    },
    forget: () => {
      look((eye) => eye.forget?.());
    },
    boot: (needs) => look((eye) => eye.boot?.(needs)),
    edit: (agents) => look((eye) => eye.edit?.(agents)),
    calm: () => look((eye) => eye.calm?.()),
  };
}

const agentOf = ({ labels: found }: ObservedContainer): string | undefined => found[labels.name];

const isUp = ({ state }: ObservedContainer): boolean =>
  state === 'running' || state === 'paused' || state === 'stopping';

const oneRunningPerSlot = ({ containers, broken }: Scene): Eye => ({
  afterCall: () => {
    const up = containers().filter((container) => agentOf(container) !== undefined && isUp(container));
    const slots = up.map(slotOf);
    const twice = slots.find((slot, index) => slots.indexOf(slot) !== index);
    const alone = new Set(up.filter((one) => !isReplica(one)).map(agentOf));
    const beside = up
      .filter(isReplica)
      .map(agentOf)
      .find((agent) => alone.has(agent));
    if (twice !== undefined || beside !== undefined)
      broken('OneRunningPerSlot', `${twice ?? beside} runs twice: ${up.map(({ name }) => name).join(', ')}`);
  },
});

/** An agent whose containers have its name themselves has one place; else each revision has one for each ordinal. */
const slotOf = (container: ObservedContainer): string => {
  const { labels: found } = container;
  const place = isReplica(container)
    ? [found[labels.role], found[labels.revision], found[labels.ordinal]]
    : [];
  return [agentOf(container), ...place].join('/');
};

/** One that leaves the name to a holder, or the holder itself. */
const isReplica = ({ annotations, labels: found }: ObservedContainer): boolean =>
  found[labels.role] === HOLDER_ROLE || leavesTheName(annotations);

/** Annotations are what the container was made with, and never change. */
const leavesTheName = oncePer((annotations: ObservedContainer['annotations']): boolean => {
  const template = annotations[REVISION_ANNOTATION];
  return template !== undefined && isNameless(JSON.parse(template) as ContainerTemplate);
});

function oncePer<K extends object, T>(find: (key: K) => T): (key: K) => T {
  const found = new WeakMap<K, T>();
  return (key) => {
    if (!found.has(key)) found.set(key, find(key));
    return found.get(key) as T;
  };
}

/** Looked at when it is told: an address may pass from a replica that dies to a candidate behind everybody's back. */
function provenBeforeRouted({ host, containers, recordOf, broken }: Scene): Eye {
  host.podman.controls.onRoute = (holderId, to) => {
    const agent = containers().find(({ id }) => id === holderId)?.labels[labels.name] ?? '';
    const told = containers().filter(
      (one) => agentOf(one) === agent && Object.values(one.networks).some((address) => to.includes(address)),
    );
    for (const one of told) if (isOnTrial(one, recordOf(agent))) broken('ProvenBeforeRouted', one.name);
  };
  return {};
}

/** A candidate beside those that serve, by what the record said last. */
function isOnTrial({ labels: found }: ObservedContainer, record: AgentRecord | undefined): boolean {
  if (record?.rollout === undefined || record.rollout.strategy === 'Recreate' || !TRIES.has(record.state))
    return false;
  const { rollout, currentRevision, targetRevision } = record;
  if (found[labels.revision] !== targetRevision || currentRevision === targetRevision) return false;
  return Number(found[labels.ordinal]) >= (rollout.strategy === 'Canary' ? rollout.promoted : 0);
}

const TRIES: ReadonlySet<AgentState> = new Set(['Preparing', 'Starting', 'Verifying']);

/** What serves here has proved itself. */
const SETTLED: ReadonlySet<AgentState> = new Set(['Healthy', 'Healing', 'Degraded', 'Completed']);

function oldKeptUntilProven({ host, containers, recordOf, broken }: Scene): Eye {
  const proven = new Map<string, string>();
  const excusedAtMs = new Map<string, number>();
  const excused = new Set<string>();
  return {
    beforeCall: ({ method, args }) => {
      if (method !== 'removeContainer' && method !== 'removePod') return;
      const victims = containers().filter((one) => [one.id, one.name, one.podId].includes(String(args[0])));
      // Who was in a pod when its infra container was killed goes with it: only a new pod helps.
      const isLost = ({ id }: ObservedContainer): boolean => method === 'removePod' && excused.has(id);
      for (const victim of victims.filter((one) => !isLost(one))) {
        const agent = agentOf(victim);
        if (agent === undefined || proven.get(agent) !== victim.id) continue;
        const state = recordOf(agent)?.state;
        if (state !== 'Terminating') broken('OldKeptUntilProven', `${victim.name} of ${agent} (${state})`);
      }
    },
    onRecord: (record) => {
      if (!SETTLED.has(record.state)) return;
      const { name } = record.key;
      const serving = servingOf(record, containers());
      if (serving) proven.set(name, serving.id);
      else if (host.clock.now() - (excusedAtMs.get(name) ?? 0) < UNAVOIDABLE_MS) proven.delete(name);
    },
    excuse: (victim) => {
      const agent = agentOf(victim) ?? '';
      excused.add(victim.id);
      excusedAtMs.set(agent, host.clock.now());
      if (proven.get(agent) === victim.id) proven.delete(agent);
    },
    forget: () => proven.clear(),
  };
}

/** The container that the record calls stable. */
function servingOf(
  { key, stableRevision = '', attempts }: AgentRecord,
  containers: readonly ObservedContainer[],
): ObservedContainer | undefined {
  const attempt = String(attempts[stableRevision]);
  return containers.find(
    ({ labels: found }) =>
      found[labels.name] === key.name &&
      found[labels.revision] === stableRevision &&
      found[labels.ordinal] === '0' &&
      found[labels.attempt] === attempt,
  );
}

function strangersUntouched({ containers, broken }: Scene): Eye {
  const foreign = new Map<string, string>();
  const strangers = (): Map<string, string> =>
    new Map(
      containers()
        .filter(({ labels: found }) => found[labels.managedBy] === undefined)
        .map(({ id, name, state, startedAtMs }) => [id, `${name} ${state} ${startedAtMs}`]),
    );
  return {
    afterCall: () => {
      const found = strangers();
      for (const [id, text] of foreign)
        if (found.get(id) !== text) broken('StrangersUntouched', `${text} → ${found.get(id)}`);
      for (const [id, text] of found) foreign.set(id, text);
    },
  };
}

const noVolumeWithoutConsent = ({ disposable, broken }: Scene): Eye => ({
  beforeCall: ({ method, args }) => {
    const name = String(args[0]);
    if (method === 'removeVolume' && !disposable.has(name)) broken('NoVolumeWithoutConsent', name);
  },
});

/** A survivor that comes back by itself ends a failed rollout, it is not another rollback. */
const turnsBack = (before: AgentRecord | undefined, { state }: AgentRecord): boolean =>
  (state === 'RollingBack' && before?.state !== 'RollingBack') ||
  (state === 'RolledBack' && !['RolledBack', 'RollingBack', 'Failed'].includes(before?.state ?? ''));

function oneRollbackPerGeneration({ broken }: Scene): Eye {
  const rollbacks = new Map<string, number>();
  return {
    onRecord: (record, before) => {
      if (!turnsBack(before, record)) return;
      // Members of a pod group go back together, also for one of them that was edited and tried again.
      const id = `${record.uid}/${record.generation}/${record.wishHash}/${record.unit?.attempt ?? ''}`;
      rollbacks.set(id, (rollbacks.get(id) ?? 0) + 1);
      if ((rollbacks.get(id) ?? 0) > 1)
        broken('OneRollbackPerGeneration', `${record.key.name} in generation ${record.generation}`);
    },
    forget: () => rollbacks.clear(),
  };
}

const TIMED: ReadonlySet<AgentState> = new Set([
  'Preparing',
  'StoppingOld',
  'Starting',
  'Verifying',
  'Monitoring',
  'Healing',
  'RollingBack',
]);

const deadlineOrTrigger = ({ broken }: Scene): Eye => ({
  onRecord: ({ key, state, deadlineAtMs }) => {
    if (TIMED.has(state) && deadlineAtMs === undefined)
      broken('DeadlineOrTrigger', `${key.name} is ${state} for ever`);
  },
});

interface JournalLine {
  readonly intent?: { readonly id: number; readonly name: string };
  readonly settled?: number;
}

/** What a start after a loss of power would find open; of a journal that only grew, the news are read alone. */
function createJournalReader(): (journal: string) => string[] {
  const open = new Map<number, string>();
  let read = '';
  return (journal) => {
    if (!journal.startsWith(read)) {
      open.clear();
      read = '';
    }
    for (const row of journal.slice(read.length).split('\n').filter(Boolean)) {
      const { intent, settled } = JSON.parse(row) as JournalLine;
      if (intent) open.set(intent.id, intent.name);
      else open.delete(settled ?? 0);
    }
    read = journal;
    return [...open.values()];
  };
}

/** A call tells an id, the journal one of its names: a person may have renamed it, and it may be gone since. */
function intentBeforeAct({ host, broken }: Scene): Eye {
  const namesGiven = new Map<string, Set<string>>();
  const learn = (): void => {
    for (const [id, name] of host.podman.controls.names()) {
      const names = namesGiven.get(id);
      if (names === undefined) namesGiven.set(id, new Set([name]));
      else names.add(name);
    }
  };
  const intentsOf = createJournalReader();
  return {
    beforeCall: ({ method, args }) => {
      learn();
      if (!WRITES.test(method)) return;
      const [first] = args as [string | { readonly name?: string; readonly tags?: readonly string[] }];
      const subject = typeof first === 'string' ? first : (first.name ?? first.tags?.[0] ?? '');
      const { nameOf } = host.podman.controls;
      const names = new Set<unknown>([...(namesGiven.get(subject) ?? []), nameOf(subject), ...args, subject]);
      const intents = intentsOf(host.disk().durable.get('journal.ndjson') ?? '');
      // The first holder brings its image along.
      const isHolders = method === 'importImage' && intents.some((name) => name.endsWith('-holder'));
      if (!isHolders && !intents.some((name) => names.has(name)))
        broken('IntentBeforeAct', `${method} ${subject}`);
    },
    afterCall: learn,
  };
}

function noSecretOnDisk({ secretMark, containers, broken }: Scene): Eye {
  const isLeak = oncePer((words: ObservedContainer['labels']) => JSON.stringify(words).includes(secretMark));
  return {
    onStateChange: (path, text) => {
      if (text.includes(secretMark)) broken('NoSecretOnDisk', path);
    },
    afterCall: () => {
      for (const { name, labels: found, annotations } of containers())
        if (isLeak(found) || isLeak(annotations)) broken('NoSecretOnDisk', name);
    },
  };
}

const FREEZES = /^(create|remove)(Container|Pod|Network|Volume|Secret)$/;

const frozenWhenUnreadable = ({ host, unreadableSinceMs, broken }: Scene): Eye => ({
  beforeCall: ({ method, args }) => {
    const sinceMs = unreadableSinceMs();
    if (sinceMs === undefined || host.clock.now() - sinceMs < UNDER_WAY_MS || host.isBooting()) return;
    if (FREEZES.test(method)) broken('FrozenWhenUnreadable', `${method} ${JSON.stringify(args[0])}`);
  },
});

/** The controller is ended at once: what it does in no time it would do for ever. */
function comesToRest({ host, broken }: Scene): Eye {
  const keeper = createRestKeeper(host.clock);
  const end = (wrong: string): void => {
    broken('ComesToRest', wrong);
    host.crash();
  };
  host.clock.onStandstill = () => end('an endless loop in no time, without a call');
  const note = (deed: Deed): void => {
    const wrong = keeper.note(deed);
    if (wrong !== undefined) end(wrong);
  };
  return {
    beforeCall: ({ method, args: [subject] }) => {
      const name = typeof subject === 'string' ? subject : (subject as { name?: string } | undefined)?.name;
      const what = `${method} ${host.podman.controls.nameOf(name ?? '') ?? name}`;
      note({ type: WRITES.test(method) ? 'call' : 'look', what });
    },
    // The journal tells of calls, which are counted by themselves.
    onStateChange: (path) =>
      note({ type: path === 'journal.ndjson' ? 'look' : 'write', what: `write ${path}` }),
    calm: keeper.calm,
  };
}

const EYES: readonly ((scene: Scene) => Eye)[] = [
  oneRunningPerSlot,
  provenBeforeRouted,
  oldKeptUntilProven,
  strangersUntouched,
  noVolumeWithoutConsent,
  oneRollbackPerGeneration,
  deadlineOrTrigger,
  intentBeforeAct,
  noSecretOnDisk,
  frozenWhenUnreadable,
  startsInOrder,
  backsOff,
  removalGoesOn,
  comesToRest,
];
