import { HOLDER_ROLE, labels } from '../../src/api/labels.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { Eye, Scene } from './invariants.ts';

/** What an agent waits for before it starts after a boot. */
export interface Need {
  readonly name: string;
  readonly condition: string;
}

export type Needs = ReadonlyMap<string, readonly Need[]>;

const agentOf = ({ labels: found }: ObservedContainer): string => found[labels.name] ?? '';

/** Of what ran when the host went down, each waits until those that it needs were ready in the new boot. */
export function startsInOrder({ host, containers, broken }: Scene): Eye {
  const awaited = new Set<string>();
  const started = new Set<string>();
  const ready = new Set<string>();
  /** Agents of which the state directory says that they ran. */
  const known = new Set<string>();
  let needs: Needs = new Map();
  const note = (): void => {
    for (const one of containers()) {
      if (one.state !== 'running') continue;
      started.add(agentOf(one));
      if (host.podman.controls.isReady(one.id)) ready.add(agentOf(one));
    }
  };
  const isMet = ({ name, condition }: Need): boolean =>
    condition === 'Completed' || (condition === 'Started' ? started : ready).has(name);
  return {
    beforeCall: ({ method, args: [subject] }) => {
      if (awaited.size === 0) return;
      note();
      if (method !== 'startContainer') return;
      const one = containers().find(({ id, name }) => id === subject || name === subject);
      if (!one || !awaited.delete(one.id)) return;
      const missed = needs.get(agentOf(one))?.find((need) => !isMet(need));
      if (missed) broken('StartsInOrder', `${one.name} before ${missed.name} was ${missed.condition}`);
    },
    boot: (wanted) => {
      needs = wanted;
      for (const seen of [awaited, started, ready]) seen.clear();
      const isAgents = (one: ObservedContainer): boolean =>
        one.labels[labels.role] !== HOLDER_ROLE && known.has(agentOf(one));
      for (const one of containers()) if (one.state === 'running' && isAgents(one)) awaited.add(one.id);
    },
    onRecord: ({ key, replicas }) => {
      if (Object.values(replicas).some(({ bootId }) => bootId !== undefined)) known.add(key.name);
    },
    edit: () => awaited.clear(),
    forget: () => {
      awaited.clear();
      known.clear();
    },
  };
}

/** A start and its answer may each be lost twice, and a person may have a hand in it too. */
const MOST_STARTS = 8;
const WINDOW_MS = 10_000;

/** Also in the worst weather nobody is started without a pause. */
export function backsOff({ host, broken }: Scene): Eye {
  const starts = new Map<string, number[]>();
  return {
    beforeCall: ({ method, args: [subject] }) => {
      if (method !== 'startContainer') return;
      const nowMs = host.clock.uptimeMs();
      const name = host.podman.controls.nameOf(String(subject)) ?? String(subject);
      const recent = [...(starts.get(name) ?? []), nowMs].filter((atMs) => nowMs - atMs < WINDOW_MS);
      starts.set(name, recent);
      if (recent.length <= MOST_STARTS) return;
      broken('BacksOff', `${recent.length} starts of ${name} in 10 s`);
      host.crash();
    },
  };
}
