import { describe, expect, test } from 'vitest';
import { loadText } from '../src/source/load.ts';
import { formatProblem } from '../src/state/format-problem.ts';

const agent = (spec: string, rest = '') => `apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: a}
spec:
  image: x
${spec}
${rest}`;

const errors = (text: string) => loadText('a.yaml', text).problems.map(formatProblem);

describe('an error names its place and what to do', () => {
  test('a wrong type, under the value', () => {
    expect(errors(agent('  ports:\n    - {containerPort: 80, hostPort: "80a"}'))).toEqual([
      [
        'a.yaml:7:37: spec.ports[0].hostPort: must be a number, is the text "80a"',
        '    7 |     - {containerPort: 80, hostPort: "80a"}',
        '                                            ^^^^^',
      ].join('\n'),
    ]);
  });

  test.each([
    [
      'an unknown field',
      '  contianerPort: 1\n  imagePulPolicy: Never',
      'a.yaml:7:3: spec.imagePulPolicy: unknown field (did you mean "imagePullPolicy"?)',
    ],
    [
      'an enum value',
      '  restartPolicy: always',
      'spec.restartPolicy: must be one of Always, OnFailure or Never, is the text "always" (did you mean "Always"?)',
    ],
    [
      'a number where a text belongs',
      '  env: [{name: A, value: 5}]',
      'spec.env[0].value: must be a text, is the number 5; in quotes it is a text: "5"',
    ],
    ['a bound', '  layer: 9', 'spec.layer: must be at most 3, is the number 9'],
    [
      'a port in the branch of a union that was meant',
      '  livenessProbe: {tcpSocket: {port: 99999}}',
      'spec.livenessProbe.tcpSocket.port: must be at most 65535, is the number 99999',
    ],
    [
      'a required field, at the mapping it misses from',
      '  dependsOn:\n    - condition: Started',
      'a.yaml:6:3: spec.dependsOn[0].name: is required (a text)',
    ],
    [
      'a key that is there twice',
      '  replicas: 1\n  replicas: 2',
      'a.yaml:7:3: the key "replicas" is there twice',
    ],
    [
      'a volume mount without its volume',
      '  volumeMounts: [{name: q, mountPath: /q}]',
      'spec.volumeMounts[0].name: no volume "q" in spec.volumes',
    ],
  ])('%s', (_what, spec, expected) => {
    expect(errors(agent(spec)).join('\n')).toContain(expected);
  });

  test('all errors of all documents at once, in their order', () => {
    const text = `${agent('  layer: x\n  imag: y')}---\nkind: Agnet\n---\nkind: Agent\nspec: [\n---\n- 1\n`;
    expect(errors(text).map((error) => error.split('\n')[0])).toEqual([
      'a.yaml:6:10: spec.layer: must be a number, is the text "x"',
      'a.yaml:7:3: spec.imag: unknown field (did you mean "image"?)',
      expect.stringMatching(/^a.yaml:9:7: kind: unknown kind "Agnet"; .*\(did you mean "Agent"\?\)$/),
      'a.yaml:13:1: not valid YAML: deficient indentation',
      'a.yaml:14:1: must be a mapping with apiVersion, kind, metadata and spec',
    ]);
  });

  test('control characters of a manifest never reach a terminal', () => {
    const text = agent('  layer: "\\e[31m\u202e"\n  restartPolicy: "\u202eAlways"');
    expect(errors(text).join('').replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });

  test('a one-line JSON file gets a snippet of readable width', () => {
    const json = JSON.stringify({
      apiVersion: 'rookery.dev/v1alpha1',
      kind: 'Agent',
      metadata: { name: 'a' },
      spec: { image: 'x', command: Array(100).fill('word'), layr: 1 },
    });
    const [error = ''] = errors(json);
    const [, line = '', caret = ''] = error.split('\n');
    expect(line.length).toBeLessThan(120);
    expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('"layr"');
  });
});

describe('a file that is wrong in thousands of places takes no longer than one that is right', () => {
  const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n';
  const lines = (line: (index: number) => string) =>
    configMap + Array.from({ length: 8_000 }, (_, index) => line(index)).join('');
  const timed = (text: string): string[] => {
    const startedAt = performance.now();
    const found = errors(text);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    return found;
  };

  test.each([
    ['values', lines((index) => `  k${index}: 1\n`)],
    ['names of keys', lines((index) => `  k ${index}: "1"\n`)],
    ['fields', agent(Array.from({ length: 8_000 }, (_, index) => `  k${index}: 1\n`).join(''))],
  ])('%s: the first are told', (_what, text) => {
    const found = timed(text);
    expect(found).toHaveLength(51);
    expect(found.join('\n')).toContain('there are more errors than these 50');
  });

  test('keys that are there twice', () => {
    expect(timed(lines(() => '  k: "1"\n'))).toHaveLength(50);
  });

  test('documents are counted before they are read', () => {
    expect(timed('---\na\n'.repeat(5_000))).toEqual([
      expect.stringContaining('more than 5000 documents, the most that is read of one file'),
    ]);
  });
});

describe('what is right although it looks unusual', () => {
  test.each([
    ['a field with nothing behind it is not set, as in Kubernetes', agent('  command:\n  env:')],
    ['merge keys', agent('  env:\n    - &a {name: A, value: b}\n    - {<<: *a, name: B}')],
    [
      'JSON with tabs',
      JSON.stringify(
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'b' } },
        null,
        '\t',
      ),
    ],
    ['Windows line ends and a byte order mark', `\ufeff${agent('').replaceAll('\n', '\r\n')}`],
    [
      'a List',
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n',
    ],
    ['empty documents', `---\n# nothing\n---\n${agent('')}---\n`],
  ])('%s', (_what, text) => {
    const loaded = loadText('a.yaml', text);
    expect(loaded.problems).toEqual([]);
    expect(loaded.objects).toHaveLength(1);
  });

  test('a file mode with a leading zero is octal, as kubectl reads it', () => {
    const text = agent('  volumes: [{name: c, configMap: {name: c, defaultMode: 0644}}]');
    const [loaded] = loadText('a.yaml', text).objects;
    expect(loaded?.object.manifest).toMatchObject({
      spec: { volumes: [{ configMap: { defaultMode: 0o644 } }] },
    });
  });

  test('a position is that of the alias target or merged field', () => {
    const text = agent('  env:\n    - &a {name: A, value: 5}\n    - {<<: *a, name: B}');
    expect(errors(text).map((error) => error.split(':').slice(1, 3).join(':'))).toEqual(['7:27', '7:27']);
  });
});

