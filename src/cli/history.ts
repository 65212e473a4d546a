import type { AgentStatus, OriginStatus, RevisionStatus, RolloutStatus } from '../api/status.ts';
import { printable } from '../terminal.ts';
import { ageOf, humanDuration } from './duration.ts';
import { formatTable } from './table.ts';
import { pad } from './width.ts';

/** What a revision is to the agent now. */
export function rolesOf(id: string, status: AgentStatus | undefined): string {
  const roles = [
    ...(status?.currentRevision === id ? ['current'] : []),
    ...(status?.targetRevision === id ? ['target'] : []),
    ...(status?.stableRevision === id ? ['stable'] : []),
  ];
  return roles.length > 0 ? roles.join(',') : '-';
}

const SHORT_COMMIT = 12;

/** `manifests/twin.yaml:3 (commit 1a2b3c4d5e6f)`. */
export function originText(origin: OriginStatus | undefined): string | undefined {
  if (!origin) return undefined;
  const { file, line, commit } = origin;
  return `${file}:${line}${commit === undefined ? '' : ` (commit ${commit.slice(0, SHORT_COMMIT)})`}`;
}

/** As `kubectl rollout history`: the newest last. */
export function historyTable(status: AgentStatus | undefined, nowMs: number): string {
  const rows = (status?.revisions ?? []).map(({ id, outcome, createdAt, origin, cause }) => [
    id,
    outcome,
    rolesOf(id, status),
    ageOf(createdAt, nowMs),
    originText(origin) ?? '<unknown>',
    cause,
  ]);
  return formatTable([['REVISION', 'OUTCOME', 'ROLE', 'AGE', 'SOURCE', 'CAUSE'], ...rows]);
}

const LABEL_WIDTH = 16;

/** Everything that is kept of one revision: after a failure that is its quarantine. */
export function revisionText(revision: RevisionStatus, status: AgentStatus | undefined): string {
  const { id, outcome, cause, createdAt, origin, failure } = revision;
  const facts: [string, string | undefined][] = [
    ['Revision', id],
    ['Outcome', outcome],
    ['Role', rolesOf(id, status)],
    ['Created', createdAt],
    ['Source', originText(origin)],
    ['Cause', cause],
    ...(failure ? failureFacts(failure) : []),
  ];
  const lines = facts.flatMap(([label, value]) =>
    value === undefined ? [] : [`${pad(`${label}:`, LABEL_WIDTH)}${printable(value)}\n`],
  );
  return [...lines, ...lastLines(failure)].join('');
}

const failureFacts = ({
  reason,
  message,
  at,
  exitCode,
  oomKilled,
  lastProbe,
}: NonNullable<RevisionStatus['failure']>): [string, string | undefined][] => [
  ['Failed', `${at}, ${reason}: ${message}`],
  ['Exit code', exitCode === undefined ? undefined : String(exitCode)],
  ['Out of memory', oomKilled === undefined ? undefined : oomKilled ? 'yes' : 'no'],
  ['Last probe', lastProbe],
];

const lastLines = (failure: RevisionStatus['failure']): string[] =>
  failure?.logTail && failure.logTail.length > 0
    ? ['Last lines:\n', ...failure.logTail.map((line) => `  ${printable(line)}\n`)]
    : [];

/** Every time that it was replaced, and why: the newest last. */
export const whyText = (rollouts: readonly RolloutStatus[]): string =>
  rollouts.map((rollout) => `${headline(rollout)}${explanation(rollout)}`).join('\n');

function headline({ startedAt, endedAt, from, revision, trigger, outcome }: RolloutStatus): string {
  const took =
    endedAt === undefined ? '' : ` after ${humanDuration(Date.parse(endedAt) - Date.parse(startedAt))}`;
  return `${startedAt}  ${from ?? '(nothing)'} → ${revision ?? '(no revision)'}  ${trigger}: ${outcome}${took}\n`;
}

function explanation({ trigger, changes, origin, message }: RolloutStatus): string {
  const what = changes.length > 0 ? changes : [NOTHING_CHANGED[trigger] ?? 'nothing that shows changed'];
  const source = originText(origin);
  const lines = [
    ...what,
    ...(source === undefined ? [] : [`from ${source}`]),
    ...(message === undefined ? [] : [`failed: ${message}`]),
  ];
  return lines.map((line) => `  ${printable(line)}\n`).join('');
}

const NOTHING_CHANGED: Readonly<Record<string, string>> = {
  Restart: 'restarted by a person',
  Retry: 'tried again by a person',
};
