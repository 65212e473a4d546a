import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Backend, LogEntry, LogRequest } from './backend.ts';
import { type ApiError, asApiError, badRequest, notFound } from './errors.ts';
import { flag, wholeNumber } from './query.ts';

export interface LogTarget {
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** Lines of the agent's container, as Kubernetes' `pods/NAME/log` gives them. */
export async function streamLog(
  backend: Backend,
  target: LogTarget,
  response: ServerResponse,
): Promise<void> {
  const { namespace, name, signal } = target;
  if (!backend.objects.get('Agent', namespace, name)) throw notFound(`agents "${name}" not found`);
  const request = logRequestOf(target.query, target.nowMs);
  const entries = await backend.logs(namespace, name, request, signal).catch((error: unknown) => {
    throw unavailable(error);
  });
  response.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  response.flushHeaders();
  for await (const entry of entries) {
    if (signal.aborted) break;
    if (!response.write(lineOf(entry, request))) await once(response, 'drain', { signal });
  }
  response.end();
}

/** As Kubernetes answers for a container that is still waiting: the request was wrong, not the server. */
function unavailable(error: unknown): ApiError {
  const known = asApiError(error);
  return known.code === 500 ? badRequest(known.message) : known;
}

const lineOf = ({ text, atMs }: LogEntry, { timestamps }: LogRequest): string =>
  timestamps && atMs !== undefined ? `${new Date(atMs).toISOString()} ${text}\n` : `${text}\n`;

export function logRequestOf(query: URLSearchParams, nowMs: number): LogRequest {
  const tailLines = wholeNumber(query, 'tailLines');
  const sinceMs = sinceOf(query, nowMs);
  return {
    follow: flag(query, 'follow'),
    timestamps: flag(query, 'timestamps'),
    previous: flag(query, 'previous'),
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}

function sinceOf(query: URLSearchParams, nowMs: number): number | undefined {
  const seconds = wholeNumber(query, 'sinceSeconds');
  const time = query.get('sinceTime');
  if (seconds !== undefined && time !== null) throw badRequest('say sinceSeconds or sinceTime, not both');
  if (seconds !== undefined) return nowMs - seconds * 1000;
  if (time === null) return undefined;
  const atMs = Date.parse(time);
  if (Number.isNaN(atMs)) throw badRequest(`sinceTime "${time}" is no RFC 3339 time`);
  return atMs;
}
