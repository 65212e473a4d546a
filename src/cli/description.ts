import type { Condition } from '../api/conditions.ts';
import type { AgentStatus, ApiObject, EventObject, RevisionStatus } from '../api/status.ts';
import { toYaml } from '../source/to-yaml.ts';
import { printable } from '../terminal.ts';
import { ageOf } from './duration.ts';
import { EVENT_HEADERS, eventRow } from './event-table.ts';
import { originText, rolesOf } from './history.ts';
import { formatTable } from './table.ts';
import { pad } from './width.ts';

export type AgentObject = ApiObject & { readonly status?: AgentStatus };

export interface Surroundings {
  readonly events: readonly EventObject[];
  readonly nowMs: number;
}

type Fact = readonly [string, string | undefined];

/** Any kind but an Agent. */
export function describeObject(object: ApiObject, { events, nowMs }: Surroundings): string {
  return [
    facts([...identity(object, nowMs), ['Phase', object.status?.phase], ['Message', object.status?.message]]),
    specText(object),
    conditionsText(object.status?.conditions ?? [], nowMs),
    eventsText(events, nowMs),
  ].join('');
}

export function describeAgent(
  agent: AgentObject,
  { events, nowMs, agents }: Surroundings & { readonly agents: readonly AgentObject[] },
): string {
  const { status } = agent;
  return [
    facts([...identity(agent, nowMs), ...agentFacts(agent, nowMs)]),
    neighboursText(agent, agents),
    revisionsText(status, nowMs),
    conditionsText(status?.conditions ?? [], nowMs),
    listText('Last plan', status?.lastPlan ?? []),
    eventsText(events, nowMs),
  ].join('');
}

const identity = ({ kind, metadata }: ApiObject, nowMs: number): Fact[] => [
  ['Name', metadata.name],
  ['Namespace', metadata.namespace],
  ['Kind', kind],
  ['Labels', pairs(metadata.labels)],
  ['Annotations', pairs(metadata.annotations)],
  ['Created', since(metadata.creationTimestamp, nowMs)],
];

const pairs = (map: Readonly<Record<string, string>> = {}): string | undefined => {
  const entries = Object.entries(map).map(([name, value]) => `${name}=${value}`);
  return entries.length > 0 ? entries.join(', ') : undefined;
};

const since = (timestamp: string | undefined, nowMs: number): string | undefined =>
  timestamp === undefined ? undefined : `${timestamp} (${ageOf(timestamp, nowMs)} ago)`;

interface AgentSpecView {
  readonly layer?: number;
  readonly required?: boolean;
  readonly image?: string;
  readonly build?: { readonly context?: string };
  readonly dependsOn?: readonly { readonly name: string; readonly condition?: string }[];
}

const specOf = ({ spec }: ApiObject): AgentSpecView => spec ?? {};

function agentFacts(agent: AgentObject, nowMs: number): Fact[] {
  const { status, metadata } = agent;
  const { layer, required, image, build } = specOf(agent);
  return [
    ['Generation', `${metadata.generation} (observed ${status?.observedGeneration ?? 0})`],
    ['Layer', layer === undefined ? undefined : `${layer}${required === false ? ', optional' : ''}`],
    ['Image', image ?? (build && `built from ${build.context}`)],
    ...(status ? statusFacts(status, nowMs) : [['Phase', 'Pending'] as const]),
  ];
}

const statusFacts = (status: AgentStatus, nowMs: number): Fact[] => [
  ['Phase', status.phase],
  ['Reason', status.reason],
  ['Message', status.message],
  ['Ready', status.ready ? 'True' : 'False'],
  ['Replicas', replicasText(status)],
  ['Restarts', String(status.restarts)],
  ['Container', status.containerName],
  ['Address', status.address],
  ['Started', since(status.startedAt, nowMs)],
  ['Last exit', lastExitText(status, nowMs)],
  ['Next retry', status.nextRetryAt],
];

const replicasText = ({ replicas, readyReplicas, updatedReplicas }: AgentStatus): string =>
  `${replicas} running, ${readyReplicas} ready, ${updatedReplicas} of the newest revision`;

