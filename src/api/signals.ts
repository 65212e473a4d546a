/** Linux's signals in the order of their numbers, from 1; those of x86 and ARM. */
const NAMES = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT ' +
  'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');
const RTMIN = 34;

/** A signal's name without SIG, as a regular expression; systemd in a container is stopped by RTMIN+3. */
export const SIGNAL_NAME = `(?:${NAMES.join('|')}|RTMIN(?:\\+(?:[1-9]|1[0-5]))?)`;

/** `undefined` for what is no name of a signal, without SIG. */
export function signalNumberOf(name: string): number | undefined {
  const realTime = /^RTMIN(?:\+(\d+))?$/.exec(name);
  if (realTime) return RTMIN + Number(realTime[1] ?? 0);
  return NAMES.includes(name) ? NAMES.indexOf(name) + 1 : undefined;
}
