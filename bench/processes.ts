import { readdir, readFile } from 'node:fs/promises';

const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  readonly cpuSeconds: number;
}

async function statOf(pid: number | string): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (!fields) return undefined;
  // utime, stime, and those of children that have ended.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
}

/** Of the process alone: what Podman's service starts (conmon, the runtime) are the agents' own. */
export const cpuSecondsOf = async (pid: number): Promise<number> => (await statOf(pid))?.cpuSeconds ?? 0;

/** Of the process and everything it started. */
export async function treeOf(pid: number): Promise<{ readonly pids: number[]; readonly cpuSeconds: number }> {
  const ids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const stats = new Map<number, Stat>();
  for (const id of ids) {
    const stat = await statOf(id);
    if (stat) stats.set(id, stat);
  }
  const pids = [pid];
  for (const parent of pids)
    pids.push(...ids.filter((id) => stats.get(id)?.parent === parent && !pids.includes(id)));
  return { pids, cpuSeconds: pids.reduce((sum, id) => sum + (stats.get(id)?.cpuSeconds ?? 0), 0) };
}

/** Proportional set size: shared pages count by their share. */
export async function pssMb(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

export const isAlive = (pid: number): Promise<boolean> => statOf(pid).then((stat) => stat !== undefined);
