import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Backend } from './backend.ts';
import { ApiError, asApiError, badRequest, notFound, tooMany } from './errors.ts';
import { type ApiRequest, answer, isWatch } from './handlers.ts';
import { receiveWithin } from './receive-within.ts';
import { sendError } from './respond.ts';
import { parseRoute, type Route } from './route.ts';
import { listenPrivately } from './socket.ts';

/** pino's logger fits. */
export interface ServerLog {
  error(fields: object, message: string): void;
}

export interface ServerOptions {
  readonly backend: Backend;
  readonly socketPath: string;
  readonly log: ServerLog;
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits {
  /** Watches and followed logs open at once. */
  readonly mostStreams: number;
  readonly mostConnections: number;
  readonly mostHeaderBytes: number;
  readonly mostBodyBytes: number;
  /** For a whole request to arrive, headers and body. */
  readonly receiveTimeoutMs: number;
  /** For everything that is no stream. */
  readonly answerTimeoutMs: number;
}

const LIMITS: ServerLimits = {
  mostStreams: 128,
  mostConnections: 512,
  mostHeaderBytes: 16 * 1024,
  mostBodyBytes: 64 * 1024,
  receiveTimeoutMs: 10_000,
  answerTimeoutMs: 60_000,
};

export interface ApiServer {
  /** Ends every stream, then the socket. */
  close(): Promise<void>;
}

/** The API on a unix socket that its owner alone may open. Throws `SocketError`. */
export async function startServer({
  backend,
  socketPath,
  log,
  ...options
}: ServerOptions): Promise<ApiServer> {
  const limits = { ...LIMITS, ...options.limits };
  const closing = new AbortController();
  const handle = createHandler({ backend, log, limits, closing: closing.signal });
  const server = createServer(
    { maxHeaderSize: limits.mostHeaderBytes, ...receiveWithin(limits.receiveTimeoutMs) },
    handle,
  );
  server.maxConnections = limits.mostConnections;
  await listenPrivately(server, socketPath, (err) =>
    log.error({ err }, 'the API could not take a connection'),
  );
  return {
    close: () => {
      closing.abort();
      return closeServer(server);
    },
  };
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setImmediate(() => server.closeAllConnections());
  });

interface Context {
  readonly backend: Backend;
  readonly log: ServerLog;
  readonly limits: ServerLimits;
  readonly closing: AbortSignal;
}

function createHandler(context: Context): (message: IncomingMessage, response: ServerResponse) => void {
  const { log, limits } = context;
  let streams = 0;

  const respond = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { route, query } = parse(message);
    const isStream = isStreaming(route, query);
    const { signal, end } = requestSignal(context, response, isStream);
    try {
      const body = await readBody(message, limits.mostBodyBytes);
      if (signal.aborted) return;
      if (isStream && streams >= limits.mostStreams)
        throw tooMany(`${streams} streams are open, which is the limit`);
      const { method = 'GET' } = message;
      const request: ApiRequest = { method, query, body, signal, nowMs: Date.now() };
      const work = answer(context.backend, route, { request, response });
      await (isStream ? counted(work) : inTime(work, signal));
    } finally {
      end();
    }
  };
  /** A stream ends by itself when its signal says so. */
  const counted = async (stream: Promise<void>): Promise<void> => {
    streams += 1;
    try {
      await stream;
    } finally {
      streams -= 1;
    }
  };
  return (message, response) => {
    response.on('error', () => response.destroy());
    respond(message, response).catch((error: unknown) => {
      if (response.destroyed || context.closing.aborted) return void response.destroy();
      const known = asApiError(error);
      if (known.code === 500) log.error({ err: error, path: message.url }, 'the API could not answer');
      if (known.code === 413) response.shouldKeepAlive = false;
      sendError(response, known);
    });
  };
}

function parse({ url = '/' }: IncomingMessage): { readonly route: Route; readonly query: URLSearchParams } {
  if (!URL.canParse(url, 'http://rookery')) throw badRequest('the path is no valid URL');
  const { pathname, searchParams } = new URL(url, 'http://rookery');
  const route = parseRoute(pathname);
  if (!route) throw notFound(`the server could not find the requested resource: ${pathname}`);
  return { route, query: searchParams };
}

const isStreaming = (route: Route, query: URLSearchParams): boolean =>
  (route.type === 'Objects' && isWatch(query)) || route.type === 'Log';

/** What is too large is read to its end and forgotten, so that the connection stays usable. */
function readBody(message: IncomingMessage, mostBytes: number): Promise<string> {
  const tooLarge = new ApiError(
    413,
    'RequestEntityTooLarge',
    `a request's body has at most ${mostBytes} bytes`,
  );
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > mostBytes) reject(tooLarge);
      else chunks.push(chunk);
    });
    const end = (): void => resolve(Buffer.concat(chunks).toString('utf8'));
    message.once('end', end);
    message.once('close', end);
  });
}

function requestSignal(
  { closing, limits }: Context,
  response: ServerResponse,
  isStream: boolean,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const over = new AbortController();
  const abort = (): void => over.abort();
  const timer = isStream ? undefined : setTimeout(abort, limits.answerTimeoutMs);
  response.once('close', abort);
  closing.addEventListener('abort', abort, { once: true });
  const end = (): void => {
    clearTimeout(timer);
    closing.removeEventListener('abort', abort);
  };
  return { signal: over.signal, end };
}

/** What is no stream is answered in time or not at all. */
function inTime(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    const refuse = (): void => reject(new ApiError(504, 'Timeout', 'the answer took too long; try again'));
    signal.addEventListener('abort', refuse, { once: true });
  });
  return Promise.race([work, late]);
}
