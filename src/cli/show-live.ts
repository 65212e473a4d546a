import type { Context, RunningController } from './context.ts';
import { renderLive } from './live-view.ts';
import { createPaint } from './paint.ts';
import type { Warnings } from './run-log.ts';
import { createScreen } from './screen.ts';
import { createSettling } from './settling.ts';

/** A burst of changes is one picture. */
const REDRAW_AFTER_MS = 100;
const CLOCK_TICK_MS = 1_000;

export interface Show {
  readonly controller: RunningController;
  readonly warnings: Warnings;
}

/** The agents as they converge, redrawn in place; nothing is drawn while nothing changes. Returns the end of it. */
export function showLive(context: Context, { controller, warnings }: Show): () => void {
  const { terminal, services, config } = context;
  const { backend } = controller;
  const screen = createScreen(terminal);
  const paint = createPaint(config.colour);
  const settle = createSettling(services.nowMs());
  let picture = '';
  let cancel: () => void = () => undefined;
  let isDue = false;

  const draw = (): void => {
    cancel();
    isDue = false;
    const view = backend.convergence();
    const { converged, healthy, total, problems } = view;
    const { isWell, elapsedMs } = settle(view, services.nowMs());
    const lines = renderLive(
      {
        agents: backend.objects.list('Agent').items,
        healthy,
        total,
        problems,
        events: backend.events.list(),
        warnings: warnings.newest(),
        elapsedMs,
        settled: isWell,
      },
      { ...terminal.size(), paint },
    );
    const next = lines.join('\n');
    if (next !== picture) screen.draw(lines);
    picture = next;
    if (!converged) cancel = services.setTimer(CLOCK_TICK_MS, draw);
  };
  const changed = (): void => {
    if (isDue) return;
    isDue = true;
    cancel();
    cancel = services.setTimer(REDRAW_AFTER_MS, draw);
  };

  const { resourceVersion } = backend.objects.list('Agent');
  const releases = [
    backend.objects.watch({ kind: 'Agent', sinceVersion: Number(resourceVersion) }, changed),
    backend.events.subscribe(changed),
    terminal.onResize(() => {
      picture = '';
      screen.clear();
      changed();
    }),
  ];
  warnings.onChange(changed);
  draw();
  return () => {
    for (const release of releases) release();
    draw();
    cancel();
    screen.end();
  };
}
