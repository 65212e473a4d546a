import { expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import { labels, ownerIn } from '../src/api/labels.ts';
import { containerName, holderName, isContainerName } from '../src/state/names.ts';

const key = agentKey('ai-system', 'twin');
const aContainerName = containerName({ key, revision: 'aaaaaaaa', attempt: 2, ordinal: 0 });

test.each([
  [aContainerName, true],
  [holderName(key), true],
  ['twin', false],
  [`my ${aContainerName}`, false],
  ['ai-system.twin', false],
  ['ai-system.twin-aaaaaaaa-2-x', false],
  ['ai-system.twin-holders', false],
])('%s is named as ours: %s', (name, isOurs) => {
  expect(isContainerName(name)).toBe(isOurs);
});

const named = { [labels.kind]: 'Agent', [labels.namespace]: 'ai-system', [labels.name]: 'twin' };

test.each([
  ['all three labels', named, key],
  ['no name', { ...named, [labels.name]: '' }, undefined],
  ['a kind that is none', { ...named, [labels.kind]: 'Pod' }, undefined],
  ["a kind that is the language's own", { ...named, [labels.kind]: 'toString' }, undefined],
  ['no label of ours', {}, undefined],
])('the owner of what has %s', (_, found, owner) => {
  expect(ownerIn(found)).toEqual(owner);
});
