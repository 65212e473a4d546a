import { execFile } from 'node:child_process';

/** What a service may tell its manager, as sd_notify(3) names it. */
export type Notification =
  | { readonly type: 'Ready'; readonly status: string }
  | { readonly type: 'Reloading' }
  | { readonly type: 'Stopping' }
  | { readonly type: 'Status'; readonly status: string }
  | { readonly type: 'Watchdog' };

/** Resolves when the manager has it, or never will; never throws: nobody runs worse for a manager that does not listen. */
export type Notify = (...notifications: readonly Notification[]) => Promise<void>;

const SEND_DEADLINE_MS = 5_000;

/**
 * By systemd-notify(1), 5.5 ms a call: the socket takes datagrams, which Node has not, and a native addon would have to be
 * compiled on every host. So the unit says `NotifyAccess=all`.
 */
export function createNotify(onError: (message: string) => void): Notify {
  let hasFailed = false;
  return (...notifications) =>
    new Promise((resolve) => {
      const options = { timeout: SEND_DEADLINE_MS, killSignal: 'SIGKILL' as const };
      execFile('systemd-notify', assignments(notifications), options, (error) => {
        if (error && !hasFailed) onError(error.message);
        hasFailed = error !== null;
        resolve();
      });
    });
}

/** The wire's own words; a status is one line. */
export const assignments = (notifications: readonly Notification[]): string[] =>
  notifications.flatMap(wordsOf);

function wordsOf(notification: Notification): string[] {
  switch (notification.type) {
    case 'Ready':
      return ['READY=1', statusLine(notification.status)];
    case 'Reloading':
      return ['RELOADING=1'];
    case 'Stopping':
      return ['STOPPING=1'];
    case 'Status':
      return [statusLine(notification.status)];
    case 'Watchdog':
      return ['WATCHDOG=1'];
  }
}

const LONGEST_STATUS = 200;

const statusLine = (text: string): string =>
  `STATUS=${text.replaceAll(/\s+/g, ' ').slice(0, LONGEST_STATUS)}`;
