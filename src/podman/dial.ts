import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { errorOfReply, errorOfTransport } from './cause.ts';
import { type Deadline, startDeadline } from './deadline.ts';

/** Labels of up to 4 MiB a container make long lists; beyond this the reply is refused, not buffered. */
const REPLY_LIMIT_BYTES = 128 * 1024 * 1024;
const API_PREFIX = '/v4.0.0/libpod';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface DialRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below `/libpod`, every variable part through `encodeURIComponent`. */
  readonly path: string;
  /** Completes the sentence "Podman could not …", for errors. */
  readonly what: string;
  readonly query?: Query;
  readonly body?: object;
  /** Raw bytes instead of a JSON body. */
  readonly upload?: { readonly data: Buffer | Readable; readonly contentType: string };
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface Reply<T> {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The decoded JSON; `undefined` when the reply was empty or `null`. */
  readonly body: T | undefined;
}

/**
 * The one way to talk to Podman. It hides dockerode's traps: no agent and no `timeout` is ever passed, every path ends
 * in '?', query and body are always told apart, every status code is accepted here and judged by its `cause`, every
 * stream has an error listener.
 * Both throw `PodmanError`, or the reason of `request.signal` when the caller aborted.
 */
export interface Dial {
  /** One request and its whole reply, within `timeoutMs` (default: the client's). */
  call<T>(request: DialRequest): Promise<Reply<T>>;
  /** The reply's body as it comes. It is bounded by `request.signal`, and by `timeoutMs` only where that is given. */
  stream(request: DialRequest): AsyncGenerator<Buffer, void, undefined>;
}

export interface DialOptions {
  readonly socketPath: string;
  readonly callTimeoutMs: number;
}

export function createDial(options: DialOptions): Dial {
  const open = opener(options.socketPath);
  const explain = (request: DialRequest, deadline: Deadline, error: unknown): unknown =>
    deadline.reason(request.what) ?? errorOfTransport(error, request.what, options.socketPath);

  async function call<T>(request: DialRequest): Promise<Reply<T>> {
    const deadline = startDeadline(request.timeoutMs ?? options.callTimeoutMs, request.signal);
    try {
      const response = await open(request, deadline.signal);
      return await replyOf<T>(response, request.what);
    } catch (error) {
      throw explain(request, deadline, error);
    } finally {
      release(request, deadline);
    }
  }

  async function* stream(request: DialRequest): AsyncGenerator<Buffer, void, undefined> {
    const deadline = startDeadline(request.timeoutMs, request.signal);
    try {
      const response = await open(request, deadline.signal);
      if (isFailure(response)) await replyOf(response, request.what);
      for await (const chunk of response) yield chunk as Buffer;
      // A reply whose end is the connection's end looks complete when we cut it off.
      if (deadline.signal.aborted) throw new Error('aborted');
    } catch (error) {
      throw explain(request, deadline, error);
    } finally {
      release(request, deadline);
    }
  }

  return { call, stream };
}

/** An upload that was not read to its end would keep its files open. */
function release(request: DialRequest, deadline: Deadline): void {
  deadline.release();
  const data = request.upload?.data;
  if (data && !Buffer.isBuffer(data)) data.destroy();
}

type Open = (request: DialRequest, signal: AbortSignal) => Promise<IncomingMessage>;

function opener(socketPath: string): Open {
  // DOCKER_HOST and its kin must not redirect us: a `host` that is present and undefined wins over the environment.
  const fixed: Docker.DockerOptions = {
    socketPath,
    host: undefined,
    port: undefined,
    protocol: 'http',
    timeout: undefined,
  };
  const modem = new Docker(fixed).modem as DockerModem;
  return (request, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      modem.dial(modemOptions(request, signal), (error, response) => {
        if (error !== null || response === null) return reject(error ?? new Error('no response'));
        response.on('error', () => undefined);
        resolve(response);
      });
    });
}

interface DockerModem {
  dial(options: object, callback: (error: Error | null, response: IncomingMessage | null) => void): void;
}

/** As a stream we get the response itself: status, headers, and bytes that no JSON parser has touched. */
function modemOptions(request: DialRequest, signal: AbortSignal): object {
  const contentType = request.upload?.contentType ?? 'application/json';
  return {
    method: request.method,
    path: `${API_PREFIX}${request.path}?`,
    options: { _query: request.query ?? {}, _body: request.body ?? {} },
    headers: request.method === 'POST' ? { 'Content-Type': contentType } : {},
    isStream: true,
    statusCodes: EVERY_STATUS,
    abortSignal: signal,
    ...(request.upload ? { file: request.upload.data } : {}),
  };
}

const EVERY_STATUS: Readonly<Record<number, true>> = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [index + 100, true] as const),
);

const isFailure = (response: IncomingMessage): boolean => (response.statusCode ?? 0) >= 400;

async function replyOf<T>(response: IncomingMessage, what: string): Promise<Reply<T>> {
  const text = await readText(response);
  const statusCode = response.statusCode ?? 0;
  if (isFailure(response)) throw errorOfReply(statusCode, text, what);
  return { statusCode, headers: response.headers, body: decode(response, text) as T | undefined };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response) {
    sizeBytes += (chunk as Buffer).length;
    if (sizeBytes > REPLY_LIMIT_BYTES) throw new Error(`the reply is longer than ${REPLY_LIMIT_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Some replies are plain text (`OK`) or empty; their status says all. Any other that cannot be read must not pass for an
 * empty one: "there are no containers" is what an agent is made anew for.
 */
function decode({ headers }: IncomingMessage, text: string): unknown {
  if (text === '' || text === 'OK') return undefined;
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    if (headers['content-type']?.startsWith('text/plain')) return undefined;
    throw new Error(`its answer is no JSON: ${text.slice(0, SHOWN_CHARACTERS)}`);
  }
}

/** Of an answer that makes no sense. */
const SHOWN_CHARACTERS = 100;
