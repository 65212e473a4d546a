import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Operation } from '../plan/operation.ts';
import type { PodmanErrorKind } from './errors.ts';
import type { Podman } from './podman.ts';

/**
 * Creates that nobody knows the end of, by whom they were for. Podman's service may have died in one and left storage
 * without a container, which no list tells of. The next try meets it by its name; but when another revision is asked for
 * by then, nobody would.
 */
export interface CutOffCreates {
  note(key: ObjectKey, operation: Operation, kind: PodmanErrorKind): void;
  /** What it takes to be rid of what is no container; nothing while Podman does not answer. */
  leftBy(key: ObjectKey): Promise<readonly Removal[]>;
  forget(key: ObjectKey, name: string): void;
}

type Removal = Extract<Operation, { type: 'RemoveContainer' }>;

export function rememberCutOffs(podman: Pick<Podman, 'inspectContainer'>): CutOffCreates {
  const names = new Map<KeyString, ReadonlySet<string>>();
  const namesOf = (key: ObjectKey): ReadonlySet<string> => names.get(keyString(key)) ?? new Set();
  const keep = (key: ObjectKey, kept: ReadonlySet<string>): void => {
    if (kept.size > 0) names.set(keyString(key), kept);
    else names.delete(keyString(key));
  };
  const forget = (key: ObjectKey, name: string): void =>
    keep(key, new Set([...namesOf(key)].filter((other) => other !== name)));
  return {
    note: (key, operation, kind) => {
      const isCutOff = kind === 'Unreachable' && MAKES.has(operation.type) && 'name' in operation;
      if (isCutOff) keep(key, new Set([...namesOf(key), operation.name]));
    },
    leftBy: async (key) => {
      const removals: Removal[] = [];
      for (const name of namesOf(key)) {
        const found = await podman.inspectContainer(name).catch(() => 'Unknown' as const);
        if (found === undefined) removals.push({ type: 'RemoveContainer', id: name, name, cause: CUT_OFF });
        else if (found !== 'Unknown') forget(key, name);
      }
      return removals;
    },
    forget,
  };
}

const MAKES: ReadonlySet<Operation['type']> = new Set(['CreateContainer', 'CreateHolder']);
const CUT_OFF = 'storage that a create left which was cut off';
