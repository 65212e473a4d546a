import type { Query } from './dial.ts';
import type { Labels } from './podman.ts';
import type { WireLabels } from './wire.ts';

export const labelFilter = (labels: Labels): Query => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? {} : { filters: JSON.stringify({ label: pairs }) };
};

/** Some lists of some versions take several labels as alternatives: look again. */
export const hasLabels = (actual: WireLabels | undefined, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => actual?.[name] === value);
