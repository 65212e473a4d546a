import type { Operation, Plan } from '../../src/plan/operation.ts';

/**
 * While the manifests cannot be read nothing is made and nothing removed; what crashed is still started again, and gets
 * its traffic back. Of a plan that only looks nothing is left: it changes nothing, and would be made again at once.
 */
export function freeze(plan: Plan): Plan {
  const made = new Set(plan.operations.filter(({ type }) => MAKES.has(type)).map(nameOf));
  const allowed = plan.operations.filter(
    (operation) => ALLOWED.has(operation.type) && !made.has(nameOf(operation)),
  );
  return { operations: allowed.every(({ type }) => type === 'CheckPort') ? [] : allowed };
}

/** What these make is started by its name in the same plan. */
const MAKES: ReadonlySet<Operation['type']> = new Set(['CreateContainer', 'CreateHolder']);

const ALLOWED: ReadonlySet<Operation['type']> = new Set([
  'StartContainer',
  'StopContainer',
  'RouteTraffic',
  'CheckPort',
  'CaptureLogs',
]);

const nameOf = (operation: Operation): string | undefined =>
  'name' in operation ? operation.name : undefined;
