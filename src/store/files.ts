/**
 * The few things the store asks of a disk; paths are relative to the state directory. Every method is all or nothing
 * and throws `StoreError`. Small on purpose: a test's version can cut the power at each call.
 */
export interface StateFiles {
  /** `undefined` when there is none. */
  read(path: string): Promise<string | undefined>;
  /** Replaces the whole file, or leaves the old one. */
  write(path: string, text: string, durability: Durability): Promise<void>;
  append(path: string, text: string, durability: Durability): Promise<void>;
  /** Absent is success. */
  remove(path: string): Promise<void>;
  move(from: string, to: string): Promise<void>;
  /** Names of the files in a directory, in no order; none when it is absent. */
  list(directory: string): Promise<readonly string[]>;
}

/** `Durable` survives the loss of power once it resolves; `Lazy` may take the newest change with it. */
export type Durability = 'Durable' | 'Lazy';
