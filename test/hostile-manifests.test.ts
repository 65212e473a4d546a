import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadText } from '../src/source/load.ts';
import { formatProblem } from '../src/state/format-problem.ts';
import { createRandom } from './fakes/random.ts';
import { judge } from './fuzz/judge.ts';
import { bytesOf, mutate } from './fuzz/mutate.ts';
import { readSeeds } from './fuzz/seeds.ts';

const judgeText = (text: string) => judge(Buffer.from(text));
const agent = (spec: string, name = 'a'): string =>
  `apiVersion: rookery.dev/v1alpha1\nkind: Agent\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const complaints = (text: string): string[] => loadText('x.yaml', text).problems.map(formatProblem);

describe('any document', () => {
  test('mutated from the corpus keeps every promise', { timeout: 120_000 }, async () => {
    const random = createRandom(20_000);
    const seeds = readSeeds();
    let plans = 0;
    for (let count = 0; count < 2_000; count += 1) {
      const judged = await judge(bytesOf(mutate(random.pickAny(seeds) ?? '', random, seeds)));
      plans += judged.plans;
    }
    // Else nothing would be shown of what comes after the reading.
    expect(plans).toBeGreaterThan(20);
  });

  test('bytes of any kind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) => judge(bytes).then(() => {})),
      {
        numRuns: 500,
      },
    );
  });

  test('any value of any shape where a spec belongs', async () => {
    const value = fc.json({ maxDepth: 5, stringUnit: 'binary' });
    await fc.assert(
      fc.asyncProperty(value, (spec) => judgeText(agent(spec)).then(() => {})),
      { numRuns: 500 },
    );
  });

  test('any text as a variable, an argument and a label', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 50 }).map((each) => JSON.stringify(each));
    await fc.assert(
      fc.asyncProperty(text, text, (name, value) =>
        judgeText(agent(`{image: x, env: [{name: ${name}, value: ${value}}], args: [${value}]}`)).then(
          () => {},
        ),
      ),
      { numRuns: 300 },
    );
  });
});

/** Each once threw, hung, or slipped through. */
describe('never again', () => {
  const INHERITED = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];

  test.each(INHERITED)('an optional key called %s is a key that is missing', async (key) => {
    const env = ['configMapKeyRef', 'secretKeyRef'].map(
      (ref, index) => `{name: A${index}, valueFrom: {${ref}: {name: s, key: ${key}, optional: true}}}`,
    );
    const sources = ['ConfigMap', 'Secret'].map(
      (kind) => `apiVersion: v1\nkind: ${kind}\nmetadata: {name: s}\n---\n`,
    );
    const text = `${sources.join('')}${agent(`{image: x, env: [${env.join(', ')}]}`)}`;
    expect(await judgeText(text)).toMatchObject({ problems: 0, plans: 1 });
  });

  test('a memory limit without bound is refused, not told to Podman as none at all', () => {
    const [complaint] = complaints(agent(`{image: x, resources: {limits: {memory: "${'9'.repeat(400)}"}}}`));
    expect(complaint).toContain('is larger than anything that can be counted');
  });

  test.each([
    ['empty lists', `a: [${'[],'.repeat(3_000_000)}]`],
    ['small mappings', `a: [${'{a: 1},'.repeat(1_000_000)}]`],
    ['keys', `kind: ConfigMap\ndata:\n${'  k: ""\n'.repeat(700_000)}`],
  ])('a file that is nothing but %s is refused before anything is made of it', (_what, text) => {
    const start = process.cpuUsage();
    expect(complaints(text)).toEqual([expect.stringContaining('more than 300000 keys, items and lines')]);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(1_000);
  });

  test.each([
    ['a tag', 'kind: Agent\nspec: !<tag:x\n12:00:00 forged\n,2:y> a\n'],
    [
      'a key that is there twice',
      'kind: Agent\n? |\n  a\n  12:00:00 forged\n: 1\n? |\n  a\n  12:00:00 forged\n: 2\n',
    ],
    ['a name of a port', agent('{image: x, readinessProbe: {tcpSocket: {port: "a\\nforged"}}}')],
    ['a name of a volume', agent('{image: x, volumeMounts: [{name: "a\\nforged", mountPath: /m}]}')],
  ])('%s forges no line', (_what, text) => {
    const { problems } = loadText('x.yaml', text);
    expect(problems.filter(({ message }) => /[\n\r\u0085\u2028]/.test(message))).toEqual([]);
    expect(problems).not.toEqual([]);
  });

  test.each([
    '!hunter2^x',
    '!<hunter2^x>',
    '!hunter2!x y',
    '*hunter2',
    '"hunter2',
    '&hunter2 *hunter2',
    '%hunter2',
    '@hunter2',
    '{hunter2',
  ])('a value of a Secret that starts like YAML, %s, is not quoted', (value) => {
    const text = `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  password: ${value}\n`;
    expect(JSON.stringify(loadText('x.yaml', text).problems)).not.toContain('hunter2');
  });

  test('a key that is empty twice has a place', () => {
    expect(complaints('kind: Agent\n: 1\n: 2\n')).toContainEqual(
      expect.stringMatching(/^x\.yaml:1:1: the key ""/),
    );
  });

  test.each(['--- !!str', '--- &a', 'apiVersion: v1\nkind: List\nitems:\n- !!str\n'])(
    '%j has a place',
    (text) => judgeText(text).then(({ objects }) => expect(objects).toBe(0)),
  );

  test('a List counts as many documents as it has items', () => {
    const text = `apiVersion: v1\nkind: List\nitems:\n${'- {}\n'.repeat(5_001)}`;
    expect(complaints(text)).toEqual([expect.stringContaining('more than 5000 documents')]);
  });

  test('a hundred thousand unknown fields are told in a moment', () => {
    const fields = Array.from({ length: 100_000 }, (_, index) => `f${index}: 1`);
    const start = process.cpuUsage();
    expect(complaints(agent(`{image: x, ${fields.join(', ')}}`))).toHaveLength(51);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(3_000);
  });

  test('a circle of a thousand agents is told in short', () => {
    const text = Array.from({ length: 1_000 }, (_, index) =>
      agent(`{image: x, dependsOn: [{name: a${(index + 1) % 1_000}}]}`, `a${index}`),
    ).join('---\n');
    return judgeText(text).then(({ problems }) => expect(problems).toBe(1_000));
  });
});
