import type { AgentStatus, ApiObject } from '../api/status.ts';
import { ageOf } from './duration.ts';

export interface Column {
  readonly title: string;
  readonly wide?: boolean;
  readonly cell: (object: ApiObject, nowMs: number) => string;
}

const spec = ({ spec: value }: ApiObject): Readonly<Record<string, unknown>> =>
  (value ?? {}) as Record<string, unknown>;
const agentStatus = ({ status }: ApiObject): AgentStatus | undefined => status as AgentStatus | undefined;
const text = (value: unknown): string => {
  if (value === undefined || value === null || value === '') return '<none>';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

const NAMESPACE: Column = { title: 'NAMESPACE', cell: ({ metadata }) => metadata.namespace };
const NAME: Column = { title: 'NAME', cell: ({ metadata }) => metadata.name };
const PHASE: Column = { title: 'PHASE', cell: ({ status }) => status?.phase ?? 'Pending' };
const AGE: Column = { title: 'AGE', cell: ({ metadata }, nowMs) => ageOf(metadata.creationTimestamp, nowMs) };
const MESSAGE: Column = { title: 'MESSAGE', wide: true, cell: ({ status }) => status?.message ?? '' };

/** `2/3`: ready ones of those that are wanted. */
function replicasText(agent: ApiObject): string {
  const wanted = spec(agent)['replicas'] ?? 1;
  return `${agentStatus(agent)?.readyReplicas ?? 0}/${text(wanted)}`;
}

const AGENT: readonly Column[] = [
  { title: 'LAYER', cell: (agent) => text(spec(agent)['layer']) },
  PHASE,
  { title: 'READY', cell: (agent) => (agentStatus(agent)?.ready ? 'True' : 'False') },
  { title: 'RESTARTS', cell: (agent) => String(agentStatus(agent)?.restarts ?? 0) },
  { title: 'REVISION', cell: (agent) => text(agentStatus(agent)?.currentRevision) },
  AGE,
  { title: 'REPLICAS', wide: true, cell: replicasText },
  { title: 'ADDRESS', wide: true, cell: (agent) => text(agentStatus(agent)?.address) },
  { title: 'CONTAINER', wide: true, cell: (agent) => text(agentStatus(agent)?.containerName) },
  MESSAGE,
];

const data: Column = {
  title: 'DATA',
  cell: ({ data: entries }) => String(Object.keys(entries ?? {}).length),
};
const field = (title: string, name: string): Column => ({
  title,
  cell: (object) => text(spec(object)[name]),
});

const OWN_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Network: [field('DRIVER', 'driver')],
  Volume: [field('RETENTION', 'retention'), field('ACCESS', 'accessMode')],
  Image: [field('TAG', 'tag')],
  ConfigMap: [data],
  Secret: [data],
};

/** What `get` shows of a kind; `wide` adds what needs a wide terminal. */
export function columnsFor(
  kind: string,
  { wide, allNamespaces }: { readonly wide: boolean; readonly allNamespaces: boolean },
): readonly Column[] {
  const own = kind === 'Agent' ? AGENT : [...(OWN_COLUMNS[kind] ?? []), PHASE, AGE, MESSAGE];
  const columns = [...(allNamespaces ? [NAMESPACE] : []), NAME, ...own];
  return columns.filter((column) => wide || column.wide !== true);
}
