import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of its own for a socket, short enough for the kernel's limit. */
export function temporaryDirectory(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'rookery-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Reply {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One whole answer. */
export async function call(socketPath: string, path: string, options: Call = {}): Promise<Reply> {
  const message = await open(socketPath, path, options);
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += chunk as string;
  return { code: message.statusCode ?? 0, headers: message.headers, text };
}

/** An answer that has begun. */
export function open(
  socketPath: string,
  path: string,
  { method, headers, body }: Call = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Node announces no body of a GET or DELETE by itself, and the server would read it as a second request.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({ socketPath, path, method, headers: { ...length, ...headers } }, resolve);
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Collects the lines of a stream; `until` waits for so many of them. */
export function collectLines(message: IncomingMessage): {
  readonly lines: string[];
  readonly until: (count: number) => Promise<string[]>;
  readonly ended: Promise<void>;
} {
  const lines: string[] = [];
  let rest = '';
  let wake = (): void => undefined;
  message.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  message.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => message.once('close', resolve));
  const until = async (count: number): Promise<string[]> => {
    while (lines.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return lines;
  };
  return { lines, until, ended };
}
