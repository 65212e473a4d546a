import { defineConfig } from 'vitest/config';

const REAL_PODMAN = ['test/contract/**/*.test.ts', 'test/e2e/**/*.test.ts'];

/** What runs without Podman goes first and in parallel; what shares one Podman and its ports goes one by one. */
export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'controllers/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      // A floor: raised when coverage grows, never lowered.
      thresholds: {
        'src/plan/**': { branches: 97 },
        'src/state/**': { branches: 96 },
        'controllers/**': { branches: 95 },
      },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: REAL_PODMAN,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'podman',
          include: REAL_PODMAN,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
