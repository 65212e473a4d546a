import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import type { Span } from './text.ts';

/** A value of a document with its place in the file; runs beside the constructed value. */
export interface SourceNode {
  readonly span: Span;
  readonly entries: readonly SourceEntry[];
  /** Its entries but for merges, the last of those with one key: a mapping may have a hundred thousand. */
  readonly own: ReadonlyMap<string, SourceEntry>;
  readonly items: readonly SourceNode[];
  /** Characters and nodes below it with every alias written out: what an alias bomb explodes. */
  readonly weight: number;
}

export interface SourceEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly isMerge: boolean;
  readonly node: SourceNode;
}

/** A structural error of a document, found while its nodes were laid out. */
export interface NodeError {
  readonly span: Span;
  readonly message: string;
}

export interface NodeTree {
  readonly root: SourceNode | undefined;
  readonly errors: readonly NodeError[];
  /** Why no value can be made of it. */
  readonly fatal?: NodeError;
}

interface OpenNode extends SourceNode {
  span: Span;
  readonly kind: 'mapping' | 'sequence';
  readonly entries: SourceEntry[];
  readonly items: SourceNode[];
  readonly own: Map<string, SourceEntry>;
  readonly anchor: string | undefined;
  pendingKey: Omit<SourceEntry, 'node'> | undefined;
  weight: number;
}

interface Layout {
  readonly text: string;
  readonly stack: OpenNode[];
  readonly anchors: Map<string, SourceNode | 'open'>;
  readonly errors: NodeError[];
  root: SourceNode | undefined;
  fatal: NodeError | undefined;
}

/** Of everything that is no mapping; one for all, because there may be millions. */
export const NO_KEYS: ReadonlyMap<string, SourceEntry> = new Map();

/** A node costs this many characters' worth of work even when it is empty. */
const NODE_WEIGHT = 8;

/** Lays out the nodes of one document's events (without its own document and closing events). */
export function layoutNodes(events: readonly Event[], text: string): NodeTree {
  const layout: Layout = {
    text,
    stack: [],
    anchors: new Map(),
    errors: [],
    root: undefined,
    fatal: undefined,
  };
  for (const event of events) layoutEvent(layout, event);
  const { root, errors, fatal } = layout;
  return { root, errors, ...(fatal && { fatal }) };
}

function layoutEvent(layout: Layout, event: Event): void {
  switch (event.type) {
    case EVENT_ID.SCALAR:
      return addScalar(layout, event);
    case EVENT_ID.ALIAS:
      return addAlias(layout, { start: event.anchorStart, end: event.anchorEnd });
    case EVENT_ID.MAPPING:
      return open(layout, 'mapping', event);
    case EVENT_ID.SEQUENCE:
      return open(layout, 'sequence', event);
    case EVENT_ID.POP:
      return close(layout);
    default:
  }
}

const anchorOf = (text: string, event: { anchorStart: number; anchorEnd: number }): string | undefined =>
  event.anchorStart < 0 ? undefined : text.slice(event.anchorStart, event.anchorEnd);

function addScalar(layout: Layout, event: ScalarEvent): void {
  const value = getScalarValue(layout.text, event);
  const node = leaf(scalarSpan(event), NODE_WEIGHT + value.length);
  const anchor = anchorOf(layout.text, event);
  if (anchor !== undefined) layout.anchors.set(anchor, node);
  const parent = layout.stack.at(-1);
  if (parent?.kind === 'mapping' && !parent.pendingKey) {
    const isMerge = event.style === SCALAR_STYLE.PLAIN && value === '<<';
    // An empty key has no place of its own.
    const keySpan = node.span.start < 0 ? parent.span : node.span;
    openEntry(layout, parent, { key: value, keySpan, isMerge });
  } else add(layout, node);
}

const NOTHING: readonly never[] = [];

export const leaf = (span: Span, weight: number): SourceNode => ({
  span,
  entries: NOTHING,
  own: NO_KEYS,
  items: NOTHING,
  weight,
});

