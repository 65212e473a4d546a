import {
  CORE_SCHEMA,
  constructFromEvents,
  defineScalarTag,
  EVENT_ID,
  type Event,
  intCoreTag,
  mergeTag,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import { messageOf } from '../api/errors.ts';
import { kinds } from '../api/kinds.ts';
import { findEntry, layoutNodes, leaf, type NodeError, placed, type SourceNode } from './nodes.ts';
import { type SourceText, type Span, sourceText } from './text.ts';

/** One document of a file: its value, and where each part of it stands. */
export interface SourceDocument {
  readonly value: unknown;
  readonly root: SourceNode;
  readonly source: SourceText;
  /** What is wrong with its YAML although it could be read, such as a key that is there twice. */
  readonly errors: readonly NodeError[];
  /** In one list with something that may hold secrets, and so perhaps on one line with them. */
  readonly isBesideSecrets: boolean;
}

export interface DecodedFile {
  readonly source: SourceText;
  readonly documents: readonly SourceDocument[];
  /** Stretches of the file that could not be read at all, each with why: objects may hide in them. */
  readonly failures: readonly NodeError[];
}

/** Each costs a third of a millisecond, in which no probe is answered. */
const MAX_DOCUMENTS = 5_000;
/** Of nodes, each of which costs microseconds and a kilobyte: ten megabytes of `[],` took 20 s and 3 GB. */
const MAX_STARTERS = 300_000;
const MAX_ALIASES = 256;
const MAX_DEPTH = 64;
/** Aliases may not make a document larger than four times its file and a megabyte: an alias bomb grows by powers. */
const EXPANSION_FACTOR = 4;
const EXPANSION_ALLOWANCE = 1 << 20;

/** YAML 1.2 reads 0644 as six hundred and forty-four; Kubernetes' tools read it as a file mode, and so do people. */
const kubernetesInt = defineScalarTag('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: intCoreTag.implicitFirstChars,
  identify: intCoreTag.identify,
  resolve: (text, isExplicit, tagName) =>
    /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : intCoreTag.resolve(text, isExplicit, tagName),
});
const schema = CORE_SCHEMA.withTags(mergeTag, kubernetesInt);

/** Reads every YAML document (JSON is YAML) of a file; one that is broken does not hide those beside it. */
export function decode(file: string, text: string): DecodedFile {
  const source = sourceText(file, text);
  if (holdsTooMany(text)) return { source, documents: [], failures: [TOO_MANY] };
  if (isTooIntricate(text)) return { source, documents: [], failures: [TOO_INTRICATE] };
  const whole = decodeStretch(source, { start: 0, end: text.length });
  if (whole.failures.length === 0) return whole;
  const stretches = splitDocuments(text);
  if (stretches.length === 1) return whole;
  const parts = stretches.map((stretch) => decodeStretch(source, stretch));
  return {
    source,
    documents: parts.flatMap((part) => part.documents),
    failures: parts.flatMap((part) => part.failures),
  };
}

const TOO_MANY: NodeError = {
  span: { start: 0, end: 1 },
  message: `more than ${MAX_DOCUMENTS} documents, the most that is read of one file`,
};

const TOO_INTRICATE: NodeError = {
  span: { start: 0, end: 1 },
  message: `more than ${MAX_STARTERS} keys, items and lines, the most that is read of one file; split it`,
};

