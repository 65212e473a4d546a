import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { StoreError, storeError } from './errors.ts';

/** What flock(1) exits with when somebody else has the lock. */
const HELD_ELSEWHERE = 1;

export interface Lock {
  release(): void;
}

/**
 * One writer, by a lock of the kernel's (flock), which no crash can leave behind: Node cannot take one, but a child
 * that inherits our open file can, and such a lock belongs to the open file, not to the process that asked for it.
 * The file itself stays for ever: removing a lock's file lets two processes hold "the" lock.
 *
 * Throws `StoreError` `Locked` with the holder's pid.
 */
export function acquireLock(path: string): Lock {
  const file = openLock(path);
  try {
    takeLock(file, path);
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`, 0);
  } catch (error) {
    closeSync(file);
    throw storeError(error, 'lock', path);
  }
  return { release: () => closeSync(file) };
}

function openLock(path: string): number {
  try {
    return openSync(path, 'a+', 0o600);
  } catch (error) {
    throw storeError(error, 'open', path);
  }
}

function takeLock(file: number, path: string): void {
  const flock = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'pipe', file] });
  if (flock.error) {
    throw new StoreError('Failed', `cannot lock ${path}: flock is not there; install util-linux`, {
      cause: flock.error,
    });
  }
  if (flock.status === HELD_ELSEWHERE) throw heldElsewhere(path);
  if (flock.status !== 0) {
    throw new StoreError('Failed', `cannot lock ${path}: ${flock.stderr.toString().trim() || flock.signal}`);
  }
}

function heldElsewhere(path: string): StoreError {
  const holderPid = Number.parseInt(readFileSync(path, 'utf8'), 10);
  const known = Number.isInteger(holderPid);
  const who = known ? `process ${holderPid}` : 'another process';
  const message = `the state directory is in use by ${who}: only one controller may run on it (lock ${path})`;
  return new StoreError('Locked', message, known ? { holderPid } : {});
}

/**
 * Who has the lock, as the kernel lists it (proc_locks(5)): the error that `acquireLock` would throw. It takes nothing,
 * so a look keeps no controller from starting. `undefined` also where the list does not tell, as in a container.
 */
export function findHolder(path: string): StoreError | undefined {
  try {
    const file = kernelName(statSync(path));
    const lines = readFileSync('/proc/locks', 'utf8').split('\n');
    return lines.some((line) => line.includes(' FLOCK ') && line.includes(` ${file} `))
      ? heldElsewhere(path)
      : undefined;
  } catch {
    return undefined;
  }
}

/** `MAJOR:MINOR:INODE`, the device in hexadecimal; makedev(3) tells where the bits of the two are. */
function kernelName({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  return `${[major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':')}:${ino}`;
}
