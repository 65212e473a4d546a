import { request as httpRequest, type IncomingMessage } from 'node:http';
import { CliError } from './errors.ts';

/** A `Status` of the API server; `code` is the HTTP status. */
export class ApiError extends CliError {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** Nobody listens there. */
export class NoControllerError extends CliError {}

export interface ApiClient {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: object): Promise<T>;
  /** Lines as they come, until the server ends the answer. */
  lines(path: string): AsyncIterable<string>;
}

const LONGEST_ANSWER_BYTES = 64 * 1024 * 1024;

/** Speaks to the controller on its unix socket; every failure is a `CliError` that says what to do. */
export function createApiClient(socketPath: string): ApiClient {
  const call = async <T>(request: Outgoing): Promise<T> =>
    JSON.parse(await bodyOf(await open(socketPath, request))) as T;
  return {
    get: (path) => call({ method: 'GET', path }),
    post: (path, body) => call({ method: 'POST', path, ...(body && { body }) }),
    lines: (path) => readLines(socketPath, path),
  };
}

interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

function open(socketPath: string, { method, path, body }: Outgoing): Promise<IncomingMessage> {
  const sent = body && JSON.stringify(body);
  const headers = {
    host: 'rookery',
    ...(sent !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(sent)),
    }),
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, agent: false, headers }, (response) => {
      const { statusCode = 0 } = response;
      if (statusCode < 300) return resolve(response);
      bodyOf(response).then((text) => reject(statusError(statusCode, text)), reject);
    });
    request.on('error', (error) => reject(connectionError(error, socketPath)));
    request.end(sent);
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER_BYTES) throw new CliError('the controller answers with more than 64 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function* readLines(socketPath: string, path: string): AsyncIterable<string> {
  const response = await open(socketPath, { method: 'GET', path });
  response.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
  if (rest !== '') yield rest;
}

function statusError(code: number, text: string): ApiError {
  try {
    const { reason, message } = JSON.parse(text) as { reason?: string; message?: string };
    return new ApiError(code, reason ?? '', message ?? `the controller answers ${code}`);
  } catch {
    return new ApiError(code, '', `the controller answers ${code}: ${text.slice(0, 200)}`);
  }
}

const NOBODY: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED']);
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'not permitted to talk to the controller',
  ECONNRESET: 'the controller went away',
};

function connectionError(error: NodeJS.ErrnoException, socketPath: string): CliError {
  const start = 'start one with: rookery run, or say where it listens with --api-socket';
  if (NOBODY.has(error.code)) return new NoControllerError(`no controller runs at ${socketPath}; ${start}`);
  const what = ADVICE[error.code ?? ''] ?? `cannot talk to the controller (${error.message})`;
  const todo = error.code === 'EACCES' ? 'run this as the user who runs the controller' : start;
  return new CliError(`${what} at ${socketPath}; ${todo}`);
}
