/**
 * Both would be written as JSON that reads the same: members that are undefined are not there, and their order does not
 * count. Of plain data only. Mostly the two are one object but for a few of its parts, and to look at those is far less
 * than to write both out.
 */
export function isSameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!isComposite(left) || !isComposite(right)) return false;
  if (Array.isArray(left) || Array.isArray(right))
    return Array.isArray(left) && Array.isArray(right) && areSameItems(left, right);
  return hasAllOf(left, right) && countOf(left) === countOf(right);
}

type Composite = Readonly<Record<string, unknown>>;

const isComposite = (value: unknown): value is Composite => typeof value === 'object' && value !== null;

const areSameItems = (left: readonly unknown[], right: readonly unknown[]): boolean =>
  left.length === right.length && left.every((item, index) => isSameJson(item, right[index]));

function hasAllOf(left: Composite, right: Composite): boolean {
  for (const name of Object.keys(left))
    if (left[name] !== undefined && !(Object.hasOwn(right, name) && isSameJson(left[name], right[name])))
      return false;
  return true;
}

function countOf(value: Composite): number {
  let count = 0;
  for (const name of Object.keys(value)) if (value[name] !== undefined) count += 1;
  return count;
}
