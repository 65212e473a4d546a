import type { Random } from '../fakes/random.ts';

/** Bytes as text of Latin-1, one character each: mutations may break UTF-8, and slices are cheap. */
export type Document = string;

export const bytesOf = (document: Document): Uint8Array => Buffer.from(document, 'latin1');
export const documentOf = (bytes: Uint8Array): Document => Buffer.from(bytes).toString('latin1');

const MOST_STEPS = 3;
const LONGEST = 16 * 1024;
/** Nesting, keys and lists that go on and on: rarely, because each costs as much as a hundred others. */
const LONGEST_REPEATED = 256 * 1024;

type Mutation = (document: Document, random: Random, others: readonly Document[]) => Document;

/** A document made of another: a few small changes, some of them pieces of others. */
export function mutate(document: Document, random: Random, others: readonly Document[]): Document {
  let mutant = document;
  for (let steps = random.int(1, MOST_STEPS); steps > 0; steps -= 1)
    mutant = random.pick(MUTATIONS)(mutant, random, others);
  return random.chance(0.002) ? repeat(mutant, random) : mutant.slice(0, LONGEST);
}

const utf8 = (text: string): Document => documentOf(Buffer.from(text));

/** What YAML, JavaScript, shells and terminals treat as more than text. */
const TOKENS = [
  '---\n',
  '...\n',
  '%YAML 1.2\n',
  '&a ',
  '*a',
  '<<: *a\n',
  '<<: {}\n',
  '? ',
  ': ',
  '- ',
  '!!binary ',
  '!!str ',
  '!!set ',
  '!<tag:x,2:y> ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '|',
  '|2-\n',
  '>',
  '#',
  '\t',
  '\r',
  '\r\n',
  '\n',
  '\n\n  ',
  '    ',
  '~',
  'null',
  'true',
  '.inf',
  '-.inf',
  '.nan',
  '0x7fffffffffffffff',
  '1e400',
  '-0',
  '9007199254740993',
  '0o777',
  '0644',
  '1_000',
  '1:30',
  '2001-12-14',
  '999999999999999999999999P',
  '-1',
  '1.5',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'metadata: {name: constructor}',
  'key: constructor',
  'optional: true',
  '\u0000',
  '\u0007',
  '\u001b[2J',
  '\u001b]0;x\u0007',
  '\u009b31m',
  '\u0085',
  '\u2028',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\ud83d\ude80',
  'e\u0301',
  '\\0',
  '\\x1b',
  '\\u202e',
  '\\UFFFFFFFF',
  '\\',
  '$(id)',
  '`id`',
  '; rm -rf /',
  '../',
  '../../etc/passwd',
  '/',
  '//',
  'a'.repeat(64),
  'A',
  '-',
  '.',
  '..',
  '%s%n',
  '${HOME}',
  'kind: Agent\n',
  'kind: Secret\n',
  'kind: ConfigMap\n',
  'kind: List\nitems:\n- ',
  'apiVersion: v1\n',
  'apiVersion: rookery.dev/v1alpha1\n',
  'spec:\n',
  'metadata: {name: a}\n',
  'image: x\n',
  'env: [{name: A, value: b}]',
  'envFrom: [{configMapRef: {name: c}}]',
  'dependsOn: [{name: a}]',
  'volumes: [{name: v, hostPath: {path: __proto__}}]',
  'volumeMounts: [{name: v, mountPath: /m}]',
  'resources: {limits: {memory: 1e999}}',
  'ports: [{name: p, containerPort: 1, hostPort: 2}]',
  'networks: [n]',
  'podGroup: g',
  'hostNetwork: true',
  'secretKeyRef: {name: s, key: k}',
].map(utf8);

const at = (document: Document, random: Random): number => random.int(0, document.length);

function range(document: Document, random: Random, longest: number): [number, number] {
  const start = at(document, random);
  return [start, Math.min(document.length, start + random.int(1, longest))];
}

const insert = (document: Document, index: number, text: Document): Document =>
  document.slice(0, index) + text + document.slice(index);

/** Changes one line; the whole, in its order, stays what it was. */
function onLines(
  document: Document,
  random: Random,
  change: (lines: string[], index: number) => void,
): Document {
  const lines = document.split('\n');
  change(lines, random.int(0, lines.length - 1));
  return lines.join('\n');
}

const piece = (random: Random, others: readonly Document[]): Document => {
  const other = random.pickAny(others) ?? '';
  return other.slice(...range(other, random, 200));
};

const token = (random: Random): Document => random.pickAny(TOKENS) ?? '';

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  (document, random) => insert(document, at(document, random), token(random)),
  (document, random) => insert(document, at(document, random), String.fromCharCode(random.int(0, 255))),
  (document, random, others) => insert(document, at(document, random), piece(random, others)),
  (document, random) => {
    const [start, end] = range(document, random, 40);
    return document.slice(0, start) + document.slice(end);
  },
  (document, random) => {
    const [start, end] = range(document, random, 200);
    return insert(document, at(document, random), document.slice(start, end));
  },
  (document, random) => {
    const index = at(document, random);
    const flipped = (document.charCodeAt(index) || 0) ^ (1 << random.int(0, 7));
    return document.slice(0, index) + String.fromCharCode(flipped) + document.slice(index + 1);
  },
  (document, random) => onLines(document, random, (lines, index) => lines.splice(index, 1)),
  (document, random) =>
    onLines(document, random, (lines, index) => lines.splice(index, 0, lines[index] ?? '')),
  (document, random, others) =>
    onLines(document, random, (lines, index) => {
      const theirs = (random.pickAny(others) ?? '').split('\n');
      lines.splice(index, 0, random.pickAny(theirs) ?? '');
    }),
  (document, random) =>
    onLines(document, random, (lines, index) => {
      const line = lines[index] ?? '';
      lines[index] = random.chance(0.5) ? ` ${line}` : line.slice(1);
    }),
  (document, random) =>
    onLines(document, random, (lines, index) => {
      lines[index] = (lines[index] ?? '').replace(/([:-] ).*$/, (_, mark: string) => mark + token(random));
    }),
  (document, random) =>
    onLines(document, random, (lines, index) => {
      lines[index] = (lines[index] ?? '').replace(/\d+/, () => random.pick(NUMBERS));
    }),
];

const NUMBERS: readonly [string, ...string[]] = [
  '0',
  '1',
  '-1',
  '65535',
  '65536',
  '2147483648',
  '9007199254740993',
  '1e309',
  '00',
  '07',
];

function repeat(document: Document, random: Random): Document {
  const [start, end] = range(document, random, 60);
  const chunk = document.slice(start, end) || ' ';
  const times = random.int(1, Math.floor(LONGEST_REPEATED / chunk.length));
  return insert(document, end, chunk.repeat(times)).slice(0, LONGEST_REPEATED);
}
