import type { ConvergeView } from '../api/status.ts';
import type { Context } from './context.ts';
import { humanDuration } from './duration.ts';
import { eventText } from './live-view.ts';
import type { Show } from './show-live.ts';

const LOOK_EVERY_MS = 1_000;

/** A line for every event, and one when all is well: for pipes, files and service managers. Returns the end of it. */
export function showPlain({ terminal, services }: Context, { controller }: Show): () => void {
  const { backend } = controller;
  let startedAtMs = services.nowMs();
  let wasWell = false;
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const view = backend.convergence();
    const isWell = view.converged || (wasWell && isOnlyLookedAt(view));
    const nowMs = services.nowMs();
    if (isWell && !wasWell)
      terminal.out(`${view.healthy}/${view.total} healthy after ${humanDuration(nowMs - startedAtMs)}\n`);
    if (!isWell && wasWell) startedAtMs = nowMs;
    wasWell = isWell;
    cancel = services.setTimer(LOOK_EVERY_MS, look);
  };
  const release = backend.events.subscribe((event) => {
    terminal.out(`${eventText(event)}\n`);
  });
  look();
  return () => {
    release();
    cancel();
  };
}

const isOnlyLookedAt = ({ busy, waitingFor, problems }: ConvergeView): boolean =>
  busy && problems.length === 0 && waitingFor.every(({ optional = false }) => optional);
