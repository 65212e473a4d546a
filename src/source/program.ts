import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const DEADLINE_MS = 20_000;
const MAX_OUTPUT_BYTES = 2 ** 20;

/** One program, no shell, and of the environment only where programs are. */
export async function runProgram(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, [...args], {
    timeout: DEADLINE_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' },
  });
}
