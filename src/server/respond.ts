import type { ServerResponse } from 'node:http';
import { type ApiError, statusOf } from './errors.ts';

export function sendJson(response: ServerResponse, body: object, code = 200): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

export function sendText(response: ServerResponse, text: string, code = 200): void {
  response.writeHead(code, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

/** A stream that has begun can no longer say what went wrong: it is cut, and its client sees that. */
export function sendError(response: ServerResponse, error: ApiError): void {
  if (response.headersSent) response.destroy();
  else sendJson(response, statusOf(error), error.code);
}
