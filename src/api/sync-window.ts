/** Whether what is new in the manifests may be applied at an instant. */
export type SyncWindow = OpenWindow | ClosedWindow;

interface OpenWindow {
  readonly open: true;
  /** Absent where no window closes it within a year. */
  readonly untilMs?: number;
}

export interface ClosedWindow {
  readonly open: false;
  /** Absent where no window opens within a year. */
  readonly untilMs?: number;
  /** For a person. */
  readonly message: string;
}

/** As the API tells it: `window` of a convergence and of a plan. */
export interface SyncWindowStatus {
  readonly open: boolean;
  /** When that changes. */
  readonly until?: string;
  readonly message: string;
  /** What waits, as `Kind/namespace/name`. */
  readonly waiting: readonly string[];
  /** The git commit that goes on being applied while another one waits. */
  readonly commit?: string;
}

export const APPLY_AT_ONCE = 'rookery sync --now';
