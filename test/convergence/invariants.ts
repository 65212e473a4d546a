import { labels } from '../../src/api/labels.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { FakeCall } from '../fakes/fake-podman.ts';
import type { SimulatedHost } from '../fakes/simulated-host.ts';

/**
 * What is promised whatever happens, each by its name. The first group is looked at with every call to Podman and
 * every change of the state directory, the second when the story is over.
 */
export const INVARIANTS = {
  OneRunningPerSlot: 'at most one container of an agent runs',
  OldKeptUntilProven: 'what has proved itself is not removed before another has',
  StrangersUntouched: 'nothing without our labels is touched',
  NoVolumeWithoutConsent: 'no volume goes whose manifest never said Delete',
  OneRollbackPerGeneration: 'at most one automatic rollback per generation, and none of a rollback',
  DeadlineOrTrigger: 'a state that waits for a container has a deadline',
  IntentBeforeAct: 'an intent is on disk, fsynced, before the call that it explains',
  NoSecretOnDisk: "no value of a Secret is in the state directory, nor in a container's labels",
  FrozenWhenUnreadable: 'while the manifests cannot be read nothing is created or removed',

  NobodyStaysOnTheWay: 'in fair weather every agent comes to a state that it can stay in',
  Converges: 'good manifests become healthy agents',
  SecondPlanEmpty: 'on a converged world nothing is written to Podman',
  RestartChangesNothing: 'a restart of the controller on a converged world writes nothing to Podman',
  NothingElseIsLeft: 'there is one container for each agent and one pod for each group, and no open intent',
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
interface Eye {
  readonly beforeCall?: (call: FakeCall) => void;
  readonly afterCall?: () => void;
  readonly onStateChange?: (path: string, text: string) => void;
  readonly onRecord?: (record: AgentRecord, before: AgentRecord | undefined) => void;
  readonly excuse?: (victim: ObservedContainer) => void;
  readonly forget?: () => void;
}

interface Scene extends Watched {
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
  const scene: Scene = {
    ...watched,
    containers: watched.host.podman.controls.containers,
    recordOf: (agent) => records.get(agent),
    broken: (invariant, how) => {
      violation ??= new BrokenPromise(invariant, how);
      watched.say(`VIOLATION ${invariant}: ${how}`);
    },
  };
  const eyes = EYES.map((open) => open(scene));
  return {
    get violation() {
      return violation;
    },
    beforeCall: (call) => {
      for (const eye of eyes) eye.beforeCall?.(call);
    },
    afterCall: () => {
      for (const eye of eyes) eye.afterCall?.();
    },
    onStateChange: (path, text) => {
      for (const eye of eyes) eye.onStateChange?.(path, text);
    },
    onRecord: (record) => {
      const before = records.get(record.key.name);
      records.set(record.key.name, record);
      for (const eye of eyes) eye.onRecord?.(record, before);
    },
    excuse: (containerId) => {
      const victim = scene.containers().find(({ id }) => id === containerId);
      if (victim) for (const eye of eyes) eye.excuse?.(victim);
    },
    forget: () => {
      for (const eye of eyes) eye.forget?.();
    },
  };
}

const agentOf = ({ labels: found }: ObservedContainer): string | undefined => found[labels.name];

const isUp = ({ state }: ObservedContainer): boolean =>
  state === 'running' || state === 'paused' || state === 'stopping';

const oneRunningPerSlot = ({ containers, broken }: Scene): Eye => ({
  afterCall: () => {
    const up = containers().filter((container) => agentOf(container) !== undefined && isUp(container));
    const agents = up.map(agentOf);
    const twice = agents.find((agent, index) => agents.indexOf(agent) !== index);
    if (twice !== undefined)
      broken('OneRunningPerSlot', `${twice} runs twice: ${up.map(({ name }) => name).join(', ')}`);
  },
});

/** What serves here has proved itself. */
const SETTLED: ReadonlySet<AgentState> = new Set(['Healthy', 'Healing', 'Degraded', 'Completed']);

function oldKeptUntilProven({ host, containers, recordOf, broken }: Scene): Eye {
  const proven = new Map<string, string>();
  const excusedAtMs = new Map<string, number>();
  return {
    beforeCall: ({ method, args }) => {
      if (method !== 'removeContainer') return;
      const found = containers().find(({ id, name }) => id === args[0] || name === args[0]);
      const agent = found && agentOf(found);
      if (found === undefined || agent === undefined || proven.get(agent) !== found.id) return;
      const state = recordOf(agent)?.state;
      if (state !== 'Terminating') broken('OldKeptUntilProven', `${found.name} of ${agent} (${state})`);
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
      const id = `${record.uid}/${record.generation}/${record.wishHash}`;
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

/** What a start after a loss of power would find open. */
function intentsOf(journal: string): string[] {
  const open = new Map<number, string>();
  for (const row of journal.split('\n').filter(Boolean)) {
    const { intent, settled } = JSON.parse(row) as JournalLine;
    if (intent) open.set(intent.id, intent.name);
    else open.delete(settled ?? 0);
  }
  return [...open.values()];
}

/** A call tells an id, the journal the name that we gave: a person may have renamed or removed it since. */
function intentBeforeAct({ host, containers, broken }: Scene): Eye {
  const namesGiven = new Map<string, string>();
  return {
    beforeCall: ({ method, args }) => {
      if (!WRITES.test(method)) return;
      const [first] = args as [string | { readonly name?: string; readonly tags?: readonly string[] }];
      const subject = typeof first === 'string' ? first : (first.name ?? first.tags?.[0] ?? '');
      const { nameOf } = host.podman.controls;
      const names = new Set<unknown>([namesGiven.get(subject), nameOf(subject), ...args, subject]);
      const intents = intentsOf(host.disk().durable.get('journal.ndjson') ?? '');
      if (!intents.some((name) => names.has(name))) broken('IntentBeforeAct', `${method} ${subject}`);
    },
    afterCall: () => {
      for (const { id, name } of containers()) if (!namesGiven.has(id)) namesGiven.set(id, name);
    },
  };
}

const noSecretOnDisk = ({ secretMark, containers, broken }: Scene): Eye => ({
  onStateChange: (path, text) => {
    if (text.includes(secretMark)) broken('NoSecretOnDisk', path);
  },
  afterCall: () => {
    for (const { name, labels: found, annotations } of containers())
      if (JSON.stringify([found, annotations]).includes(secretMark)) broken('NoSecretOnDisk', name);
  },
});

const FREEZES = /^(create|remove)(Container|Pod|Network|Volume|Secret)$/;

const frozenWhenUnreadable = ({ host, unreadableSinceMs, broken }: Scene): Eye => ({
  beforeCall: ({ method, args }) => {
    const sinceMs = unreadableSinceMs();
    if (sinceMs === undefined || host.clock.now() - sinceMs < UNDER_WAY_MS || host.isBooting()) return;
    if (FREEZES.test(method)) broken('FrozenWhenUnreadable', `${method} ${JSON.stringify(args[0])}`);
  },
});

const EYES: readonly ((scene: Scene) => Eye)[] = [
  oneRunningPerSlot,
  oldKeptUntilProven,
  strangersUntouched,
  noVolumeWithoutConsent,
  oneRollbackPerGeneration,
  deadlineOrTrigger,
  intentBeforeAct,
  noSecretOnDisk,
  frozenWhenUnreadable,
];
