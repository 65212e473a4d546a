import { APPLY_AT_ONCE } from '../../api/sync-window.ts';
import type { PlanView } from '../../api/status.ts';
import { count } from '../count.ts';
import { printable } from '../../terminal.ts';
import { aloneOrAsk } from '../ask-holder.ts';
import type { Context } from '../context.ts';
import type { Input } from '../action.ts';
import { GROUP_PATH } from '../paths.ts';
import { structured } from '../structured.ts';
import { formatTable } from '../table.ts';

const CHANGES = 2;

/** Exit code as of `diff`-like tools: 0 nothing to do, 2 something, 1 something is wrong. */
export async function plan(context: Context, { options }: Input): Promise<number> {
  const view = await aloneOrAsk<PlanView>(context, context.services.planOffline, `${GROUP_PATH}/plan`);
  const { terminal } = context;
  if (options['output'] === 'json') terminal.out(await structured(view, 'json'));
  else terminal.out(planText(view));
  for (const problem of view.problems) terminal.err(`${printable(problem)}\n`);
  if (view.problems.length > 0) return 1;
  return view.changes.length > 0 ? CHANGES : 0;
}

function planText({ changes, window }: PlanView): string {
  if (changes.length === 0) return 'nothing to do\n';
  const rows = changes.map(({ object, operation, cause }) => [object, operation, cause]);
  const objects = new Set(changes.map(({ object }) => object)).size;
  return `${formatTable([['OBJECT', 'CHANGE', 'WHY'], ...rows])}\n${count(changes.length, 'change')} to ${count(objects, 'object')}; ${whenText(window)}\n`;
}

const whenText = (window: PlanView['window']): string =>
  window === undefined || window.open
    ? 'rookery apply makes them'
    : printable(`they wait: ${window.message}; at once: ${APPLY_AT_ONCE}`);
