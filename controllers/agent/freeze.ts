import type { Operation, Plan } from '../../src/plan/operation.ts';

/** While the manifests cannot be read nothing is made and nothing removed; what crashed is still started again. */
export function freeze(plan: Plan): Plan {
  const made = new Set(plan.operations.filter(({ type }) => type === 'CreateContainer').map(nameOf));
  const allowed = plan.operations.filter(
    (operation) => ALLOWED.has(operation.type) && !made.has(nameOf(operation)),
  );
  return { operations: allowed };
}

const ALLOWED: ReadonlySet<Operation['type']> = new Set([
  'StartContainer',
  'StopContainer',
  'CheckPort',
  'CaptureLogs',
]);

const nameOf = (operation: Operation): string | undefined =>
  'name' in operation ? operation.name : undefined;
