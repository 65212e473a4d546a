import type { AgentRecord } from '../../src/state/record.ts';
import { A, B } from './agent-views.ts';

const LETTERS = new Map([
  [A.id, 'A'],
  [B.id, 'B'],
]);
const inLetters = (text: string): string =>
  [...LETTERS].reduce((said, [id, letter]) => said.replaceAll(id, letter), text);

const revisionsTold = ({ revisions }: AgentRecord): string =>
  revisions
    .map(({ id, outcome, cause, failure: why, stableAtMs }) =>
      [
        id,
        outcome,
        cause,
        why && `${why.reason}: ${why.message}`,
        stableAtMs !== undefined && `stable at ${stableAtMs}`,
      ]
        .filter(Boolean)
        .join(', '),
    )
    .join(' | ');

const fieldTold = (record: AgentRecord, field: keyof AgentRecord): string =>
  field === 'revisions' ? revisionsTold(record) : (JSON.stringify(record[field]) ?? 'gone');

/** What another state changes in a record, one line a field. */
export function changes(before: AgentRecord, after: AgentRecord): string[] {
  const fields = Object.keys({ ...before, ...after }) as (keyof AgentRecord)[];
  return fields
    .filter((field) => field !== 'state' && field !== 'stateEnteredAtMs' && field !== 'wishHash')
    .filter((field) => fieldTold(before, field) !== fieldTold(after, field))
    .map((field) => inLetters(`${field}: ${fieldTold(after, field)}`))
    .sort();
}
