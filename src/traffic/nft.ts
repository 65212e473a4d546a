import { execFile } from 'node:child_process';

/** `nft` answers within 20 ms; a machine that swaps needs longer. */
const DEADLINE_MS = 5_000;
/** `nft` lies beside the tools of root, where a user's own path often does not lead. */
export const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const OUTPUT_LIMIT_BYTES = 1024 * 1024;

export interface NftCall {
  /** Arguments of nsenter that lead into the network namespace. */
  readonly enter: readonly string[];
  readonly args: readonly string[];
  readonly input?: string;
}

/** Runs `nft` inside a network namespace, and answers with what it printed. */
export function runNft({ enter, args, input = '' }: NftCall, searchPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'nsenter',
      [...enter, '--', 'nft', ...args],
      {
        env: { PATH: searchPath },
        timeout: DEADLINE_MS,
        killSignal: 'SIGKILL',
        maxBuffer: OUTPUT_LIMIT_BYTES,
      },
      (error, stdout, stderr) => {
        if (error) reject(new Error(explain(error, stderr), { cause: error }));
        else resolve(stdout);
      },
    );
    // It may end before it has read all; its exit tells why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function explain(error: Error & { code?: unknown; killed?: boolean }, stderr: string): string {
  const words = stderr.trim().slice(0, 500);
  if (error.code === 'ENOENT') return 'nsenter is missing on this host; install the package util-linux';
  if (/failed to execute nft/.test(words))
    return 'nft is missing on this host, and moving traffic needs it; install the package nftables';
  if (error.killed) return `nft did not answer within ${DEADLINE_MS / 1_000} s`;
  return `nft in the holder's network namespace failed: ${words || error.message}`;
}
