import { decode, isMapping, type SourceDocument } from '../decode.ts';
import type { SourceEntry, SourceNode } from '../nodes.ts';
import { toYaml } from '../to-yaml.ts';
import { SecretError } from './age.ts';

export type Encrypt = (value: Uint8Array) => Promise<string>;
export type Decrypt = (armored: string) => Promise<Uint8Array>;

const INDENT = '  ';
const ARMORED =
  /^([ \t]*)-----BEGIN AGE ENCRYPTED FILE-----\r?\n(?:\1[A-Za-z0-9+/=]+\r?\n)+\1-----END AGE ENCRYPTED FILE-----/gm;

/** Every value of every Secret of a file encrypted; all that is around them stays as it is. */
export const seal = (file: string, text: string, encrypt: Encrypt): Promise<string> =>
  rewrite(file, text, async (document) => {
    const values = { ...decoded(document.value['data']), ...plain(document.value['stringData']) };
    const names = Object.keys(values).sort();
    if (names.length === 0) return undefined;
    const twice = names.find((name) => name in plainTexts(document.value['encryptedData']));
    if (twice !== undefined)
      throw new SecretError(`"${twice}" is there in plain text and encrypted; remove one of the two`);
    const lines: string[] = [];
    for (const name of names) {
      const armored = await encrypt(values[name] ?? new Uint8Array());
      lines.push(`${INDENT}${JSON.stringify(name)}: |`, ...indented(armored));
    }
    return { fields: ['data', 'stringData'], joins: 'encryptedData', lines };
  });

/** The other way round, for somebody who edits them. */
export const unseal = (file: string, text: string, decrypt: Decrypt): Promise<string> =>
  rewrite(file, text, async (document) => {
    const encrypted = Object.entries(plainTexts(document.value['encryptedData']));
    if (encrypted.length === 0) return undefined;
    const values: Record<string, string> = {};
    for (const [name, armored] of encrypted) {
      const bytes = await decrypt(armored);
      values[name] = textOf(bytes, name);
    }
    const lines = toYaml(values)
      .trimEnd()
      .split('\n')
      .map((line) => `${INDENT}${line}`);
    return { fields: ['encryptedData'], joins: 'stringData', lines };
  });

/** Encrypts every encrypted value anew, in its place. */
export async function reseal(text: string, decrypt: Decrypt, encrypt: Encrypt): Promise<string> {
  let result = '';
  let end = 0;
  for (const match of text.matchAll(ARMORED)) {
    const [block, indent = ''] = match;
    const armored = block.replaceAll(/^[ \t]+/gm, '');
    const fresh = await encrypt(await decrypt(armored));
    result += text.slice(end, match.index) + fresh.trimEnd().replaceAll(/^/gm, indent);
    end = match.index + block.length;
  }
  return result + text.slice(end);
}

const indented = (armored: string): string[] =>
  armored
    .trimEnd()
    .split('\n')
    .map((line) => `${INDENT}${INDENT}${line}`);

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SecretError(`the value of ${name} is no text and cannot be edited`);
  }
}

type SecretDocument = SourceDocument & { readonly value: Record<string, unknown> };

interface Replacement {
  /** Fields that go. */
  readonly fields: readonly string[];
  /** The field that the lines belong to. */
  readonly joins: string;
  readonly lines: readonly string[];
}

async function rewrite(
  file: string,
  text: string,
  replace: (document: SecretDocument) => Promise<Replacement | undefined>,
): Promise<string> {
  const { documents, failures } = decode(file, text);
  const [failure] = failures;
  if (failure) throw new SecretError(`${file} cannot be read: ${failure.message}`);
  let result = text;
  // From the end, so that what is before keeps its place.
  for (const document of documents.toReversed()) {
    if (!isSecret(document)) continue;
    const replacement = await replace(document);
    if (replacement) result = replaced(result, document.root, replacement);
  }
  return result;
}

const isSecret = (document: SourceDocument): document is SecretDocument =>
  isMapping(document.value) && document.value['kind'] === 'Secret';

function replaced(text: string, root: SourceNode, { fields, joins, lines }: Replacement): string {
  const going = root.entries.filter(({ key }) => fields.includes(key));
  const there = root.entries.find(({ key }) => key === joins);
  const all = there ? [...going, there] : going;
  if (all.some((entry) => lineStart(text, entry.keySpan.start) !== entry.keySpan.start))
    throw new SecretError(
      'a Secret in a list or on one line cannot be rewritten; give it a document of its own',
    );
  if (
    there &&
    !/^\s*:\s*(#.*)?$/.test(text.slice(there.keySpan.end, lineEnd(text, there.keySpan.end)).trimEnd())
  )
    throw new SecretError(`${joins} must not be on one line; write each entry on a line of its own`);
  const cuts = all
    .map((entry) => ({ entry, start: entry.keySpan.start, end: endOf(text, entry) }))
    .sort((left, right) => right.start - left.start);
  const kept = there ? text.slice(lineEnd(text, there.keySpan.end), endOf(text, there)) : '';
  let result = text;
  for (const [index, { start, end }] of cuts.entries()) {
    const isFirst = index === cuts.length - 1;
    const block = isFirst ? `${joins}:\n${kept}${lines.join('\n')}\n` : '';
    result = result.slice(0, start) + block + result.slice(end);
  }
  return result;
}

const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1;

const lineEnd = (text: string, offset: number): number => {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
};

/** The whole last line of a field: comments and what else follows stay. */
function endOf(text: string, { keySpan, node }: SourceEntry): number {
  const end = Math.max(keySpan.end, lastOf(node));
  return text[end - 1] === '\n' ? end : lineEnd(text, end);
}

const lastOf = ({ span, entries, items }: SourceNode): number =>
  Math.max(span.end, ...entries.map(({ node }) => lastOf(node)), ...items.map(lastOf));

const plainTexts = (value: unknown): Record<string, string> =>
  isMapping(value)
    ? Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      )
    : {};

const plain = (value: unknown): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(plainTexts(value)).map(([name, text]) => [name, Buffer.from(text)]));

const decoded = (value: unknown): Record<string, Uint8Array> =>
  Object.fromEntries(
    Object.entries(plainTexts(value)).map(([name, text]) => [name, Buffer.from(text, 'base64')]),
  );
