export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.tables.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  mutate: ['src/plan/**/*.ts', 'src/state/**/*.ts', 'controllers/agent/**/*.ts'],
  coverageAnalysis: 'perTest',
  // What is made once when a file is loaded needs every test for each of its mutants: hours for tables of names.
  ignoreStatic: false,
  concurrency: 1,
  // On top of half as long again as its tests took: a busy machine must not be taken for an endless loop.
  timeoutMS: 5_000,
  // Beyond what `--since` gives the whole run: a slow machine is no failed test.
  dryRunTimeoutMinutes: 20,
  thresholds: { high: 95, low: 85, break: 0 },
  incremental: true,
  incrementalFile: '.cache/static-mutants.json',
  reporters: ['progress-append-only', 'clear-text', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: '.cache/static-mutation.json' },
  tempDirName: '.cache/static-sandbox',
  ignorePatterns: ['/.cache', '/dist', '/coverage', '/bench', '/docs', '/images', '/crds', '/manifests'],
};
