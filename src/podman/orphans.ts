import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { readProcFile } from './proc-file.ts';

/** Ends what still waits or runs for containers that were removed, or are not running; says whether there was something. */
export type EndOrphans = (containerIds: readonly string[]) => boolean;

/**
 * A service that is killed in a start, after the runtime made the container and before that was noted, leaves a process
 * that waits to be started and the conmon that watches it. A removal does not know of them, so they would stay for ever.
 * Without its process conmon ends by itself. Where the host's processes cannot be seen, none is found.
 *
 * The other process below a conmon is Podman's own, which cleans up after one that has ended: it is writing to the storage
 * that all containers share, and killed there it leaves a layer that no call gets past any more.
 */
export function endOrphans(containerIds: readonly string[]): boolean {
  const ids = new Set(containerIds);
  const monitors = readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && ids.has(monitoredBy(pid) ?? ''));
  const orphans = monitors.flatMap(childrenOf).filter((pid) => !isPodmans(pid));
  for (const orphan of orphans) end(orphan);
  return orphans.length > 0;
}

const argumentsOf = (pid: number): string[] => (readProcFile(`${pid}/cmdline`) ?? '').split('\0');

/** `podman … container cleanup ID`, or what is about to become it. */
function isPodmans(pid: number): boolean {
  const [program = '', ...args] = argumentsOf(pid);
  return basename(program) === 'conmon' || args.includes('cleanup');
}

/** The id of the container that this process watches over, if it is a conmon. */
function monitoredBy(pid: number): string | undefined {
  const [program = '', ...args] = argumentsOf(pid);
  return basename(program) === 'conmon' ? args[args.indexOf('-c') + 1] : undefined;
}

const childrenOf = (pid: number): number[] =>
  (readProcFile(`${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number);

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, or is somebody else's.
  }
}
