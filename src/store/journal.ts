import type { ObjectKey } from '../api/key.ts';
import { isObject, type Reading } from './envelope.ts';
import type { Durability, StateFiles } from './files.ts';

/** One call to Podman that was about to be made; after a crash, one that may have happened. */
export interface Intent extends Act {
  readonly id: number;
}

export interface Act {
  readonly key: ObjectKey;
  readonly operation: string;
  /** What it is done to: the container's, pod's, volume's name. */
  readonly name: string;
}

export interface Journal {
  /** On disk (fsync) when it resolves: only then may the call be made. Intents of one moment share an fsync. */
  intent(act: Act): Promise<number>;
  /**
   * The outcome is known. Never rejects: what cannot be written now goes with the next intent, or the next `rewrite`.
   * Losing it in a crash is harmless: the intent is then settled at boot, by looking.
   */
  settle(id: number): Promise<void>;
  /** Writes the file anew, with what is still open. Throws `StoreError`: then all is as before. */
  rewrite(): Promise<void>;
  /** Oldest first. */
  open(): readonly Intent[];
}

const FILE = 'journal.ndjson';
/** About 200 kB; then the file is written anew with what is still open. */
const LONGEST_JOURNAL_LINES = 1_000;

type Line = { readonly intent: Intent } | { readonly settled: number };

/** Reads what a crash left, and starts a fresh file with it. */
export async function loadJournal(reading: Omit<Reading<Line>, 'isValid'>): Promise<Journal> {
  const { files, warn } = reading;
  const open = new Map<number, Intent>();
  const text = (await files.read(FILE)) ?? '';
  const lines = parseLines(text, warn);
  for (const line of lines) apply(open, line);
  let lastId = Math.max(0, ...lines.map((line) => ('intent' in line ? line.intent.id : line.settled)));
  await compact(files, open);

  const { append, rewrite } = createWriter(reading, open);
  const late = new Set<number>();
  const settle = (id: number): Promise<void> =>
    append({ settled: id }, 'Lazy').catch(() => void late.add(id));
  const settleLate = (): void => {
    for (const id of late) void settle(id);
    late.clear();
  };
  return {
    intent: async (act) => {
      lastId += 1;
      const id = lastId;
      settleLate();
      await append({ intent: { id, ...act } }, 'Durable');
      return id;
    },
    settle: (id) => (open.has(id) ? settle(id) : Promise.resolve()),
    rewrite: async () => {
      const settled = [...late];
      await rewrite(settled);
      for (const id of settled) late.delete(id);
    },
    open: () => [...open.values()],
  };
}

function apply(open: Map<number, Intent>, line: Line): void {
  if ('intent' in line) open.set(line.intent.id, line.intent);
  else open.delete(line.settled);
}

const compact = (files: StateFiles, open: ReadonlyMap<number, Intent>): Promise<void> =>
  files.write(FILE, [...open.values()].map((intent) => encode({ intent })).join(''), 'Durable');

const encode = (line: Line): string => `${JSON.stringify(line)}\n`;

interface Batch {
  readonly lines: Line[];
  durability: Durability;
  readonly written: Promise<void>;
}

interface Writer {
  /** Lines that come while others are being written wait for each other and go out together. */
  append(line: Line, durability: Durability): Promise<void>;
  /** The whole file, without those that were settled. */
  rewrite(settled: readonly number[]): Promise<void>;
}

function createWriter({ files, warn }: Omit<Reading<Line>, 'isValid'>, open: Map<number, Intent>): Writer {
  let upcoming: Batch | undefined;
  let tail = Promise.resolve();
  let written = open.size;

  const flush = async (batch: Batch): Promise<void> => {
    upcoming = undefined;
    await files.append(FILE, batch.lines.map(encode).join(''), batch.durability);
    for (const line of batch.lines) apply(open, line);
    written += batch.lines.length;
  };
  const shorten = async (): Promise<void> => {
    if (written < LONGEST_JOURNAL_LINES + open.size) return;
    await compact(files, open).catch((error: Error) => warn(`the journal stays long: ${error.message}`));
    written = open.size;
  };
  const begin = (): Batch => {
    const batch: Batch = { lines: [], durability: 'Lazy', written: tail.then(() => flush(batch)) };
    tail = batch.written.then(shorten, () => {});
    return batch;
  };
  const rewriteNow = async (settled: readonly number[]): Promise<void> => {
    await compact(files, new Map([...open].filter(([id]) => !settled.includes(id))));
    for (const id of settled) open.delete(id);
    written = open.size;
  };
  return {
    append: (line, durability) => {
      upcoming ??= begin();
      upcoming.lines.push(line);
      if (durability === 'Durable') upcoming.durability = durability;
      return upcoming.written;
    },
    rewrite: (settled) => {
      const done = tail.then(() => rewriteNow(settled));
      tail = done.catch(() => {});
      return done;
    },
  };
}

/** The last line may be torn by a crash: then nobody was told that it is there. A broken one before it is damage. */
function parseLines(text: string, warn: (message: string) => void): Line[] {
  const rows = text.split('\n').filter((row) => row !== '');
  return rows.flatMap((row, index) => {
    const line = parseLine(row);
    if (line) return [line];
    if (index < rows.length - 1) warn(`${FILE}: line ${index + 1} is damaged and left out`);
    return [];
  });
}

function parseLine(row: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(row);
    if (!isObject(line)) return undefined;
    if (typeof line['settled'] === 'number') return { settled: line['settled'] };
    const intent = line['intent'];
    return isObject(intent) && typeof intent['id'] === 'number'
      ? { intent: intent as unknown as Intent }
      : undefined;
  } catch {
    return undefined;
  }
}
