import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import { readFrames } from './frames.ts';
import { containerPath } from './inspect-container.ts';
import type { Podman } from './podman.ts';

/** What is kept of a command's output; the rest is read and dropped, so that the command can end. */
const OUTPUT_LIMIT_BYTES = 64 * 1024;
/** The output ends a moment before Podman knows the exit code. */
const EXIT_CODE_TRIES = 100;
const EXIT_CODE_PAUSE_MS = 20;

/**
 * Every exec leaves two conmon processes for five minutes, and costs 90 ms: it is for probes that can be nothing else.
 */
export function execCalls(dial: Dial): Pick<Podman, 'exec'> {
  return { exec: (name, command, signal) => exec(dial, { name, command, signal }) };
}

interface ExecRequest {
  readonly name: string;
  readonly command: readonly string[];
  readonly signal: AbortSignal;
}

async function exec(dial: Dial, request: ExecRequest): Promise<{ exitCode: number; output: string }> {
  const what = `run ${request.command[0] ?? 'a command'} in container ${request.name}`;
  const id = await createExec(dial, request, what);
  try {
    const output = await startExec(dial, id, request.signal, what);
    return { exitCode: await exitCodeOf(dial, id, what), output };
  } catch (error) {
    if (request.signal.aborted) await killExec(dial, id, what);
    throw error;
  }
}

async function createExec(dial: Dial, request: ExecRequest, what: string): Promise<string> {
  const reply = await dial.call<{ readonly Id?: string }>({
    method: 'POST',
    path: `${containerPath(request.name)}/exec`,
    body: { Cmd: request.command, AttachStdout: true, AttachStderr: true },
    what,
    signal: request.signal,
  });
  return reply.body?.Id ?? '';
}

async function startExec(dial: Dial, id: string, signal: AbortSignal, what: string): Promise<string> {
  const body = { Detach: false, Tty: false };
  const chunks = dial.stream({ method: 'POST', path: `/exec/${id}/start`, body, what, signal });
  const kept: Buffer[] = [];
  let room = OUTPUT_LIMIT_BYTES;
  for await (const { data } of readFrames(chunks)) {
    if (room > 0) kept.push(data.subarray(0, room));
    room -= data.length;
  }
  return Buffer.concat(kept).toString('utf8');
}

interface WireExec {
  readonly Running?: boolean;
  readonly ExitCode?: number;
  readonly Pid?: number;
}

const inspectExec = async (dial: Dial, id: string, what: string): Promise<WireExec> =>
  (await dial.call<WireExec>({ method: 'GET', path: `/exec/${id}/json`, what })).body ?? {};

async function exitCodeOf(dial: Dial, id: string, what: string): Promise<number> {
  for (let tries = 0; tries < EXIT_CODE_TRIES; tries += 1) {
    const session = await inspectExec(dial, id, what);
    if (!session.Running) return session.ExitCode ?? 0;
    await sleep(EXIT_CODE_PAUSE_MS);
  }
  throw new PodmanError('Timeout', `Podman could not ${what}: its output ended, but no exit code came`);
}

/**
 * Closing the connection leaves the command running, so a hanging probe would leave one process a period. Podman cannot
 * end it; we can, where the host's processes are ours to see: its parent is then a conmon.
 */
async function killExec(dial: Dial, id: string, what: string): Promise<void> {
  const { Running, Pid = 0 } = await inspectExec(dial, id, what).catch((): WireExec => ({}));
  if (!Running || Pid <= 1 || (await parentCommandOf(Pid)) !== 'conmon') return;
  try {
    process.kill(Pid, 'SIGKILL');
  } catch {
    // It ended meanwhile, or belongs to another user.
  }
}

async function parentCommandOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return readFile(`/proc/${parent}/comm`, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}
