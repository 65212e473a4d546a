import { describe, expect, test } from 'vitest';
import { canonicalJson, hashOf, sha256 } from '../src/state/canonical.ts';
import { createRevision, restarted, revisionId, wishHash } from '../src/state/revision.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import { aTemplate } from './fakes/templates.ts';

describe('two specs that mean the same are the same text', () => {
  test.each<[string, unknown, string]>([
    ['keys are sorted, at every depth', { b: { d: 1, c: 2 }, a: 3 }, '{"a":3,"b":{"c":2,"d":1}}'],
    ['ten keys too', Object.fromEntries('jbidhcgeaf'.split('').map((key) => [key, 0])), sortedTen()],
    ['what is empty is dropped', { a: undefined, b: null, c: [], d: {}, e: { f: {} }, g: 1 }, '{"g":1}'],
    ['what only looks empty is not', { a: 0, b: '', c: false, d: [0] }, '{"a":0,"b":"","c":false,"d":[0]}'],
    ['a list keeps its order, its length and its gaps', [3, null, { b: 1, a: [] }, 1], '[3,null,{"b":1},1]'],
    ['null', null, 'null'],
    ['nothing at all', undefined, 'null'],
    ['a number', 7, '7'],
    ['a text', 'x', '"x"'],
  ])('%s', (_, value, text) => {
    expect(canonicalJson(value)).toBe(text);
    expect(hashOf(value)).toBe(sha256(text));
  });

  test('a hash is that of every other program', () => {
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

function sortedTen(): string {
  return `{${'abcdefghij'
    .split('')
    .map((key) => `"${key}":0`)
    .join(',')}}`;
}

const bridge = (name: string): Partial<ContainerTemplate> => ({
  network: { mode: 'bridge', networks: [{ name, aliases: [] }] },
});
const image = (reference: string, id: string): Partial<ContainerTemplate> => ({ image: { reference, id } });

describe('which change of a template is another revision, and which another wish', () => {
  test.each<[string, Partial<ContainerTemplate>, Partial<ContainerTemplate>, string]>([
    ['none', {}, {}, ''],
    ['env', { env: { A: '1' } }, { env: { A: '2' } }, 'revision wish'],
    ['where it is connected', bridge('a'), bridge('b'), ''],
    ['from a bridge to the host', bridge('a'), { network: { mode: 'host' } }, 'revision wish'],
    [
      'from one pod to another',
      { network: { mode: 'pod', pod: 'a' } },
      { network: { mode: 'pod', pod: 'b' } },
      'revision wish',
    ],
    ['what a tag points at', image('a:1', 'one'), image('a:1', 'two'), 'revision'],
    ['another tag of one image', image('a:1', 'one'), image('a:2', 'one'), 'wish'],
  ])('%s', (_, before, after, expected) => {
    const [left, right] = [aTemplate(before), aTemplate(after)];
    const differs = [
      revisionId(left) === revisionId(right) ? '' : 'revision',
      wishHash(left) === wishHash(right) ? '' : 'wish',
    ];
    expect(differs.filter(Boolean).join(' ')).toBe(expected);
  });

  test('its id is short, and asked for again the same', () => {
    const template = aTemplate();
    const revision = createRevision(template, 'made', 5);
    expect(revision).toMatchObject({ template, cause: 'made', createdAtMs: 5, outcome: 'Pending' });
    expect(revision.id).toMatch(/^[0-9a-f]{8}$/);
    expect(revisionId(template)).toBe(revision.id);
  });

  test('a restart is one of its own, another one each time, and of each template', () => {
    const revision = createRevision(aTemplate(), 'made', 0);
    const other = createRevision(aTemplate({ env: { A: '1' } }), 'made', 0);
    const ids = [
      revision.id,
      ...[restarted(revision, 1), restarted(revision, 2), restarted(other, 1)].map(({ id }) => id),
    ];
    expect(new Set(ids).size).toBe(4);
    expect(ids.every((id) => /^[0-9a-f]{8}$/.test(id))).toBe(true);
    expect(restarted(revision, 1)).toMatchObject({ template: revision.template, restartedAtMs: 1 });
  });
});
