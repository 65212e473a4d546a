import type { ConvergeView } from '../../api/status.ts';
import { printable } from '../../terminal.ts';
import type { Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import { type Context, wait } from '../context.ts';
import { GROUP_PATH } from '../paths.ts';
import { sourceLines } from '../source-lines.ts';
import { windowLines } from '../window-lines.ts';
import { formatTable } from '../table.ts';

/** A look at an object takes milliseconds; an image that is built takes longer. */
const PASSING_MS = 2_000;
const LOOK_EVERY_MS = 50;

/** The whole in a few lines; exit code as of `apply`. */
export async function status(context: Context, { options }: Input): Promise<number> {
  const { terminal, services } = context;
  const view = await lookPastPassing(context);
  const text = options['output'] === 'json' ? JSON.stringify(view, null, 2) : textOf(view, services.nowMs());
  terminal.out(`${printable(text)}\n`);
  const isBehind = view.source?.type === 'Git' && view.source.failure !== undefined;
  return view.converged && !isBehind ? 0 : 1;
}

/** That something is being looked at says nothing yet: the answer is what comes of it, if that is soon. */
async function lookPastPassing(context: Context): Promise<ConvergeView> {
  const { config, services } = context;
  const api = createApiClient(config.apiSocketPath);
  const untilMs = services.nowMs() + PASSING_MS;
  for (;;) {
    const view = await api.get<ConvergeView>(`${GROUP_PATH}/convergence`);
    if (!isOnlyBusy(view) || services.nowMs() >= untilMs) return view;
    await wait(context, LOOK_EVERY_MS);
  }
}

const isOnlyBusy = ({ busy, converged, waitingFor, problems }: ConvergeView): boolean =>
  busy && !converged && problems.length === 0 && waitingFor.every(({ optional = false }) => optional);

function textOf(view: ConvergeView, nowMs: number): string {
  const { source, window, healthy, total, waitingFor, problems } = view;
  const facts: [string, string][] = [
    ...(source ? sourceLines(source, nowMs) : []),
    ...(window ? windowLines(window) : []),
    ['Agents', `${healthy}/${total} healthy${isOnlyBusy(view) ? '; something is being reconciled' : ''}`],
  ];
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  const lines = facts.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`);
  const rows = waitingFor.map(({ object, phase, message }) => [object, phase, message]);
  const table = rows.length > 0 ? ['', formatTable([['OBJECT', 'PHASE', 'MESSAGE'], ...rows]).trimEnd()] : [];
  return [...lines, ...problems, ...table].join('\n');
}
