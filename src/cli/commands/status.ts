import type { ConvergeView } from '../../api/status.ts';
import { printable } from '../../terminal.ts';
import type { Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { GROUP_PATH } from '../paths.ts';
import { sourceLines } from '../source-lines.ts';
import { windowLines } from '../window-lines.ts';
import { formatTable } from '../table.ts';

/** The whole in a few lines; exit code as of `apply`. */
export async function status({ terminal, config, services }: Context, { options }: Input): Promise<number> {
  const view = await createApiClient(config.apiSocketPath).get<ConvergeView>(`${GROUP_PATH}/convergence`);
  const text = options['output'] === 'json' ? JSON.stringify(view, null, 2) : textOf(view, services.nowMs());
  terminal.out(`${printable(text)}\n`);
  const isBehind = view.source?.type === 'Git' && view.source.failure !== undefined;
  return view.converged && !isBehind ? 0 : 1;
}

function textOf(
  { source, window, healthy, total, waitingFor, problems }: ConvergeView,
  nowMs: number,
): string {
  const facts: [string, string][] = [
    ...(source ? sourceLines(source, nowMs) : []),
    ...(window ? windowLines(window) : []),
    ['Agents', `${healthy}/${total} healthy`],
  ];
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  const lines = facts.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`);
  const rows = waitingFor.map(({ object, phase, message }) => [object, phase, message]);
  const table = rows.length > 0 ? ['', formatTable([['OBJECT', 'PHASE', 'MESSAGE'], ...rows]).trimEnd()] : [];
  return [...lines, ...problems, ...table].join('\n');
}
