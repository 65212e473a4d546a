import type { ObjectKey } from '../api/key.ts';
import type { Operation } from '../plan/operation.ts';
import type { PodmanErrorKind } from './errors.ts';
import type { Podman } from './podman.ts';
import type { Traffic } from './traffic.ts';

export type Lane = 'start' | 'stop' | 'pull' | 'build';

/** What the executor is given; it knows neither the store nor the engine by name. */
export interface ExecutorOptions {
  readonly podman: Podman;
  readonly lanes: {
    run<T>(
      lane: Lane,
      task: () => Promise<T>,
      options: { priority: 'Rollout' | 'CrashRestart'; signal: AbortSignal },
    ): Promise<T>;
  };
  readonly journal: {
    intent(act: { key: ObjectKey; operation: string; name: string }): Promise<number>;
    settle(id: number): Promise<void>;
  };
  /** The value of a secret by its content name; it is in no operation. */
  readonly secretValue: (name: string) => Uint8Array | undefined;
  readonly traffic: Traffic;
  /** This machine's, as Node names it. */
  readonly architecture: string;
  readonly isPortFree: (hostIP: string, port: number, protocol: 'tcp' | 'udp') => Promise<boolean>;
  readonly onProgress: (key: ObjectKey, line: string) => void;
  readonly onOperation: (
    key: ObjectKey,
    operation: Operation,
    outcome: 'Success' | PodmanErrorKind,
    durationMs: number,
  ) => void;
  readonly clock: { now(): number; setTimer(delayMs: number, callback: () => void): () => void };
}
