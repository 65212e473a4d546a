import { canonicalJson } from './canonical.ts';
import { ownEntry } from './own-entry.ts';
import type { ContainerTemplate, Mount, PublishedPort } from './template.ts';

const MAX_VALUE_LENGTH = 60;
/** Of what two long values have in common before the place where they differ. */
const KEPT_PREFIX_LENGTH = 10;

/** A shorter name is no digest, whatever it starts with. */
const MIN_DIGEST_LENGTH = 16;

type Section = Readonly<Record<string, unknown>>;

/** What differs between two templates, one line a field: `env LOG_LEVEL changed INFO → DEBUG`. */
export function differences(before: ContainerTemplate, after: ContainerTemplate): string[] {
  const sections = Object.keys({ ...before, ...after }).sort() as (keyof ContainerTemplate)[];
  return sections.flatMap((section) => {
    if (canonicalJson(before[section]) === canonicalJson(after[section])) return [];
    switch (section) {
      case 'image':
        return [`image changed ${imageText(before.image)} → ${imageText(after.image)}`];
      case 'secretEnv':
        return keyDifferences('env', { before: hidden(before.secretEnv), after: hidden(after.secretEnv) });
      case 'ports':
        return keyDifferences('port', { before: byPort(before.ports), after: byPort(after.ports) });
      case 'mounts':
        return mountDifferences(before.mounts, after.mounts);
      default:
        return valueDifferences(section, before[section], after[section]);
    }
  });
}

function valueDifferences(section: string, before: unknown, after: unknown): string[] {
  if (isPlainMap(before) && isPlainMap(after)) return keyDifferences(section, { before, after });
  return [`${section} ${changed(before, after)}`];
}

function keyDifferences(
  section: string,
  { before, after }: { readonly before: Section; readonly after: Section },
): string[] {
  return Object.keys({ ...before, ...after })
    .sort()
    .filter((key) => canonicalJson(ownEntry(before, key)) !== canonicalJson(ownEntry(after, key)))
    .map((key) => {
      if (!Object.hasOwn(before, key)) return `${section} ${key} added ${shortened(textOf(after[key]))}`;
      if (!Object.hasOwn(after, key)) return `${section} ${key} removed`;
      return `${section} ${key} ${changed(before[key], after[key])}`;
    });
}

/** A value of a secret is known here by its name only; that name is enough to see that it is another. */
const hidden = (secrets: Section): Section =>
  Object.fromEntries(Object.entries(secrets).map(([variable, secret]) => [variable, { secret }]));

const byPort = (ports: readonly PublishedPort[]): Section =>
  Object.fromEntries(
    ports.map((port) => [`${port.containerPort}/${port.protocol}`, `${port.hostIP}:${port.hostPort}`]),
  );

function mountDifferences(before: readonly Mount[], after: readonly Mount[]): string[] {
  const [left, right] = [byTarget(before), byTarget(after)];
  const isNewContent = (mount: Mount): boolean => {
    const old = ownEntry(left, mount.target);
    return (
      old !== undefined &&
      canonicalJson(old) !== canonicalJson(mount) &&
      canonicalJson(withoutContent(old)) === canonicalJson(withoutContent(mount))
    );
  };
  const filled = after.filter(isNewContent).map(({ target }) => target);
  const rest = (mounts: Readonly<Record<string, Mount>>): Section =>
    Object.fromEntries(Object.entries(mounts).filter(([target]) => !filled.includes(target)));
  return [
    ...keyDifferences('mount', { before: rest(left), after: rest(right) }),
    ...filled.map((target) => `mount ${target} has new content`),
  ];
}

const byTarget = (mounts: readonly Mount[]): Readonly<Record<string, Mount>> =>
  Object.fromEntries(mounts.map((mount) => [mount.target, mount]));

/** Where a mount comes from, without the part that is named by its content. */
function withoutContent(mount: Mount): unknown {
  if (mount.type === 'secret') return { ...mount, secret: '' };
  if (mount.type !== 'bind' || mount.contentDigest === undefined) return mount;
  const { contentDigest, source, ...rest } = mount;
  const names = source
    .split('/')
    .map((name) => (contentDigest.startsWith(name.padEnd(MIN_DIGEST_LENGTH, '-')) ? '*' : name));
  return { ...rest, source: names.join('/') };
}

const isPlainMap = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const imageText = ({ reference, id }: ContainerTemplate['image']): string =>
  `${reference} (${id.replace(/^sha256:/, '').slice(0, 12)})`;

function changed(before: unknown, after: unknown): string {
  const [left, right] = [textOf(before), textOf(after)];
  const isLong = left.length > MAX_VALUE_LENGTH || right.length > MAX_VALUE_LENGTH;
  const from = isLong ? Math.max(0, firstDifference(left, right) - KEPT_PREFIX_LENGTH) : 0;
  return `changed ${shortened(left, from)} → ${shortened(right, from)}`;
}

function firstDifference(left: string, right: string): number {
  let index = 0;
  while (index < left.length && left[index] === right[index]) index += 1;
  return index;
}

function shortened(text: string, from = 0): string {
  const end = from + MAX_VALUE_LENGTH;
  return `${from > 0 ? '…' : ''}${text.slice(from, end)}${text.length > end ? '…' : ''}`;
}

const textOf = (value: unknown): string => {
  if (isPlainMap(value) && 'secret' in value && Object.keys(value).length === 1) return '(secret)';
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none');
};
