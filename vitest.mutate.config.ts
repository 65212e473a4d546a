import { readdirSync, readFileSync } from 'node:fs';
import { BaseSequencer, type PoolOptions, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import { WarmWorker } from './scripts/warm-worker.ts';

const CALLS_THE_CORE = /^import (?!type\b)[^;]*from '\.\.\/(src\/(plan|state)|controllers\/agent)\//m;

/** They call it too, among files, processes or for minutes. */
const TOO_SLOW = new Set([
  'agent-model',
  'hostile-manifests',
  'manifest-errors',
  'observer',
  'secrets-in-git',
]);

/** The loop of one agent in a world of fakes: it goes through most of the core, so a table should have the first word. */
const LOOPS = ['agent-requests', 'agent-loop-end', 'agent-loop-others', 'agent-loop'];

/** Whole controllers on a simulated clock, the cheapest first. */
const STORIES = [
  'prune-approval',
  'merge-desired',
  'immutable-fields',
  'image-timeouts',
  'exclusive-volume',
  'refused-secret',
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
  'strategy-acts',
  'staged-rollout',
  'pod-group-rollout',
];

const IS_NO_TABLE: ReadonlySet<string> = new Set([...TOO_SLOW, ...LOOPS, ...STORIES]);

const tests = new URL('test/', import.meta.url);
const tables = readdirSync(tests)
  .filter(
    (file) => file.endsWith('.test.ts') && CALLS_THE_CORE.test(readFileSync(new URL(file, tests), 'utf8')),
  )
  .map((file) => file.slice(0, -'.test.ts'.length))
  .filter((name) => !IS_NO_TABLE.has(name));

/**
 * Tables, then loops, then stories: a mutant dies of the first test that notices it, and of a whole controller's story
 * only if nothing cheaper did. Nothing here needs Podman, a process or a socket; the simulation is left out.
 */
const FILES = [...tables, ...LOOPS, ...STORIES].map((name) => `test/${name}.test.ts`);

class CheapestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => FILES.findIndex((name) => moduleId.endsWith(name));
    return [...files].sort((a, b) => placeOf(a) - placeOf(b));
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
    include: FILES,
    testTimeout: 30_000,
    // One worker for all files of a mutant: to load the core anew for each of them cost more than the tests.
    isolate: false,
    experimental: { fsModuleCache: true },
    sequence: { sequencer: CheapestFirst },
  },
});
