import { labels } from '../../src/api/labels.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { FakeCall, FakePodman } from '../fakes/fake-podman.ts';

/** What `semantics.md` §8 promises, looked at after every call and after every write of a record. */
export interface Watchman {
  /** Before a call reaches Podman. */
  beforeCall(call: FakeCall): void;
  /** After it did. */
  afterCall(): void;
  onRecord(record: AgentRecord): void;
  /** A person removes this container: none of ours to answer for. */
  excuse(containerId: string): void;
  /** The state is lost: who had proved what is known to nobody any more, and generations count from 1 again. */
  forget(): void;
  /** The first promise that was broken. */
  readonly violation: string | undefined;
}

export interface Watched {
  readonly podman: FakePodman;
  /** Names of the volumes whose manifest ever said `retention: Delete`. */
  readonly disposable: ReadonlySet<string>;
  readonly say: (line: string) => void;
  readonly now: () => number;
}

/** Between the last look and the deed somebody can always come in: two slow calls' time. */
const UNAVOIDABLE_MS = 10_000;

/** What serves here has proved itself. */
const SETTLED: ReadonlySet<AgentState> = new Set(['Healthy', 'Healing', 'Degraded', 'Completed']);

const isUp = ({ state }: ObservedContainer): boolean =>
  state === 'running' || state === 'paused' || state === 'stopping';

export function createWatchman({ podman, disposable, say, now }: Watched): Watchman {
  const records = new Map<string, AgentRecord>();
  const proven = new Map<string, string>();
  const rollbacks = new Map<string, number>();
  const foreign = new Map<string, string>();
  const excusedAtMs = new Map<string, number>();
  let violation: string | undefined;

  const broken = (text: string): void => {
    violation ??= text;
    say(`VIOLATION ${text}`);
  };
  const noteForeign = (): void => {
    const found = foreignOf(podman);
    for (const [id, text] of foreign)
      if (found.get(id) !== text) broken(`foreign object touched: ${text} → ${found.get(id)}`);
    for (const [id, text] of found) foreign.set(id, text);
  };
  const onRemoval = (nameOrId: string): void => {
    const found = podman.controls.containers().find(({ id, name }) => id === nameOrId || name === nameOrId);
    const agent = found?.labels[labels.name];
    if (!found || agent === undefined) return;
    const record = records.get(agent);
    if (proven.get(agent) === found.id && record?.state !== 'Terminating')
      broken(`${found.name} was removed before another proved stable (${agent} is ${record?.state})`);
  };
  return {
    get violation() {
      return violation;
    },
    beforeCall: ({ method, args }) => {
      const name = String(args[0]);
      if (method === 'removeContainer') onRemoval(name);
      if (method === 'removeVolume' && !disposable.has(name))
        broken(`volume ${name} was removed without consent`);
    },
    afterCall: () => {
      noteForeign();
      const up = podman.controls
        .containers()
        .filter((container) => container.labels[labels.name] !== undefined && isUp(container));
      const agents = up.map((container) => container.labels[labels.name]);
      const twice = agents.find((agent, index) => agents.indexOf(agent) !== index);
      if (twice !== undefined) broken(`${twice} runs twice: ${up.map(({ name }) => name).join(', ')}`);
    },
    excuse: (containerId) => {
      const victim = podman.controls.containers().find(({ id }) => id === containerId);
      excusedAtMs.set(victim?.labels[labels.name] ?? '', now());
      for (const [agent, id] of proven) if (id === containerId) proven.delete(agent);
    },
    forget: () => {
      proven.clear();
      rollbacks.clear();
    },
    onRecord: (record) => {
      const { name } = record.key;
      const before = records.get(name);
      records.set(name, record);
      if (SETTLED.has(record.state)) {
        const attempt = String(record.attempts[record.stableRevision ?? '']);
        const serving = podman.controls
          .containers()
          .find(
            ({ labels: found }) =>
              found[labels.name] === name &&
              found[labels.revision] === record.stableRevision &&
              found[labels.attempt] === attempt,
          );
        if (serving) proven.set(name, serving.id);
        else if (now() - (excusedAtMs.get(name) ?? 0) < UNAVOIDABLE_MS) proven.delete(name);
      }
      if (turnsBack(before, record)) {
        const id = `${record.uid}/${record.generation}/${record.wishHash}`;
        rollbacks.set(id, (rollbacks.get(id) ?? 0) + 1);
        if ((rollbacks.get(id) ?? 0) > 1)
          broken(`${name} was rolled back twice in generation ${record.generation}`);
      }
    },
  };
}

/** A survivor that comes back by itself ends a failed rollout, it is not another rollback. */
const turnsBack = (before: AgentRecord | undefined, { state }: AgentRecord): boolean =>
  (state === 'RollingBack' && before?.state !== 'RollingBack') ||
  (state === 'RolledBack' && !['RolledBack', 'RollingBack', 'Failed'].includes(before?.state ?? ''));

/** Whatever carries no label of ours, as text. */
function foreignOf(podman: FakePodman): Map<string, string> {
  return new Map(
    podman.controls
      .containers()
      .filter((container) => container.labels[labels.managedBy] === undefined)
      .map(({ id, name, state, startedAtMs }) => [id, `${name} ${state} ${startedAtMs}`]),
  );
}
