import type { Context } from './context.ts';
import { humanDuration } from './duration.ts';
import { eventText } from './live-view.ts';
import { createSettling } from './settling.ts';
import type { Show } from './show-live.ts';

const LOOK_EVERY_MS = 1_000;

/** A line for every event, and one when all is well: for pipes, files and service managers. Returns the end of it. */
export function showPlain({ terminal, services }: Context, { controller }: Show): () => void {
  const { backend } = controller;
  const settle = createSettling(services.nowMs());
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const view = backend.convergence();
    const { isNews, elapsedMs } = settle(view, services.nowMs());
    if (isNews) terminal.out(`${view.healthy}/${view.total} healthy after ${humanDuration(elapsedMs)}\n`);
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