/** A value such as that of `--- !!str` has no place of its own: it then gets that of what it is in. */
export const placed = (node: SourceNode, around: Span): SourceNode =>
  node.span.start < 0 ? { ...node, span: around } : node;

/** Quotes belong to the value that people see; an empty value has no place of its own. */
function scalarSpan(event: ScalarEvent): Span {
  const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
  const margin = quoted ? 1 : 0;
  return { start: event.valueStart - margin, end: event.valueEnd + margin };
}

function openEntry(layout: Layout, parent: OpenNode, entry: Omit<SourceEntry, 'node'>): void {
  if (!entry.isMerge && parent.own.has(entry.key))
    layout.errors.push({ span: entry.keySpan, message: `the key "${entry.key}" is there twice` });
  // The schema library passes over it in silence.
  if (entry.key === '__proto__')
    layout.errors.push({ span: entry.keySpan, message: 'a key cannot be called "__proto__"' });
  parent.pendingKey = entry;
}

function addAlias(layout: Layout, span: Span): void {
  const name = layout.text.slice(span.start, span.end);
  const target = layout.anchors.get(name);
  if (target === 'open')
    layout.fatal = { span, message: `the alias "*${name}" lies within what it stands for` };
  const known = typeof target === 'object' ? target : undefined;
  add(layout, known ?? leaf(span, NODE_WEIGHT));
}

function open(
  layout: Layout,
  kind: OpenNode['kind'],
  event: { start: number; anchorStart: number; anchorEnd: number },
): void {
  const anchor = anchorOf(layout.text, event);
  if (anchor !== undefined) layout.anchors.set(anchor, 'open');
  const span = { start: event.start, end: event.start + 1 };
  const node = { kind, span, anchor, entries: [], items: [], own: new Map(), pendingKey: undefined };
  layout.stack.push({ ...node, weight: NODE_WEIGHT });
}

function close(layout: Layout): void {
  const node = layout.stack.pop();
  if (!node) return;
  if (node.anchor !== undefined) layout.anchors.set(node.anchor, node);
  add(layout, node);
}

function add(layout: Layout, node: SourceNode): void {
  const parent = layout.stack.at(-1);
  if (!parent) {
    layout.root = node;
    return;
  }
  parent.weight += node.weight;
  if (parent.kind === 'sequence') parent.items.push(node);
  else if (parent.pendingKey) {
    const entry = { ...parent.pendingKey, node };
    parent.entries.push(entry);
    if (!entry.isMerge) parent.own.set(entry.key, entry);
    parent.pendingKey = undefined;
  }
}

export type FieldPath = readonly PropertyKey[];

export interface Place {
  /** Where the field's value stands; that of the nearest field above it when it is not written there. */
  readonly value: Span;
  /** The innermost key that leads to it. */
  readonly key?: Span;
  readonly isWritten: boolean;
}

export function locate(root: SourceNode, path: FieldPath): Place {
  let place: Place = { value: root.span, isWritten: true };
  let node = root;
  for (const step of path) {
    const entry = findEntry(node, String(step));
    const next = entry?.node ?? node.items[Number(step)];
    if (!next) return { ...place, isWritten: false };
    const key = entry?.keySpan ?? place.key;
    // A value such as that of `ports:` with nothing behind it has no place of its own.
    place = {
      value: next.span.start < 0 ? (key ?? place.value) : next.span,
      isWritten: true,
      ...(key && { key }),
    };
    node = next;
  }
  return place;
}

/** Later merges do not override earlier ones, and none overrides a key that is written out. */
export function findEntry(node: SourceNode, key: string): SourceEntry | undefined {
  const own = node.own.get(key);
  if (own) return own;
  for (const { node: merged, isMerge } of node.entries) {
    if (!isMerge) continue;
    for (const source of [merged, ...merged.items]) {
      const found = findEntry(source, key);
      if (found) return found;
    }
  }
  return undefined;
}
