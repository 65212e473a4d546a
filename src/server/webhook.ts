import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { receiveWithin } from './receive-within.ts';
import { type SignatureCheck, signatureCheck } from './webhook-signature.ts';

export interface WebhookOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly secret: string;
  /** Somebody pushed, perhaps; it may be said twice, or be said again by somebody who overheard it. */
  readonly onPush: () => void;
  /** Epoch milliseconds. */
  readonly nowMs: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

export interface Webhook {
  readonly port: number;
  close(): Promise<void>;
}

const PATH = '/webhook';
/** GitHub sends no more. */
const MOST_BODY_BYTES = 25 * 2 ** 20;
const MOST_CONNECTIONS = 32;
const RECEIVE_TIMEOUT_MS = 10_000;
const BURST = 30;
const PER_SECOND = 5;

/** Takes a push for what it is: a reason to look now. Nothing that it says is believed, and nothing of it kept. */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const mayAsk = createAllowance(options.nowMs);
  const server = createServer(receiveWithin(RECEIVE_TIMEOUT_MS), (request, response) => {
    response.on('error', () => response.destroy());
    const refusal = refusalOf(request, mayAsk);
    const check = refusal ?? signatureCheck({ ...options, headers: request.headers, nowMs: options.nowMs() });
    if (check === undefined) return refuse(request, response, UNSIGNED);
    if ('code' in check) return refuse(request, response, check);
    receive(request, check, (outcome) => {
      if (outcome !== ACCEPTED) return refuse(request, response, outcome);
      options.onPush();
      answer(response, ACCEPTED);
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  server.on('error', (err) => options.log.warn({ err }, 'the webhook could not take a connection'));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Outcome {
  readonly code: number;
  readonly text: string;
}

const ACCEPTED: Outcome = { code: 202, text: 'accepted' };
const UNSIGNED: Outcome = { code: 401, text: 'not signed with the secret' };
const TOO_LARGE: Outcome = { code: 413, text: 'the body is too large' };

function refusalOf({ url, method }: IncomingMessage, mayAsk: () => boolean): Outcome | undefined {
  if (!mayAsk()) return { code: 429, text: 'too many requests' };
  if (url?.split('?')[0] !== PATH) return { code: 404, text: `only ${PATH} is here` };
  return method === 'POST' ? undefined : { code: 405, text: 'use POST' };
}

function receive(request: IncomingMessage, check: SignatureCheck, done: (outcome: Outcome) => void): void {
  let bytes = 0;
  request.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BODY_BYTES) return check.update(chunk);
    request.removeAllListeners('data').removeAllListeners('end');
    done(TOO_LARGE);
  });
  request.on('end', () => done(check.isGood() ? ACCEPTED : UNSIGNED));
}

function refuse(request: IncomingMessage, response: ServerResponse, outcome: Outcome): void {
  // What is left of the body is not read.
  response.shouldKeepAlive = false;
  answer(response, outcome);
  response.once('finish', () => request.destroy());
}

function answer(response: ServerResponse, { code, text }: Outcome): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

/** So many at once, and then so many a second. */
function createAllowance(nowMs: () => number): () => boolean {
  let left = BURST;
  let atMs = nowMs();
  return () => {
    const now = nowMs();
    left = Math.min(BURST, left + (Math.max(0, now - atMs) / 1_000) * PER_SECOND);
    atMs = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
