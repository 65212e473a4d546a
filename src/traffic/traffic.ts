import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOLDER_PROGRAM } from '../state/names.ts';
import type { ObservedContainer } from '../state/observed.ts';
import { runNft, SEARCH_PATH } from './nft.ts';
import { rulesetOf, targetsIn } from './rules.ts';

export interface TrafficOptions {
  /** The arguments of nsenter that lead into the network namespace of a process; `undefined` when that is our own. */
  readonly enter: (pid: number) => readonly string[] | undefined;
  /** Where nsenter and nft are looked for. */
  readonly searchPath?: string;
}

/** A start is answered when the runtime is about to become the program; on a busy machine a moment passes until it has. */
const LOOK_EVERY_MS = 10;
const MAX_LOOKS = 100;

/** A process id can be somebody else's by now, whose network must not be touched. */
async function isHolder(pid: number): Promise<boolean> {
  for (let looks = 1; looks <= MAX_LOOKS; looks += 1) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => undefined);
    if (command === undefined) return false;
    if (command.split('\0')[0] === HOLDER_PROGRAM) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

/** Sends what comes to a holder on to others, by rules in its network namespace (docs/adr/0008-traffic-holder.md). */
export function createTraffic({ enter, searchPath = SEARCH_PATH }: TrafficOptions) {
  const namespaceOf = async ({ name, pid }: ObservedContainer): Promise<readonly string[]> => {
    const namespace = (await isHolder(pid)) ? enter(pid) : undefined;
    if (namespace) return namespace;
    throw new Error(
      `the process ${pid} of ${name} is not to be seen here; a controller in a container needs the host's process ids (--pid=host)`,
    );
  };
  const nft = async (holder: ObservedContainer, args: readonly string[], input = ''): Promise<string> =>
    runNft({ enter: await namespaceOf(holder), args, input }, searchPath);
  return {
    read: async (holder: ObservedContainer): Promise<readonly string[]> =>
      targetsIn(await nft(holder, ['-j', 'list', 'ruleset'])),
    route: async (holder: ObservedContainer, to: readonly string[]): Promise<void> => {
      await nft(holder, ['-f', '-'], rulesetOf({ from: Object.values(holder.networks), to }));
    },
  };
}
