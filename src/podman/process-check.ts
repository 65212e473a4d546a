import { readFile, readlink } from 'node:fs/promises';

/** `false` only when it is certain: the process is gone, and this process would see it if it were there. */
export type IsProcessAlive = (pid: number, conmonPid: number) => Promise<boolean>;

/** The inode of the machine's first pid namespace, a constant of the kernel (PROC_PID_INIT_INO). */
const HOST_PID_NAMESPACE = 'pid:[4026531836]';
/** A zombie whose reaper is gone, or a dead one. */
const ENDED = /^[ZXx]/;

/**
 * When conmon is killed and then the container's process dies, Podman says `running` for ever: `/proc` knows better.
 * In a container without the host's pids every process looks gone; so absence counts only in the host's own pid
 * namespace, or once a conmon has been seen where Podman said it is.
 */
export function createProcessCheck(): IsProcessAlive {
  let hostPidsVisible: Promise<boolean> | undefined;
  let sawConmon = false;
  const inHostNamespace = (): Promise<boolean> =>
    readlink('/proc/self/ns/pid').then(
      (link) => link === HOST_PID_NAMESPACE,
      () => false,
    );

  return async (pid, conmonPid) => {
    const state = await processStateOf(pid);
    if (state !== undefined && !ENDED.test(state)) {
      sawConmon ||= conmonPid > 0 && (await commandOf(conmonPid)) === 'conmon';
      return true;
    }
    hostPidsVisible ??= inHostNamespace();
    return !(sawConmon || (await hostPidsVisible));
  };
}

/** The letter after the command in `/proc/PID/stat`; the command may itself hold brackets and blanks. */
async function processStateOf(pid: number): Promise<string | undefined> {
  const stat = await readOrUndefined(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2);
}

const commandOf = async (pid: number): Promise<string | undefined> =>
  (await readOrUndefined(`/proc/${pid}/comm`))?.trim();

const readOrUndefined = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch(() => undefined);
