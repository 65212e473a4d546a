/**
 * Who may import whom: ARCHITECTURE.md says why. Run by scripts/check-imports.mjs, which also sees to it that every
 * file was looked at.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const PURE = '^src/(api|state|plan)/';
/** Every file beside the rooms, save what a room may use. */
const COMPOSITION_ROOT = '^src/(?!(config|log|redact|terminal)\\.ts$)[^/]+\\.ts$';

/** A library is used in one room, so that another one can take its place there. */
const home = (library, rooms) => ({
  name: `home-of-${library}`,
  comment: `${library} is used in ${rooms} only.`,
  severity: 'error',
  from: { pathNot: rooms },
  to: { path: `(^|/)node_modules/(@types/)?${library}/` },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or miss a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import is found.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'pure-rooms-do-no-io',
      comment: 'api, state and plan use no Node module but crypto, and of all packages only zod, in api.',
      severity: 'error',
      from: { path: PURE },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'pure-rooms-use-no-package',
      comment: 'As above: only zod, only in api.',
      severity: 'error',
      from: { path: '^src/(state|plan)/' },
      to: { path: '(^|/)node_modules/' },
    },
    {
      name: 'api-uses-zod-alone',
      comment: 'The vocabulary needs a schema library and nothing else.',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '(^|/)node_modules/', pathNot: '(^|/)node_modules/zod/' },
    },
    {
      name: 'api-stands-alone',
      comment: 'api imports nothing of ours.',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^(src|controllers)/', pathNot: '^src/api/' },
    },
    {
      name: 'state-sees-api',
      comment: 'state imports api alone.',
      severity: 'error',
      from: { path: '^src/state/' },
      to: { path: '^(src|controllers)/', pathNot: '^src/(api|state)/' },
    },
    {
      name: 'plan-sees-api-and-state',
      comment: 'plan imports api and state alone.',
      severity: 'error',
      from: { path: '^src/plan/' },
      to: { path: '^(src|controllers)/', pathNot: '^src/(api|state|plan)/' },
    },
    {
      name: 'rooms-do-not-know-each-other',
      comment:
        'source, podman, probe, store, server, manager, traffic, systemd, doctor, notify and schedule meet in the composition root; they share api, state and plan, what makes text safe to show, and the type of a clock.',
      severity: 'error',
      from: {
        path: '^src/(source|podman|probe|store|server|manager|traffic|systemd|doctor|notify|schedule)/',
      },
      to: {
        path: '^(src|controllers)/',
        pathNot: ['^src/$1/', PURE, '^src/(terminal|redact)\\.ts$', '^src/manager/clock\\.ts$'],
      },
    },
    {
      name: 'a-clock-is-an-argument',
      comment: 'Outside of manager and the composition root the clock is imported as a type alone.',
      severity: 'error',
      from: { path: '^(src|controllers)/', pathNot: ['^src/manager/', COMPOSITION_ROOT] },
      to: { path: '^src/manager/clock\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'mechanism-knows-no-policy',
      comment: 'src never imports controllers, except where everything is put together.',
      severity: 'error',
      from: { path: '^src/', pathNot: COMPOSITION_ROOT },
      to: { path: '^controllers/' },
    },
    {
      name: 'nobody-imports-the-composition-root',
      comment: 'What is put together is started, not imported; only the command line starts it.',
      severity: 'error',
      from: { path: '^(src|controllers)/', pathNot: ['^src/cli/', COMPOSITION_ROOT] },
      to: { path: COMPOSITION_ROOT },
    },
    {
      name: 'policy-is-given-its-tools',
      comment: 'controllers import values from api, state and plan; from elsewhere only types.',
      severity: 'error',
      from: { path: '^controllers/' },
      to: { path: '^src/', pathNot: PURE, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'policy-does-no-io',
      comment: 'controllers use no Node built-in and no package but xstate.',
      severity: 'error',
      from: { path: '^controllers/' },
      to: { dependencyTypes: ['core', 'npm'], pathNot: '(^|/)node_modules/xstate/' },
    },
    {
      name: 'installed-with-us',
      comment: 'What runs at a user is a dependency, not a development dependency (types are erased).',
      severity: 'error',
      from: { path: '^(src|controllers)/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '/node_modules/@types/',
      },
    },
    home('dockerode', '^src/podman/'),
    home('chokidar', '^src/source/'),
    home('age-encryption', '^src/source/'),
    home('simple-git', '^src/source/'),
    home('croner', '^src/schedule/'),
    home('js-yaml', '^src/source/'),
    home('zeromq', '^src/probe/'),
    home('xstate', '^controllers/'),
    home('pino', '^src/log\\.ts$'),
    home('p-queue', '^src/manager/'),
    home('prom-client', '^src/server/'),
    home('commander', '^src/cli/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
