import { messageOf } from '../api/errors.ts';
import type { Probe } from '../api/probe.ts';
import { failure, ProbeUnavailable, success } from './outcome.ts';
import type { CheckContext, ProbeOutcome } from './probe.ts';

/** Runs a command in a running container; throws when Podman could not be asked. */
export type ExecInContainer = (
  containerId: string,
  command: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly exitCode: number; readonly output: string }>;

/** Success is exit code 0. A command that is not in the container is its failure; an API that is down is not. */
export async function checkExec(
  check: NonNullable<Probe['exec']>,
  { target, signal }: Pick<CheckContext, 'target' | 'signal'>,
  exec: ExecInContainer,
): Promise<ProbeOutcome> {
  try {
    const { exitCode, output } = await exec(target.containerId, check.command, signal);
    if (exitCode === 0) return success(output === '' ? 'exit code 0' : `exit code 0: ${output}`);
    return failure(`${check.command[0]} exited with code ${exitCode}: ${output || 'no output'}`);
  } catch (error) {
    if (cannotRun(error)) return failure(`${check.command[0]} cannot run: ${error.message}`);
    throw new ProbeUnavailable(`the command could not be run: ${messageOf(error)}`);
  }
}

const cannotRun = (error: unknown): error is Error =>
  error instanceof Error && 'kind' in error && error.kind === 'CannotRun';
