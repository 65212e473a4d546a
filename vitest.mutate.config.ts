import { defineConfig } from 'vitest/config';

/** The tests of what is mutated: nothing here needs Podman, a process or a socket, and the simulation is left out. */
const ABOUT_THE_CORE = [
  'act-answers',
  'acts',
  'agent-acts',
  'agent-decisions',
  'agent-lifecycle',
  'agent-recovery',
  'agent-strategies',
  'clock',
  'collection',
  'differences',
  'graph',
  'holder-recovery',
  'ignore-file',
  'lost-state',
  'machine',
  'merge-desired',
  'plan',
  'plan-holder',
  'plan-pods',
  'prepare-first',
  'prune-approval',
  'resolve-agent',
  'rollback-dependents',
  'rollout-acts',
  'rollout-limit',
  'shared-kinds',
  'sync-windows',
  'upgrade-record',
  'way-back',
];

export default defineConfig({
  test: { include: ABOUT_THE_CORE.map((name) => `test/${name}.test.ts`), testTimeout: 30_000 },
});
