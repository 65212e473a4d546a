import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Clock } from '../manager/clock.ts';
import { createOutbox } from './outbox.ts';
import type { Send } from './send.ts';
import { afterTelling, newsOf, type Notice, onlyOf, type Standing, type ToldOf } from './trouble.ts';

export interface NotifierOptions {
  readonly sends: readonly Send[];
  readonly standings: () => readonly Standing[];
  /** Hides what no message may hold. */
  readonly redact: (text: string) => string;
  /** What was told, over restarts. */
  readonly file: string;
  readonly clock: Clock;
  readonly warn: (fields: object, message: string) => void;
}

export interface Notifier {
  /** Something may have changed. */
  look(): void;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 5_000;

/** Tells people of trouble and of its end. Beside the reconcilers: whatever happens here holds no rollout up. */
export async function startNotifier(options: NotifierOptions): Promise<Notifier> {
  const { sends, standings, redact, file, clock, warn } = options;
  const onGivenUp = ({ object, reason }: Notice, why: string): void =>
    warn({ object, notice: reason, reason: why }, 'could not notify');
  const outboxes = sends.map((send) => createOutbox({ send, clock, onGivenUp }));
  let told = await readTold(file);
  let saving = Promise.resolve();
  let cancel = (): void => undefined;

  const look = (): void => {
    const now = standings();
    const news = newsOf(now, told, clock.now());
    const before = told;
    for (const notice of news) {
      for (const outbox of outboxes) outbox.put({ ...notice, message: redact(notice.message) });
      told = afterTelling(told, notice, clock.now());
    }
    told = onlyOf(told, new Set(now.map(({ object }) => object)));
    if (news.length > 0 || Object.keys(before).length !== Object.keys(told).length) save();
  };
  const save = (): void => {
    const text = JSON.stringify(told);
    saving = saving
      .then(() => writeTold(file, text))
      .catch((error: Error) => warn({ reason: error.message }, 'after a restart people are told again'));
  };
  const lookOften = (): void => {
    look();
    cancel = clock.setTimer(LOOK_EVERY_MS, lookOften);
  };
  lookOften();
  return {
    look,
    close: async () => {
      cancel();
      for (const outbox of outboxes) outbox.close();
      await saving;
    },
  };
}

async function readTold(file: string): Promise<ToldOf> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ToldOf;
  } catch {
    // Absent at first; and what is damaged costs a notice that is sent twice.
    return {};
  }
}

async function writeTold(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
