export type StoreErrorKind =
  | 'Locked'
  | 'NotOwned'
  | 'NotPermitted'
  | 'ReadOnly'
  | 'NoSpace'
  | 'Missing'
  | 'Damaged'
  | 'TooNew'
  | 'Failed';

/** The state directory could not be read or written. What memory holds is then still what it held before. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;
  /** With `Locked`: the process that has the directory, where it could be told. */
  readonly holderPid: number | undefined;

  constructor(kind: StoreErrorKind, message: string, options: ErrorOptions & { holderPid?: number } = {}) {
    super(message, options);
    this.kind = kind;
    this.holderPid = options.holderPid;
  }
}

interface Advice {
  readonly kind: StoreErrorKind;
  readonly what: string;
}

const BY_CODE: Readonly<Record<string, Advice>> = {
  ENOSPC: { kind: 'NoSpace', what: 'no space is left on its device; free some, nothing was changed' },
  EDQUOT: { kind: 'NoSpace', what: 'the disk quota is used up; free some, nothing was changed' },
  EROFS: { kind: 'ReadOnly', what: 'its file system is read-only; choose another with --state-dir' },
  EACCES: {
    kind: 'NotPermitted',
    what: 'permission denied; check its owner and mode, or choose --state-dir',
  },
  EPERM: {
    kind: 'NotPermitted',
    what: 'not permitted; check its owner and attributes, or choose --state-dir',
  },
  ENOENT: {
    kind: 'Missing',
    what: 'it is gone or cannot be made; was the state directory deleted? Start again',
  },
  EEXIST: { kind: 'Missing', what: 'there is something else in its place that is not a directory' },
  ENOTDIR: { kind: 'Missing', what: 'a part of its path is not a directory' },
};

/** `action` as in "write", `path` as a person would type it. */
export function storeError(error: unknown, action: string, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const advice = BY_CODE[code] ?? { kind: 'Failed', what: String(error) };
  return new StoreError(advice.kind, `cannot ${action} ${path}: ${advice.what}`, { cause: error });
}