describe('hostile input ends in a problem', () => {
  test('an alias bomb', () => {
    const levels = Array.from(
      { length: 20 },
      (_, level) => `  l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
    );
    const text = `kind: Agent\nbomb:\n  l0: &l0 [x]\n${levels.join('\n')}\n`;
    const loaded = loadText('a.yaml', text);
    expect(loaded.problems.map(({ message }) => message)).toEqual([
      'not valid YAML: its aliases expand to far more than the file',
    ]);
    expect(loaded.hidesObjects).toBe(true);
  });

  test.each([
    ['many aliases', `a: &a 1\nb: [${Array(1000).fill('*a').join(', ')}]`, /maxAliases/],
    ['an alias of itself', 'kind: Agent\nspec: &s {x: *s}', /lies within/],
    ['deep nesting', '['.repeat(10_000), /maxDepth/],
    ['an unknown tag', 'kind: !!js/function "x"', /tag/],
    ['an unknown alias', 'kind: *nope', /alias/],
  ])('%s', (_what, text, message) => {
    const { problems, hidesObjects } = loadText('a.yaml', text);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(message);
    expect(hidesObjects).toBe(true);
  });

  test('a key named __proto__ is an unknown field like any other', () => {
    expect(errors(agent('  __proto__: {image: y}')).join()).toContain('__proto__');
    expect(({} as Record<string, unknown>)['image']).toBeUndefined();
  });
});

test.each(['data', 'binaryData'])('an entry of %s called __proto__ is told, not dropped', (field) => {
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n${field}: {__proto__: QQ==}\n`;
  expect(errors(text)[0]).toContain('a key cannot be called "__proto__"');
});

describe('the values of a Secret stay out of every message', () => {
  const head = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n';
  test.each([
    ['a wrong type', `${head}stringData:\n  pin: 77001177\n`],
    ['a value that is no base64', `${head}data: {password: "hunter2!"}\n`],
    ['a value at the wrong place', `${head}password: hunter2\n`],
    ['a value in place of the map', `${head}stringData: hunter2\n`],
    ['broken YAML', `${head}stringData:\n  password: "hunter2\n`],
    ['a value that looks like an alias', `${head}stringData:\n  password: *hunter2\n`],
    ['a value that looks like a tag', `${head}stringData:\n  password: !hunter2 x\n`],
    ['a kind with a typing error', 'kind: Secrets\nstringData: {password: hunter2}\n'],
    ['the same on one line', '{kind: Secrets, stringData: {password: hunter2}}\n'],
    ['a kind of the wrong type', 'kind: [Secret]\nstringData: {password: hunter2}\n'],
    ['a key that is there twice', `${head}stringData: {password: hunter2, password: hunter2}\n`],
    ['one document without its head', `${head}---\nhunter2\n`],
    ['an annotation', head.replace('{name: s}', '{name: s, annotations: {last: [hunter2]}}')],
    [
      'a wrong name beside it',
      `apiVersion: v1\nkind: Secret\nmetadata: {name: S_}\nstringData: {a: hunter2}`,
    ],
    [
      'another object on the same line',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'hunter2' } },
          { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'c' } },
        ],
      }),
    ],
  ])('%s', (_what, text) => {
    const found = errors(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join('\n')).not.toMatch(/hunter2|77001177/);
  });
});
