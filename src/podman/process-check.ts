import { readlink } from 'node:fs/promises';
import { readProcFile } from './proc-file.ts';

/**
 * `false` only when it is certain: the process is gone, this process would see it if it were there, and there is no
 * conmon that has yet to tell Podman of the end. `conmonPid` is 0 where it is not known.
 */
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
    const hasConmon = isConmon(conmonPid);
    sawConmon ||= hasConmon;
    if (hasConmon || isThere(pid)) return true;
    hostPidsVisible ??= inHostNamespace();
    return !(sawConmon || (await hostPidsVisible));
  };
}

const isConmon = (pid: number): boolean => pid > 0 && isThere(pid) && commandOf(pid) === 'conmon';

function isThere(pid: number): boolean {
  const state = processStateOf(pid);
  return state !== undefined && !ENDED.test(state);
}

/** The letter after the command in `/proc/PID/stat`; the command may itself hold brackets and blanks. */
function processStateOf(pid: number): string | undefined {
  const stat = readProcFile(`${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2);
}

const commandOf = (pid: number): string | undefined => readProcFile(`${pid}/comm`)?.trim();
