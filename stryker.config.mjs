export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutate.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  mutate: ['src/plan/**/*.ts', 'src/state/**/*.ts', 'controllers/agent/**/*.ts'],
  coverageAnalysis: 'perTest',
  // What is made once when a file is loaded needs every test for each of its mutants: hours for tables of names.
  ignoreStatic: true,
  concurrency: 2,
  // On top of half as long again as its tests took: a busy machine must not be taken for an endless loop.
  timeoutMS: 12_000,
  // Beyond what `--since` gives the whole run: a slow machine is no failed test.
  dryRunTimeoutMinutes: 20,
  thresholds: { high: 95, low: 85, break: 85 },
  incremental: true,
  incrementalFile: '.cache/mutants.json',
  reporters: ['progress-append-only', 'clear-text', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: '.cache/mutation.json' },
  tempDirName: '.cache/mutate',
  ignorePatterns: ['/.cache', '/dist', '/coverage', '/bench', '/docs', '/images', '/crds', '/manifests'],
};
