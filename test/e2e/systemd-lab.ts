import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from './site.ts';

const run = promisify(execFile);

/** A machine of its own with a real systemd; this checkout is its `/share`, `lab` its lingering user. */
export interface SystemdLab {
  up(): Promise<void>;
  /** Powers off; what was written is there again after `up`. */
  down(): Promise<void>;
  remove(): Promise<void>;
  /** Runs a shell script as `lab` and returns what it printed; throws with all its words when it fails. */
  user(script: string): Promise<string>;
  root(script: string): Promise<string>;
}

const SCRIPT = join(REPOSITORY, 'scripts/systemd-lab.sh');
const DEADLINE_MS = 100_000;
/** The first time a Debian tree is built. */
const BUILD_DEADLINE_MS = 600_000;

export function createSystemdLab(suite: 'bookworm' | 'trixie'): SystemdLab {
  const env = { ...process.env, LAB: `test-${process.pid}`, SUITE: suite };
  const lab = async (args: readonly string[], timeout = DEADLINE_MS): Promise<string> => {
    try {
      return (await run('bash', [SCRIPT, ...args], { env, timeout })).stdout.trim();
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`${args.join(' ')}\n${stdout}\n${stderr}`, { cause: error });
    }
  };
  const shell = (who: string, script: string): Promise<string> => lab([who, 'sh', '-euc', script]);
  return {
    up: async () => {
      await lab(['build'], BUILD_DEADLINE_MS);
      await lab(['up', REPOSITORY]);
    },
    down: async () => void (await lab(['down'])),
    remove: async () => void (await lab(['remove'])),
    user: (script) => shell('user', script),
    root: (script) => shell('root', script),
  };
}
