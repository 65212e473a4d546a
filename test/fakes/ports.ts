import { randomInt } from 'node:crypto';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const CALL_EVERY_MS = 20;
const ANSWER_DEADLINE_MS = 3_000;

/** Below those that the kernel gives to whoever connects: between the look and the use nobody gets it by chance. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
const TRIES = 50;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`of ${TRIES} ports above ${FIRST_PORT} none is free`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });

/** One request over a connection of its own; anything but 200 is no answer. */
export const ask = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent: false, timeout: ANSWER_DEADLINE_MS };
    const asked = get(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('error', reject).on('end', () => {
        if (response.statusCode === 200) resolve(body.trim());
        else reject(new Error(`HTTP ${response.statusCode}`));
      });
    });
    const late = new Error(`no answer within ${ANSWER_DEADLINE_MS / 1_000} s`);
    asked.on('timeout', () => asked.destroy(late)).on('error', reject);
  });

/** Somebody who uses a published port every 20 ms, whether the request before was answered or not. */
export interface PortCaller {
  /** By the order in which they were asked for; a place that is empty was not answered, or not yet. */
  readonly answers: readonly (string | undefined)[];
  readonly failures: readonly string[];
  /** How many requests were made. */
  asked(): number;
  /** Makes no more, and waits for those under way. */
  end(): Promise<void>;
}

export function callPort(port: number): PortCaller {
  const answers: (string | undefined)[] = [];
  const failures: string[] = [];
  const ending = new AbortController();
  let asked = 0;
  const calling = async (): Promise<void> => {
    const pending = new Set<Promise<void>>();
    while (!ending.signal.aborted) {
      const index = asked++;
      const note = (answer: string): void => void (answers[index] = answer);
      const call = ask(port).then(note, (error: unknown) => void failures.push(String(error)));
      pending.add(call);
      void call.finally(() => pending.delete(call));
      await sleep(CALL_EVERY_MS);
    }
    await Promise.all(pending);
  };
  const over = calling();
  return {
    answers,
    failures,
    asked: () => asked,
    end: () => {
      ending.abort();
      return over;
    },
  };
}