/** Counted before anything is made of the text, and so whether it is quoted or not. */
function isTooIntricate(text: string): boolean {
  const starter = /[[{,\n]|[:?-](?=[ \t])/g;
  let count = 0;
  while (count <= MAX_STARTERS && starter.test(text)) count += 1;
  return count > MAX_STARTERS;
}

function holdsTooMany(text: string): boolean {
  const marker = /^(?:---|\.\.\.)(?=\s|$)/gm;
  let count = 0;
  while (count < MAX_DOCUMENTS && marker.test(text)) count += 1;
  return count === MAX_DOCUMENTS;
}

/** A marker line always ends a document, inside quotes and block texts too, so the cut is safe in broken text. */
function splitDocuments(text: string): Span[] {
  const starts = [0, ...[...text.matchAll(/^---(?=\s|$)/gm)].map((match) => match.index)];
  const ends = [...starts.slice(1), text.length];
  return starts
    .map((start, index) => ({ start, end: ends[index] ?? text.length }))
    .filter(({ start, end }) => end > start);
}

function decodeStretch(source: SourceText, stretch: Span): DecodedFile {
  try {
    const text = source.text.slice(stretch.start, stretch.end);
    const events = parseEvents(text, { filename: source.file, maxDepth: MAX_DEPTH });
    const documents = splitEvents(stretch.start === 0 ? events : shiftEvents(events, stretch.start));
    const parts = documents.map((document) => decodeDocument(source, document));
    return {
      source,
      documents: parts.filter((part) => 'root' in part),
      failures: parts.filter((part) => 'message' in part),
    };
  } catch (error) {
    return { source, documents: [], failures: [failureOf(error, stretch.start)] };
  }
}

const OFFSETS = new Set([
  'start',
  'valueStart',
  'valueEnd',
  'anchorStart',
  'anchorEnd',
  'tagStart',
  'tagEnd',
]);

/** Makes offsets into a stretch offsets into its file; -1 means absent and stays. */
const shiftEvents = (events: readonly Event[], by: number): Event[] =>
  events.map((event) => {
    const fields = Object.entries(event as unknown as Record<string, unknown>);
    const shifted = fields.map(([name, value]) =>
      OFFSETS.has(name) && typeof value === 'number' && value >= 0 ? [name, value + by] : [name, value],
    );
    return Object.fromEntries(shifted) as Event;
  });

/** Each document's events, its own opening and closing ones included. */
function splitEvents(events: readonly Event[]): Event[][] {
  const starts = events.flatMap((event, index) => (event.type === EVENT_ID.DOCUMENT ? [index] : []));
  return starts.map((start, index) => events.slice(start, starts[index + 1]));
}

function decodeDocument(source: SourceText, events: Event[]): SourceDocument | NodeError {
  const { root, errors, fatal } = layoutNodes(events.slice(1, -1), source.text);
  if (fatal) return fatal;
  if (!root) return emptyDocument(source);
  const limit = source.text.length * EXPANSION_FACTOR + EXPANSION_ALLOWANCE;
  if (root.weight > limit)
    return { span: root.span, message: 'its aliases expand to far more than the file' };
  try {
    const options = { source: source.text, filename: source.file, schema, maxAliases: MAX_ALIASES };
    // `json` takes the last of two equal keys: they are in `errors` already, and the object can still be named.
    const [value] = constructFromEvents(events, { ...options, json: true });
    return { value, root: placed(root, { start: 0, end: 0 }), source, errors, isBesideSecrets: false };
  } catch (error) {
    return failureOf(error);
  }
}

const emptyDocument = (source: SourceText): SourceDocument => ({
  value: null,
  root: leaf({ start: 0, end: 0 }, 0),
  source,
  errors: [],
  isBesideSecrets: false,
});

function failureOf(error: unknown, shift = 0): NodeError {
  if (!(error instanceof YAMLException))
    return { span: { start: shift, end: shift + 1 }, message: messageOf(error) };
  const start = (error.mark?.position ?? 0) + shift;
  return { span: { start, end: start + 1 }, message: error.reason };
}

/** The items of a `v1` List stand for themselves, as `kubectl get -o yaml` writes them; each counts as a document. */
export function expandLists(file: DecodedFile): DecodedFile {
  const count = file.documents.reduce((sum, { value }) => sum + (itemsOf(value)?.length ?? 1), 0);
  if (count > MAX_DOCUMENTS) return { source: file.source, documents: [], failures: [TOO_MANY] };
  return { ...file, documents: file.documents.flatMap(expandList) };
}

const itemsOf = (value: unknown): readonly unknown[] | undefined =>
  isMapping(value) && value['kind'] === 'List' && Array.isArray(value['items']) ? value['items'] : undefined;

function expandList(document: SourceDocument): SourceDocument[] {
  const { value, root } = document;
  const values = itemsOf(value);
  if (!values) return [document];
  const items = findEntry(root, 'items')?.node.items ?? [];
  const isBesideSecrets = !values.every(isPublic);
  return values.map((item: unknown, index) => ({
    ...document,
    isBesideSecrets,
    value: item,
    root: placed(items[index] ?? root, root.span),
    errors: index === 0 ? document.errors : [],
  }));
}

/** Only a kind that is known, and not a Secret, may show its values: a misspelt Secret holds secrets all the same. */
export const isPublic = (value: unknown): boolean =>
  isMapping(value) &&
  typeof value['kind'] === 'string' &&
  Object.hasOwn(kinds, value['kind']) &&
  value['kind'] !== 'Secret';

export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
