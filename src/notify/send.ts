import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Target } from './settings.ts';
import type { Notice } from './trouble.ts';

/** Rejects when it did not arrive. */
export type Send = (notice: Notice, signal: AbortSignal) => Promise<void>;

export function createSend(target: Target): Send {
  if ('command' in target) return (notice, signal) => runCommand(target.command, notice, signal);
  const { tokenFile } = target;
  const deliver = 'webhook' in target ? postJson(target.webhook) : postText(target.ntfy);
  return async (notice, signal) => {
    // Read anew each time: a token may be exchanged while we run.
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
    await deliver(notice, token === undefined ? {} : { authorization: `Bearer ${token}` }, signal);
  };
}

type Headers = Readonly<Record<string, string>>;
type Post = (notice: Notice, headers: Headers, signal: AbortSignal) => Promise<void>;

const postJson =
  (url: string): Post =>
  (notice, headers, signal) =>
    post(url, {
      body: JSON.stringify(notice),
      headers: { ...headers, 'content-type': 'application/json' },
      signal,
    });

/** As ntfy.sh takes it: the text is the body, its title a header. */
const postText =
  (url: string): Post =>
  ({ object, reason, message }, headers, signal) => {
    const priority = reason === 'Recovered' ? 'default' : 'high';
    return post(url, {
      body: message,
      headers: { ...headers, title: `${reason}: ${object}`, priority },
      signal,
    });
  };

async function post(
  url: string,
  request: { readonly body: string; readonly headers: Headers; readonly signal: AbortSignal },
): Promise<void> {
  const response = await fetch(url, { method: 'POST', redirect: 'error', ...request });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}`);
}

/** No shell: what a notice says is an argument, after those that were configured. */
function runCommand(
  [program = '', ...args]: readonly string[],
  { object, reason, message }: Notice,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { signal, killSignal: 'SIGKILL' as const, maxBuffer: 64 * 1024 };
    execFile(program, [...args, reason, object, message], options, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}
