import { canonicalJson, HASH_VERSION, hashOf } from './canonical.ts';
import type { Revision } from './record.ts';
import type { ContainerTemplate } from './template.ts';

/** The part of a template whose change needs a new container; networks are connected in place. */
function identityOf(template: ContainerTemplate): unknown {
  const { network, image, ...rest } = template;
  return { ...rest, image: image.id, network: network.mode === 'bridge' ? { mode: 'bridge' } : network };
}

/**
 * What an agent asks for before its image is known by id: two templates of one wish differ only in the image that
 * a tag pointed at.
 */
export function wishHash(template: ContainerTemplate): string {
  const { image, ...rest } = template;
  return hashOf({ ...(identityOf({ image, ...rest }) as object), image: image.reference });
}

export const revisionId = (template: ContainerTemplate): string => hashOf(identityOf(template)).slice(0, 8);

export function createRevision(template: ContainerTemplate, cause: string, nowMs: number): Revision {
  return {
    id: revisionId(template),
    hashVersion: HASH_VERSION,
    template,
    createdAtMs: nowMs,
    cause,
    outcome: 'Pending',
  };
}

const MAX_VALUE_LENGTH = 60;

/** What differs between two templates, one line a field: `env LOG_LEVEL changed INFO → DEBUG`. */
export function differences(before: ContainerTemplate, after: ContainerTemplate): string[] {
  const sections = Object.keys({ ...before, ...after }).sort() as (keyof ContainerTemplate)[];
  return sections.flatMap((section) => sectionDifferences(section, before[section], after[section]));
}

function sectionDifferences(section: string, before: unknown, after: unknown): string[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (section === 'image') return [`image changed ${imageText(before)} → ${imageText(after)}`];
  if (section === 'secretEnv') return keyDifferences('env', before, after, () => '(secret)');
  if (isPlainMap(before) && isPlainMap(after)) return keyDifferences(section, before, after, valueText);
  return [`${section} changed ${valueText(before)} → ${valueText(after)}`];
}

function keyDifferences(
  section: string,
  before: unknown,
  after: unknown,
  show: (value: unknown) => string,
): string[] {
  const left = (before ?? {}) as Record<string, unknown>;
  const right = (after ?? {}) as Record<string, unknown>;
  return Object.keys({ ...left, ...right })
    .sort()
    .filter((key) => canonicalJson(left[key]) !== canonicalJson(right[key]))
    .map((key) => {
      if (!(key in left)) return `${section} ${key} added ${show(right[key])}`;
      if (!(key in right)) return `${section} ${key} removed`;
      return `${section} ${key} changed ${show(left[key])} → ${show(right[key])}`;
    });
}

const isPlainMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function imageText(value: unknown): string {
  const image = value as ContainerTemplate['image'] | undefined;
  return image ? `${image.reference} (${image.id.replace(/^sha256:/, '').slice(0, 12)})` : 'none';
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none');
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}
