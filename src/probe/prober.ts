import type { ObjectKey } from '../api/key.ts';
import type { ContainerVerdict, SavedVerdict } from '../state/verdict.ts';
import { type ContainerProbing, type Probes, probeContainer } from './container.ts';
import type { ProbeClock, ProbeTarget, RunProbe } from './probe.ts';

export interface ProberOptions {
  readonly clock: ProbeClock;
  /** 0 to 1, like `Math.random`. */
  readonly random: () => number;
  readonly run: RunProbe;
  /** A verdict about one of the object's containers may differ now. */
  readonly onChange: (key: ObjectKey) => void;
  /** What `snapshot` gave before the controller restarted. */
  readonly saved?: readonly SavedVerdict[];
}

/** A running container and what to ask it. */
export interface ProbedContainer {
  readonly target: ProbeTarget;
  readonly probes: Probes;
}

export interface Prober {
  /** Level-triggered: exactly these containers of the object are probed from now on. Calling it again changes nothing. */
  sync(key: ObjectKey, containers: readonly ProbedContainer[]): void;
  /** `undefined`: nothing is known about this run of the container. */
  verdict(containerId: string, startedAtMs: number): ContainerVerdict | undefined;
  /** All that is known, to be given back as `saved` after a restart. */
  snapshot(): SavedVerdict[];
  /** Resolves when no probe runs any more. */
  close(): Promise<void>;
}

interface Entry {
  readonly key: ObjectKey;
  readonly containerId: string;
  readonly startedAtMs: number;
  readonly probing: ContainerProbing;
}

export function createProber({ clock, random, run, onChange, saved = [] }: ProberOptions): Prober {
  const entries = new Map<string, Entry>();
  const unclaimed = new Map(saved.map((one) => [runOf(one), one]));
  const stopping = new Set<Promise<void>>();

  const begin = (key: ObjectKey, { target, probes }: ProbedContainer): void => {
    const known = unclaimed.get(runOf(target))?.verdict;
    const context = { clock, random, run, onChange: () => onChange(key) };
    const probing = probeContainer(context, { target, probes, ...(known === undefined ? {} : { known }) });
    const { containerId, startedAtMs } = target;
    entries.set(runOf(target), { key, containerId, startedAtMs, probing });
  };
  const stop = (id: string, { probing }: Entry): void => {
    entries.delete(id);
    const ended = probing.stop().finally(() => stopping.delete(ended));
    stopping.add(ended);
  };
  const sync: Prober['sync'] = (key, containers) => {
    const wanted = new Set(containers.map(({ target }) => runOf(target)));
    for (const [id, entry] of entries) if (sameKey(entry.key, key) && !wanted.has(id)) stop(id, entry);
    for (const container of containers) {
      const entry = entries.get(runOf(container.target));
      if (entry === undefined) begin(key, container);
      else entry.probing.update(container.target, container.probes);
    }
    // Claimed by now, or about a run that is over.
    for (const [id, one] of unclaimed) if (sameKey(one.key, key)) unclaimed.delete(id);
  };
  const save = ({ probing, ...identity }: Entry): SavedVerdict => ({
    ...identity,
    verdict: probing.verdict(),
  });

  return {
    sync,
    verdict: (containerId, startedAtMs) => {
      const id = runOf({ containerId, startedAtMs });
      return entries.get(id)?.probing.verdict() ?? unclaimed.get(id)?.verdict;
    },
    snapshot: () => [...[...entries.values()].map(save), ...unclaimed.values()],
    close: async () => {
      for (const [id, entry] of entries) stop(id, entry);
      await Promise.all(stopping);
    },
  };
}

const runOf = (run: { readonly containerId: string; readonly startedAtMs: number }): string =>
  `${run.containerId}@${run.startedAtMs}`;

const sameKey = (left: ObjectKey, right: ObjectKey): boolean =>
  left.name === right.name && left.namespace === right.namespace && left.kind === right.kind;
