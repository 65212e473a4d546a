import { LABEL_PREFIX } from '../api/labels.ts';

/**
 * What a person asked of one agent outside the files. All of it holds only for the manifest it was asked for, and what
 * was carried out is forgotten: the files stay the truth. Times are epoch milliseconds.
 */
export interface Acts {
  /** Of the manifest that the person had in mind. */
  readonly specHash: string;
  /** Of what that manifest asked for, its inputs included: an edited ConfigMap is a new request too. */
  readonly wishHash?: string;
  /** Nothing is changed for the agent; its probes go on. */
  readonly suspended?: Suspension;
  /** The rollout's steps and clocks stand still; what serves is still looked after. */
  readonly pausedAtMs?: number;
  /** A canary that may be promoted. */
  readonly approvedRevision?: string;
  /** The rollout is to be given up. */
  readonly abortedAtMs?: number;
  /** Runs instead of what the manifest asks for. */
  readonly undoToRevision?: string;
  /** What failed is to be tried again. */
  readonly retryAtMs?: number;
  /** A new container of what runs is to be rolled out. */
  readonly restartedAtMs?: number;
}

export interface Suspension {
  readonly sinceMs: number;
  readonly untilMs?: number;
  readonly reason?: string;
}

/** What the acts are held against: the manifest as it is now. */
export interface ActsBasis {
  readonly specHash: string;
  /** Unknown while an input is missing: then it ends nothing. */
  readonly wishHash: string | undefined;
  readonly nowMs: number;
}

/** What still holds. A suspension outlasts a changed input, not a changed manifest, and not its own time. */
export function standingActs(acts: Acts, { specHash, wishHash, nowMs }: ActsBasis): Acts {
  if (acts.specHash !== specHash) return { specHash };
  const { suspended, ...rollout } = acts;
  const isOtherWish = acts.wishHash !== undefined && wishHash !== undefined && acts.wishHash !== wishHash;
  const holds = suspended && (suspended.untilMs === undefined || nowMs < suspended.untilMs);
  return { ...(isOtherWish ? { specHash } : rollout), ...(holds && { suspended }) };
}

/** Anything at all besides what it was asked for. */
export function hasActs(acts: Acts): boolean {
  const { specHash: _, wishHash: __, ...asked } = acts;
  return Object.keys(asked).length > 0;
}

type Values = Readonly<Record<string, string>>;

const KEYS = {
  specHash: `${LABEL_PREFIX}acts-of-spec`,
  wishHash: `${LABEL_PREFIX}acts-of-wish`,
  suspendedAt: `${LABEL_PREFIX}suspended-at`,
  suspendedUntil: `${LABEL_PREFIX}suspended-until`,
  suspendReason: `${LABEL_PREFIX}suspend-reason`,
  pausedAtMs: `${LABEL_PREFIX}paused-at`,
  approvedRevision: `${LABEL_PREFIX}approved-revision`,
  abortedAtMs: `${LABEL_PREFIX}aborted-at`,
  undoToRevision: `${LABEL_PREFIX}undo-to-revision`,
  retryAtMs: `${LABEL_PREFIX}retry-at`,
  restartedAtMs: `${LABEL_PREFIX}restarted-at`,
} as const;

/** What a person made of it by hand and does not fit is not there. */
export function parseActs(values: Values = {}): Acts {
  const text = <K extends keyof typeof KEYS>(name: K) => present(name, values[KEYS[name]]);
  const time = <K extends keyof typeof KEYS>(name: K) => present(name, timeOf(values[KEYS[name]]));
  return {
    ...text('wishHash'),
    ...suspensionOf(values),
    ...time('pausedAtMs'),
    ...text('approvedRevision'),
    ...time('abortedAtMs'),
    ...text('undoToRevision'),
    ...time('retryAtMs'),
    ...time('restartedAtMs'),
    specHash: values[KEYS.specHash] ?? '',
  };
}

function suspensionOf(values: Values): Pick<Acts, 'suspended'> {
  const sinceMs = timeOf(values[KEYS.suspendedAt]);
  if (sinceMs === undefined) return {};
  const suspended = {
    sinceMs,
    ...present('untilMs', timeOf(values[KEYS.suspendedUntil])),
    ...present('reason', values[KEYS.suspendReason]),
  };
  return { suspended };
}

const present = <K extends string, T>(name: K, value: T | undefined): { [key in K]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { [key in K]?: T });

function timeOf(text: string | undefined): number | undefined {
  const atMs = Date.parse(text ?? '');
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** As `store.annotations` keeps it, and as people read it. */
export function formatActs({ suspended, ...acts }: Acts): Values {
  const all = {
    ...acts,
    suspendedAt: suspended?.sinceMs,
    suspendedUntil: suspended?.untilMs,
    suspendReason: suspended?.reason,
  };
  const entries = Object.entries(KEYS).flatMap(([name, key]): [string, string][] => {
    const value = all[name as keyof typeof KEYS];
    if (value === undefined) return [];
    return [[key, typeof value === 'number' ? new Date(value).toISOString() : value]];
  });
  return Object.fromEntries(entries);
}
