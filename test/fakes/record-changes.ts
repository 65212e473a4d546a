import { expect } from 'vitest';
import { enter } from '../../controllers/agent/enter.ts';
import type { AgentEvent } from '../../controllers/agent/machine.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { A, aView, B, NOW, type Situation } from './agent-views.ts';

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
function changes(before: AgentRecord, after: AgentRecord): string[] {
  const fields = Object.keys({ ...before, ...after }) as (keyof AgentRecord)[];
  return fields
    .filter((field) => field !== 'state' && field !== 'stateEnteredAtMs' && field !== 'wishHash')
    .filter((field) => fieldTold(before, field) !== fieldTold(after, field))
    .map((field) => inLetters(`${field}: ${fieldTold(after, field)}`))
    .sort();
}

/** An entry into a state, and all that it changes. */
export type Entry = [
  name: string,
  from: AgentState,
  event: AgentEvent,
  to: AgentState,
  situation: Situation,
  ...told: string[],
];

export function expectEntry(...[, from, event, to, situation, ...told]: Entry): void {
  const view = aView(from, situation);
  const after = enter(view, to, event);
  expect(changes(view.record, after)).toEqual(told);
  expect(after).toMatchObject({ state: to, stateEnteredAtMs: NOW });
  // What was not known before and is not known now is left out: else the record would differ from what the disk gives back.
  expect(after).toStrictEqual(JSON.parse(JSON.stringify(after)));
}
