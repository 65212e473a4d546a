import type { ConvergeView } from '../api/status.ts';
import type { Log } from '../manager/reconciler.ts';
import type { Notification, Notify } from '../systemd/notify.ts';
import type { RunningController, Services } from './context.ts';
import { progressText } from './follow.ts';

export interface Telling {
  readonly services: Pick<Services, 'nowMs' | 'setTimer'>;
  readonly controller: Pick<RunningController, 'backend' | 'hangs'>;
  readonly notify: Notify;
  /** How long systemd waits for a sign of life; absent when it does not. */
  readonly watchdogMs?: number;
  readonly log: Log;
}

const LOOK_EVERY_MS = 5_000;
/** systemd wants a word within its time; a third of that forgives a busy machine. */
const FEEDS_PER_PERIOD = 3;

/**
 * Tells systemd how things stand, and that they get on. The watchdog is fed on evidence, never by the timer alone: a
 * reconcile or a reading that hangs is not reported as life. Returns the end of it.
 */
export function tellManager({ services, controller, notify, watchdogMs, log }: Telling): () => void {
  const feedMs = watchdogMs === undefined ? Number.POSITIVE_INFINITY : watchdogMs / FEEDS_PER_PERIOD;
  let told = '';
  let isHanging = false;
  let fedAtMs = Number.NEGATIVE_INFINITY;
  let cancel = (): void => undefined;

  const look = (): void => {
    const trouble = controller.hangs();
    if (trouble !== undefined && !isHanging)
      log.error({ reason: trouble }, 'does not get on; systemd is left to start it again');
    isHanging = trouble !== undefined;
    const status = isHanging ? `hangs: ${trouble}` : summaryOf(controller.backend.convergence());
    const isDue = watchdogMs !== undefined && services.nowMs() - fedAtMs >= feedMs;
    const news: Notification[] = [
      ...(status === told ? [] : [{ type: 'Status', status } as const]),
      ...(isDue && !isHanging ? [{ type: 'Watchdog' } as const] : []),
    ];
    if (isDue && !isHanging) fedAtMs = services.nowMs();
    told = status;
    if (news.length > 0) void notify(...news);
    cancel = services.setTimer(Math.min(LOOK_EVERY_MS, feedMs), look);
  };
  look();
  return () => cancel();
}

/** `8/9 healthy; waiting for page (RolledBack)`, and the first problem of the manifests. */
export function summaryOf(view: ConvergeView): string {
  if (view.converged) return `${view.healthy}/${view.total} healthy`;
  return [progressText(view), ...view.problems.slice(0, 1)].join('; ');
}
