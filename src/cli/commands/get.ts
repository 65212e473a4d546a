import type { KindNames } from '../../api/kind-names.ts';
import type { ApiObject } from '../../api/status.ts';
import type { Action } from '../action.ts';
import { type ApiClient, createApiClient } from '../api-client.ts';
import { type Column, columnsFor } from '../columns.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { findObject, nothingThere, type ObjectList } from '../find-object.ts';
import { objectsPath } from '../paths.ts';
import { type Format, nameOf, serialize } from '../serialize.ts';
import { formatRow, formatTable, widthsOf } from '../table.ts';
import { parseTarget, type Target } from '../targets.ts';
import { watchChanges } from '../watch.ts';

interface Query extends Target {
  readonly api: ApiClient;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
  readonly format: Format | 'table' | 'wide';
}

export const get: Action = async (context, { args, options }) => {
  const allNamespaces = options['allNamespaces'] === true;
  const target = parseTarget(args);
  if (allNamespaces && target.names.length > 0)
    throw new CliError('a name belongs to one namespace: leave out -A, or the name');
  const query: Query = {
    ...target,
    api: createApiClient(context.config.apiSocketPath),
    namespace: allNamespaces ? undefined : context.config.namespace,
    format: (options['output'] ?? 'table') as Query['format'],
  };
  return options['watch'] === true ? watch(context, query) : list(context, query);
};

async function list(context: Context, query: Query): Promise<number> {
  const { format, names } = query;
  const lists = [];
  for (const kind of query.kinds) lists.push({ kind, items: await itemsOf(query, kind) });
  if (format !== 'table' && format !== 'wide') {
    const objects = lists.flatMap(({ items }) => items);
    context.terminal.out(await serialize(objects, format, names.length === 1));
    return 0;
  }
  const filled = lists.filter(({ items }) => items.length > 0);
  for (const [index, { kind, items }] of filled.entries()) {
    if (index > 0) context.terminal.out('\n');
    context.terminal.out(tableOf(context, query, { kind, items, prefixed: query.kinds.length > 1 }));
  }
  const [kind] = query.kinds;
  if (filled.length === 0 && kind)
    context.terminal.err(`${await nothingThere(query.api, kind, query.namespace)}\n`);
  return 0;
}

async function itemsOf({ api, names, namespace }: Query, kind: KindNames): Promise<readonly ApiObject[]> {
  if (names.length === 0) {
    const { items } = await api.get<ObjectList>(objectsPath(kind, namespace));
    return byName(items);
  }
  const found: ApiObject[] = [];
  for (const name of names) found.push(await findObject(api, { kind, namespace: namespace ?? '', name }));
  return found;
}

const byName = (items: readonly ApiObject[]): ApiObject[] =>
  [...items].sort((left, right) => (fullName(left) < fullName(right) ? -1 : 1));

const fullName = ({ metadata }: ApiObject): string => `${metadata.namespace}/${metadata.name}`;

interface Rows {
  readonly kind: KindNames;
  readonly items: readonly ApiObject[];
  /** With several kinds a name says which one it is of. */
  readonly prefixed: boolean;
}

function tableOf({ services }: Context, query: Query, { kind, items, prefixed }: Rows): string {
  const columns = columnsOf(query, kind);
  const nowMs = services.nowMs();
  const rows = items.map((object) => rowOf(columns, object, { nowMs, prefixed }));
  return formatTable([columns.map(({ title }) => title), ...rows]);
}

const columnsOf = ({ format, namespace }: Query, { kind }: KindNames): readonly Column[] =>
  columnsFor(kind, { wide: format === 'wide', allNamespaces: namespace === undefined });

const rowOf = (
  columns: readonly Column[],
  object: ApiObject,
  { nowMs, prefixed }: { readonly nowMs: number; readonly prefixed: boolean },
): string[] =>
  columns.map(({ title, cell }) => (prefixed && title === 'NAME' ? nameOf(object) : cell(object, nowMs)));

/** First all, then a line for every change: the widths stay, so that the lines stay comparable. */
async function watch(context: Context, query: Query): Promise<number> {
  const { terminal, services } = context;
  const [kind, other] = query.kinds;
  if (!kind || other) throw new CliError('--watch takes exactly one kind');
  const { api, namespace, format } = query;
  const path = objectsPath(kind, namespace);
  const { items, metadata } = await api.get<ObjectList>(path);
  const wanted = (object: ApiObject): boolean =>
    query.names.length === 0 || query.names.includes(object.metadata.name);
  const present = byName(items.filter(wanted));
  const columns = columnsOf(query, kind);
  const rowFor = (object: ApiObject): string[] =>
    rowOf(columns, object, { nowMs: services.nowMs(), prefixed: false });
  const first = [columns.map(({ title }) => title), ...present.map(rowFor)];
  const widths = widthsOf(first);
  const print = async (object: ApiObject): Promise<void> => {
    const isTable = format === 'table' || format === 'wide';
    terminal.out(
      isTable ? `${formatRow(rowFor(object), widths)}\n` : await serialize([object], format, true),
    );
  };
  if (format === 'table' || format === 'wide') terminal.out(formatTable(first));
  else for (const object of present) await print(object);
  for await (const { object } of watchChanges<ApiObject>(api, path, metadata.resourceVersion))
    if (wanted(object)) await print(object);
  return 0;
}
