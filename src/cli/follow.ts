import type { ConvergeView } from '../api/status.ts';
import { printable } from '../terminal.ts';
import { type Context, wait } from './context.ts';
import { humanDuration } from './duration.ts';
import { truncate } from './width.ts';

/** At first often: with nothing to do the answer is there at once. */
const EAGER_FOR_MS = 1_000;
const LOOK_EAGERLY_EVERY_MS = 25;
const LOOK_EVERY_MS = 200;
/** What is over before anybody could read it is not worth a line. */
const SILENT_FOR_MS = 300;
/** How long a state in which nothing moves must last before it counts as the end. */
const SETTLED_AFTER_MS = 3_000;

export interface FollowOptions {
  readonly look: () => Promise<ConvergeView>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type Ending = 'Converged' | 'Settled' | 'TimedOut' | 'Interrupted';

/** Looks until everything converged, nothing moves any more, or the time is up; says how it goes meanwhile. */
export async function followConvergence(
  context: Context,
  { look, timeoutMs, signal }: FollowOptions,
): Promise<{ readonly ending: Ending; readonly view: ConvergeView; readonly tookMs: number }> {
  const { services } = context;
  const startedAtMs = services.nowMs();
  const progress = createProgress(context);
  let before = '';
  let sameSinceMs = startedAtMs;
  for (;;) {
    const view = await look();
    const nowMs = services.nowMs();
    const tookMs = nowMs - startedAtMs;
    const now = JSON.stringify(view);
    if (now !== before || view.busy) sameSinceMs = nowMs;
    before = now;
    const ending = endingOf(view, {
      interrupted: signal.aborted,
      timedOut: tookMs >= timeoutMs,
      stuck: nowMs - sameSinceMs >= SETTLED_AFTER_MS,
    });
    if (ending) {
      progress.end();
      return { ending, view, tookMs };
    }
    if (tookMs >= SILENT_FOR_MS) progress.show(view, tookMs);
    await wait(context, tookMs < EAGER_FOR_MS ? LOOK_EAGERLY_EVERY_MS : LOOK_EVERY_MS);
  }
}

interface Moment {
  readonly interrupted: boolean;
  readonly timedOut: boolean;
  readonly stuck: boolean;
}

const STUCK_PHASES: ReadonlySet<string> = new Set([
  'RolledBack',
  'Failed',
  'Paused',
  'Stalled',
  'Blocked',
  'Pending',
  'Waiting',
]);

function endingOf(view: ConvergeView, { interrupted, timedOut, stuck }: Moment): Ending | undefined {
  if (view.converged) return 'Converged';
  if (interrupted) return 'Interrupted';
  if (timedOut) return 'TimedOut';
  const nobodyMoves = view.waitingFor.every(({ phase }) => STUCK_PHASES.has(phase));
  const hasCause = view.waitingFor.length > 0 || view.problems.length > 0;
  return stuck && nobodyMoves && hasCause ? 'Settled' : undefined;
}

/** One line that is rewritten on a terminal; else a line whenever something changed. */
function createProgress({ terminal }: Context): {
  show(view: ConvergeView, tookMs: number): void;
  end(): void;
} {
  let last = '';
  const write = (line: string): void => {
    if (line === last) return;
    last = line;
    terminal.err(terminal.errIsTTY ? `\r\u001b[K${line}` : `${line}\n`);
  };
  return {
    show: (view, tookMs) => {
      if (!terminal.errIsTTY) return write(progressText(view));
      const text = `${humanDuration(tookMs).padEnd(4)} ${progressText(view)}`;
      write(truncate(text, terminal.size().columns - 1));
    },
    end: () => {
      if (terminal.errIsTTY && last !== '') terminal.err('\r\u001b[K');
    },
  };
}

const MOST_NAMED = 4;

export function progressText({ healthy, total, waitingFor }: ConvergeView): string {
  const named = waitingFor.slice(0, MOST_NAMED).map(({ object, phase }) => `${shortName(object)} (${phase})`);
  const more = waitingFor.length > MOST_NAMED ? ` and ${waitingFor.length - MOST_NAMED} more` : '';
  const rest = named.length > 0 ? `; waiting for ${named.join(', ')}${more}` : '; making sure';
  return printable(`${healthy}/${total} healthy${rest}`);
}

const shortName = (object: string): string => object.slice(object.lastIndexOf('/') + 1);