function lastExitText({ lastExit }: AgentStatus, nowMs: number): string | undefined {
  if (!lastExit) return undefined;
  const { code, oomKilled, at } = lastExit;
  return `code ${code}${oomKilled ? ', out of memory' : ''}, ${ageOf(at, nowMs)} ago`;
}

const LABEL_WIDTH = 14;

const facts = (list: readonly Fact[]): string =>
  list
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([label, value = '']) => `${pad(`${label}:`, LABEL_WIDTH)}${oneLineOf(value)}\n`)
    .join('');

const oneLineOf = (value: string): string =>
  printable(value).replace(/\s*\n\s*/g, `\n${' '.repeat(LABEL_WIDTH)}`);

const indent = (text: string, by = '  '): string => text.replace(/^(?=.)/gm, by);

const section = (title: string, body: string): string => (body === '' ? '' : `\n${title}:\n${indent(body)}`);

const table = (title: string, headers: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : section(title, formatTable([headers, ...rows]));

const listText = (title: string, lines: readonly string[]): string =>
  section(title, lines.map((line) => `${printable(line)}\n`).join(''));

/** Who it waits for, and who waits for it. */
function neighboursText(agent: AgentObject, agents: readonly AgentObject[]): string {
  const byName = new Map(agents.map((other) => [other.metadata.name, other]));
  const needs = (specOf(agent).dependsOn ?? []).map(({ name, condition = 'Healthy' }) => {
    const status = byName.get(name)?.status;
    return [name, condition, status?.phase ?? 'unknown', status?.ready === true ? 'True' : 'False'];
  });
  const users = agents
    .filter((other) => specOf(other).dependsOn?.some(({ name }) => name === agent.metadata.name))
    .map(({ metadata, status }) => [metadata.name, status?.phase ?? 'Pending']);
  return [
    table('Depends on', ['NAME', 'CONDITION', 'PHASE', 'READY'], needs),
    table('Needed by', ['NAME', 'PHASE'], users),
  ].join('');
}

function revisionsText(status: AgentStatus | undefined, nowMs: number): string {
  const revisions = status?.revisions ?? [];
  const rows = revisions.map((revision) => [
    revision.id,
    revision.outcome,
    ageOf(revision.createdAt, nowMs),
    rolesOf(revision.id, status),
    originText(revision.origin) ?? '<unknown>',
    revision.cause,
  ]);
  return [
    table('Revisions', ['ID', 'OUTCOME', 'AGE', 'ROLE', 'SOURCE', 'CAUSE'], rows),
    ...revisions.map(failureText),
  ].join('');
}

function failureText({ id, failure }: RevisionStatus): string {
  if (!failure) return '';
  const { reason, message, exitCode, oomKilled, lastProbe, logTail = [] } = failure;
  const lines = [
    `${reason}: ${message}`,
    ...(exitCode === undefined ? [] : [`exit code ${exitCode}${oomKilled ? ', out of memory' : ''}`]),
    ...(lastProbe === undefined ? [] : [`last probe: ${lastProbe}`]),
    ...(logTail.length > 0 ? ['its last lines:'] : []),
    ...logTail.map((line) => `  ${line}`),
  ];
  return listText(`Revision ${id} failed`, lines);
}

const conditionsText = (conditions: readonly Condition[], nowMs: number): string =>
  table(
    'Conditions',
    ['TYPE', 'STATUS', 'REASON', 'AGE', 'MESSAGE'],
    conditions.map(({ type, status, reason, message, lastTransitionTime }) => [
      type,
      status,
      reason,
      ageOf(lastTransitionTime, nowMs),
      message,
    ]),
  );

const eventsText = (events: readonly EventObject[], nowMs: number): string =>
  events.length === 0
    ? '\nEvents: none\n'
    : table(
        'Events',
        EVENT_HEADERS,
        events.map((event) => eventRow(event, nowMs)),
      );

/** Spec or data as it is served: values of Secrets are not in it. */
function specText({ spec, data }: ApiObject): string {
  const lines = (value: unknown): string => (value === undefined ? '' : printable(toYaml(value)));
  return section('Spec', lines(spec)) + section('Data', lines(data));
}
