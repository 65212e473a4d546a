import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { FORWARDER_PROGRAM } from './forwarder-program.ts';
import type { NetworkNamespace } from './namespace.ts';
import { ProbeUnavailable } from './outcome.ts';

/** Node for one thread and a few kilobytes of live data. */
const NODE_FLAGS = ['--v8-pool-size=0', '--max-semi-space-size=1', '--max-old-space-size=64'];
/** The helper needs nothing of our environment, least of all `NODE_OPTIONS`. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' };
const GONE = 'gone';

/** One helper process inside a network namespace; `forwarder-program.ts` is what it runs. */
export interface Forwarder {
  /**
   * Connects inside the namespace, and resolves with a unix socket that carries this one connection.
   * Rejects with an error that has the connection's code, `ProbeUnavailable` when the helper is gone, or on abort.
   */
  open(host: string, port: number, signal: AbortSignal): Promise<ForwardedConnection>;
  readonly alive: () => boolean;
  readonly ended: Promise<void>;
  readonly close: () => void;
}

export interface ForwardedConnection {
  readonly path: string;
  readonly close: () => void;
}

/** What the helper and those who wait for it share. */
interface State {
  readonly helper: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly answers: Map<string, (answer: string) => void>;
  /** Why it ended; undefined while it runs. */
  end?: string;
}

export function startForwarder(namespace: NetworkNamespace, socketDir: string): Forwarder {
  const node = [process.execPath, ...NODE_FLAGS, '-e', FORWARDER_PROGRAM, '--', socketDir];
  const helper = spawn('nsenter', [...namespace.enter, '--', ...node], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: ENVIRONMENT,
  });
  const state: State = { helper, answers: new Map() };
  // A write to a helper that has just died; its end tells everyone who waits.
  helper.stdin.on('error', () => undefined);
  createInterface({ input: helper.stdout }).on('line', (line) => {
    const [id = '', word = ''] = line.split(' ');
    state.answers.get(id)?.(word);
  });
  let lastId = 0;
  return {
    alive: () => state.end === undefined,
    ended: untilEnd(state),
    open: (host, port, signal) => {
      const id = `${helper.pid ?? 0}-${++lastId}`;
      return openConnection(
        state,
        { id, request: `${id} ${port} ${host}\n`, path: join(socketDir, id) },
        signal,
      );
    },
    close: () => helper.stdin.end(),
  };
}

function untilEnd(state: State): Promise<void> {
  let lastWords = '';
  state.helper.stderr.setEncoding('utf8').on('data', (text: string) => (lastWords = text));
  return new Promise((resolve) => {
    const end = (): void => {
      state.end = `${GONE} ${lastWords}`;
      for (const answer of state.answers.values()) answer(state.end);
      resolve();
    };
    state.helper.once('close', end);
    // Without nsenter on the host there is an error and no `close`.
    state.helper.once('error', (error) => {
      lastWords = error.message;
      end();
    });
  });
}

function openConnection(
  state: State,
  { id, request, path }: { readonly id: string; readonly request: string; readonly path: string },
  signal: AbortSignal,
): Promise<ForwardedConnection> {
  const { stdin } = state.helper;
  const close = (): void => void (stdin.writable && stdin.write(`${id}\n`));
  return new Promise((resolve, reject) => {
    const settle = (answer: string): void => {
      state.answers.delete(id);
      signal.removeEventListener('abort', abort);
      if (answer === 'ok') resolve({ path, close });
      else reject(refusal(answer));
    };
    const abort = (): void => {
      close();
      settle('ECANCELED');
    };
    state.answers.set(id, settle);
    signal.addEventListener('abort', abort, { once: true });
    if (state.end !== undefined) settle(state.end);
    else if (signal.aborted) abort();
    else stdin.write(request);
  });
}

function refusal(answer: string): Error {
  // Its own trouble, such as a socket directory that is gone, says nothing about the container.
  if (answer.startsWith('!'))
    return new ProbeUnavailable(`the probes' helper cannot listen: ${answer.slice(1)}`);
  if (!answer.startsWith(GONE)) return Object.assign(new Error(answer), { code: answer });
  const reason = answer.slice(GONE.length).trim() || 'no reason given';
  return new ProbeUnavailable(`the helper in the container's network namespace ended: ${reason}`);
}
