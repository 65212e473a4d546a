import type { EventObject } from '../../api/status.ts';
import type { Action, Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import { CliError } from '../errors.ts';
import { type EventList, eventRow, EVENT_HEADERS } from '../event-table.ts';
import { eventsPath } from '../paths.ts';
import { formatRow, widthsOf } from '../table.ts';
import { parseTarget } from '../targets.ts';
import { watchChanges } from '../watch.ts';

export const events: Action = async (context, { options }) => {
  const { terminal, config, services } = context;
  const namespace = options['allNamespaces'] === true ? undefined : config.namespace;
  const api = createApiClient(config.apiSocketPath);
  const path = eventsPath(namespace);
  const { items, metadata } = await api.get<EventList>(path);
  const wanted = selectorOf(options);
  const headers = [...(namespace === undefined ? ['NAMESPACE'] : []), ...EVENT_HEADERS];
  const rowOf = (event: EventObject): string[] => [
    ...(namespace === undefined ? [event.metadata.namespace] : []),
    ...eventRow(event, services.nowMs()),
  ];
  const rows = [headers, ...items.filter(wanted).map(rowOf)];
  const widths = widthsOf(rows);
  const print = (row: readonly string[]): void => terminal.out(`${formatRow(row, widths)}\n`);
  if (rows.length > 1 || options['watch'] === true) for (const row of rows) print(row);
  else terminal.err(`${emptyText(namespace)}\n`);
  if (options['watch'] !== true) return 0;
  for await (const { type, object } of watchChanges<EventObject>(api, path, metadata.resourceVersion))
    if (type !== 'DELETED' && wanted(object)) print(rowOf(object));
  return 0;
};

const emptyText = (namespace: string | undefined): string =>
  namespace === undefined
    ? 'no events yet'
    : `no events in namespace "${namespace}"; look at all of them with -A`;

/** `--for agent/coordinator`. */
function selectorOf(options: Input['options']): (event: EventObject) => boolean {
  const text = options['for'];
  if (typeof text !== 'string') return () => true;
  const { kinds, names } = parseTarget([text]);
  const [name] = names;
  const [kind] = kinds;
  if (name === undefined || !kind)
    throw new CliError(`--for "${text}": must be KIND/NAME, such as agent/coordinator`);
  return ({ involvedObject }) => involvedObject.kind === kind.kind && involvedObject.name === name;
}
