import { BaseSequencer, type PoolOptions, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import { WarmWorker } from './scripts/warm-worker.ts';

/**
 * The tests of what is mutated, the cheapest first: a mutant dies of the first test that notices it, and of a whole
 * controller's story only if no table did. Nothing here needs Podman, a process or a socket; the simulation is left out.
 */
const ABOUT_THE_CORE = [
  'graph',
  'observed',
  'default-network',
  'canonical',
  'names',
  'holder-template',
  'hold-changes',
  'acts',
  'plan',
  'plan-holder',
  'plan-pods',
  'plan-drift',
  'differences',
  'upgrade-record',
  'act-answers',
  'prune-approval',
  'ignore-file',
  'agent-aims',
  'agent-status',
  'agent-enter',
  'agent-failing',
  'agent-judge',
  'agent-judge-beside',
  'agent-decisions',
  'resolve-agent',
  'agent-acts',
  'machine',
  'merge-desired',
  'crash-budget',
  'prepare-first',
  'way-back',
  'lost-state',
  'holder-recovery',
  'collection',
  'agent-lifecycle',
  'rollout-acts',
  'rollout-limit',
  'sync-windows',
  'shared-kinds',
  'agent-recovery',
  'agent-strategies',
  'rollback-dependents',
].map((name) => `test/${name}.test.ts`);

class CheapestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const cost = ({ moduleId }: TestSpecification) =>
      ABOUT_THE_CORE.findIndex((name) => moduleId.endsWith(name));
    return [...files].sort((a, b) => cost(a) - cost(b));
  }
}

const warmPool = { name: 'warm', createPoolWorker: (options: PoolOptions) => new WarmWorker(options) };

export default defineConfig({
  plugins: [
    {
      // Stryker's runner insists on threads; its mutants are switched by what Vitest provides to a run, not by the thread.
      name: 'warm-worker',
      configureVitest: ({ project }) => {
        Object.assign(project.config, { pool: warmPool.name, poolRunner: warmPool });
      },
    },
  ],
  test: {
    include: ABOUT_THE_CORE,
    testTimeout: 30_000,
    // One worker for all files of a mutant: to load the core anew for each of them cost more than the tests.
    isolate: false,
    experimental: { fsModuleCache: true },
    sequence: { sequencer: CheapestFirst },
  },
});
