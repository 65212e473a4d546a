import type { VolumeExportView } from '../../api/status.ts';
import { printable } from '../../terminal.ts';
import type { Action, Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { ageOf } from '../duration.ts';
import { CliError } from '../errors.ts';
import { GROUP_PATH } from '../paths.ts';
import { structured } from '../structured.ts';
import { formatTable } from '../table.ts';

export const volume: Action = (context, { args: [action, name], options }) => {
  if (action === 'exports') return exports(context, options);
  if (action !== 'restore') throw new CliError(`unknown action "${action}"; write exports or restore`);
  if (name === undefined) throw new CliError('say which volume: rookery volume restore NAME');
  return restore(context, name, options);
};

async function exports({ terminal, config, services }: Context, options: Input['options']): Promise<number> {
  const { items } = await createApiClient(config.apiSocketPath).get<{ items: VolumeExportView[] }>(
    `${GROUP_PATH}/exports`,
  );
  if (options['output'] === 'json') terminal.out(await structured(items, 'json'));
  else if (items.length === 0) terminal.out('no volume was deleted with its data yet\n');
  else {
    const nowMs = services.nowMs();
    const rows = items.map(({ volume: of, file, exportedAt, sizeBytes }) => [
      of,
      `${ageOf(exportedAt, nowMs)} ago`,
      megabytes(sizeBytes),
      file,
    ]);
    terminal.out(printable(formatTable([['VOLUME', 'EXPORTED', 'SIZE', 'FILE'], ...rows])));
  }
  return 0;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function restore(
  { terminal, config }: Context,
  name: string,
  { from }: Input['options'],
): Promise<number> {
  const path = `${GROUP_PATH}/namespaces/${config.namespace}/volumes/${encodeURIComponent(name)}/restore`;
  const query = typeof from === 'string' ? `?${new URLSearchParams({ from }).toString()}` : '';
  const { message } = await createApiClient(config.apiSocketPath).post<{ message: string }>(
    `${path}${query}`,
  );
  terminal.out(`${printable(message)}\n`);
  return 0;
}
