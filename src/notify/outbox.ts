import { messageOf } from '../api/errors.ts';
import type { Clock } from '../manager/clock.ts';
import type { Send } from './send.ts';
import type { Notice } from './trouble.ts';

export interface OutboxOptions {
  readonly send: Send;
  readonly clock: Clock;
  readonly onGivenUp: (notice: Notice, reason: string) => void;
}

/** Takes notices and delivers them one after the other, in its own time: nobody waits for it. */
export interface Outbox {
  put(notice: Notice): void;
  close(): void;
}

const MOST_WAITING = 100;
const MOST_TRIES = 6;
const FIRST_DELAY_MS = 1_000;
const SEND_DEADLINE_MS = 10_000;

export function createOutbox({ send, clock, onGivenUp }: OutboxOptions): Outbox {
  const waiting: Notice[] = [];
  const ending = new AbortController();
  let isBusy = false;
  let cancel = (): void => undefined;

  const deliver = async (notice: Notice, tries: number): Promise<void> => {
    try {
      await send(notice, AbortSignal.any([ending.signal, AbortSignal.timeout(SEND_DEADLINE_MS)]));
    } catch (error) {
      if (ending.signal.aborted) return;
      if (tries < MOST_TRIES) {
        cancel = clock.setTimer(FIRST_DELAY_MS * 2 ** (tries - 1), () => void deliver(notice, tries + 1));
        return;
      }
      onGivenUp(notice, messageOf(error));
    }
    isBusy = false;
    next();
  };
  const next = (): void => {
    if (isBusy) return;
    const notice = waiting.shift();
    if (notice === undefined) return;
    isBusy = true;
    void deliver(notice, 1);
  };
  return {
    put: (notice) => {
      waiting.push(notice);
      // The newest tell most of how things stand.
      const dropped = waiting.length > MOST_WAITING ? waiting.shift() : undefined;
      if (dropped) onGivenUp(dropped, `more than ${MOST_WAITING} wait`);
      next();
    },
    close: () => {
      ending.abort();
      cancel();
    },
  };
}
