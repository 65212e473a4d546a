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
  /** What a process leaves that is killed in the middle of this change: half a line, or half of a temporary file. */
  tear(change: 'write' | 'append', path: string, text: string): void;
  /** What a loss of power leaves: of every lazy change the old, the new, or half of it, as `pick` says. */
  afterPowerLoss(pick: (path: string) => Remains): MemoryFiles;
}

export type Remains = 'Old' | 'New' | 'Half';

/** As `node-files.ts` names what it is about to rename into place. */
const TEMPORARY = '.tmp';

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
    list: async (directory) => {
      const found = [...contents.keys()].filter((path) => path.startsWith(`${directory}/`));
      for (const path of found) if (path.endsWith(TEMPORARY)) contents.delete(path);
      return found
        .filter((path) => !path.endsWith(TEMPORARY))
        .map((path) => path.slice(directory.length + 1));
    },
    tear: (change, path, text) => {
      if (change === 'write') contents.set(`${path}.1${TEMPORARY}`, half(text));
      else contents.set(path, (contents.get(path) ?? '') + half(text));
    },
    afterPowerLoss: (pick) => createMemoryFiles({ contents: remainsOf({ contents, durable }, pick) }),
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

const half = (text: string): string => text.slice(0, Math.floor(text.length / 2));

function remainsOf(
  { contents, durable }: Pick<MemoryFiles, 'contents' | 'durable'>,
  pick: (path: string) => Remains,
): Map<string, string> {
  const left = new Map(durable);
  for (const [path, text] of contents) {
    const old = durable.get(path);
    if (old === text) continue;
    const remains = pick(path);
    if (remains === 'New') left.set(path, text);
    if (remains === 'Half') left.set(path, halfWay(old ?? '', text));
  }
  return left;
}

/** What was there before an append stays whole. */
const halfWay = (old: string, text: string): string =>
  text.startsWith(old) ? old + half(text.slice(old.length)) : half(text);

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
