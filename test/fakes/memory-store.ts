import type { Durability, StateFiles } from '../../src/store/files.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts';

export type Change = 'write' | 'append' | 'remove' | 'move';

export interface MemoryFiles extends StateFiles {
  /** Path → text, as a new process would find it. */
  readonly contents: ReadonlyMap<string, string>;
  /** As a new start after a loss of power would find it, at worst: nothing lazy. */
  readonly durable: ReadonlyMap<string, string>;
  /** How many changes were asked for. */
  readonly changes: number;
}

export interface MemoryFilesOptions {
  readonly contents?: ReadonlyMap<string, string>;
  /** Called before every change; what it throws fails the call, which then changes nothing. */
  readonly before?: (change: Change, path: string, count: number) => void;
}

/** A disk in memory: changes settle in microtasks, so that a simulated clock never waits for them. */
export function createMemoryFiles({
  contents: initial,
  before = () => {},
}: MemoryFilesOptions = {}): MemoryFiles {
  const contents = new Map(initial);
  const durable = new Map(initial);
  let changes = 0;

  const begin = (change: Change, path: string): void => {
    changes += 1;
    before(change, path, changes);
  };
  const put = (path: string, text: string, durability: Durability): void => {
    contents.set(path, text);
    if (durability === 'Durable') durable.set(path, text);
  };
  return {
    contents,
    durable,
    get changes() {
      return changes;
    },
    read: async (path) => contents.get(path),
    list: async (directory) =>
      [...contents.keys()]
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1)),
    write: async (path, text, durability) => {
      begin('write', path);
      put(path, text, durability);
    },
    append: async (path, text, durability) => {
      begin('append', path);
      put(path, (contents.get(path) ?? '') + text, durability);
    },
    remove: async (path) => {
      begin('remove', path);
      contents.delete(path);
      durable.delete(path);
    },
    move: async (from, to) => {
      begin('move', from);
      put(to, contents.get(from) ?? '', 'Durable');
      contents.delete(from);
      durable.delete(from);
    },
  };
}

export interface MemoryStoreOptions {
  readonly files?: StateFiles;
  readonly clock?: Pick<SimulatedClock, 'now' | 'setTimer'>;
  readonly warnings?: string[];
}

/** The real store on a disk in memory: give the files of one to another, and it is a restart. */
export function memoryStore(options: MemoryStoreOptions = {}): Promise<Store> {
  const { files = createMemoryFiles(), clock = createSimulatedClock(), warnings } = options;
  return openStore({
    files,
    clock,
    warn: (message) => void warnings?.push(message),
    random: (bytes) => Uint8Array.from({ length: bytes }, (_, index) => index + 1),
    release: () => {},
  });
}
