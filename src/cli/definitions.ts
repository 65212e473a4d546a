import type { CommandDefinition, CommandName } from './command-definition.ts';
import { approvePrune, output } from './common-options.ts';
import type { OptionDefinition } from './option-definition.ts';
import { runOptions } from './run-options.ts';
import { sourceCommands } from './source-commands.ts';
import { sourceOptions } from './source-options.ts';

export type { CommandDefinition, CommandName, OptionDefinition };

export const globalOptions: readonly OptionDefinition[] = [
  { flags: '--manifests <directory>', description: 'directory of manifests (default: ./manifests)' },
  { flags: '-n, --namespace <name>', description: 'namespace to look at (default: default)' },
  {
    flags: '--socket <path>',
    description: "Podman's API socket (default: CONTAINER_HOST, else the user's own)",
  },
  { flags: '--api-socket <path>', description: "the controller's API socket" },
  { flags: '--state-dir <directory>', description: 'what the controller remembers' },
  {
    flags: '--root <directory>',
    repeatable: true,
    description: 'where bind mounts and build contexts may lie; may be repeated',
  },
  {
    flags: '--age-identity <file>',
    description: 'private keys that Secrets are encrypted for',
  },
  { flags: '--log-level <level>', description: 'least severe line to log: debug, info, warn or error' },
  {
    flags: '--log-format <format>',
    description: 'human, json or journal (default: as standard error wants it)',
  },
];

const timeout: OptionDefinition = {
  flags: '--timeout <duration>',
  description: 'give up after this long, such as 90s or 10m (default: 10m)',
};
const watch: OptionDefinition = { flags: '-w, --watch', description: 'go on with every change' };
const allNamespaces: OptionDefinition = {
  flags: '-A, --all-namespaces',
  description: 'look at all namespaces',
};

export const commands: readonly CommandDefinition[] = [
  {
    name: 'run',
    summary: 'Run the controller in the foreground; the agents outlive it',
    options: runOptions,
    examples: [
      ['rookery run --manifests manifests/mvs', 'keep what these files say running, and show it'],
      [
        'rookery run --git git@example.org:me/fleet.git --path base --path hosts/box',
        'follow a branch: git push, and the host follows',
      ],
      ['rookery run 2>rookery.log', 'the live table here, the log in a file'],
    ],
    exitCodes: '0 when stopped by Ctrl-C or SIGTERM, 1 when it cannot run',
  },
  {
    name: 'service',
    summary: 'Run the controller for good, as a service of systemd that starts at boot',
    arguments: [
      {
        name: '<action>',
        description: 'install (again after every change), uninstall (the agents keep running) or status',
      },
    ],
    options: [
      { flags: '--user', description: "of the user's own systemd (default, save for root)" },
      { flags: '--system', description: "of the system's, as root" },
      { flags: '--dry-run', description: 'print the unit, or what would be removed; change nothing' },
      ...runOptions,
    ],
    examples: [
      [
        'rookery service install --manifests ~/manifests',
        'keep what these files say running, also after a reboot',
      ],
      ['rookery service install --manifests ~/manifests --dry-run', 'look at the unit first'],
      ['rookery service status', 'whether it runs, and how the agents are'],
    ],
    exitCodes: '0 when done, 1 when not, or when status finds that it does not run',
  },
  {
    name: 'doctor',
    summary: 'Check whether this host can run agents well, and say how to mend it',
    options: [output(['table', 'json']), ...sourceOptions],
    examples: [
      ['rookery doctor', 'look at the host before the first agent, or when one does not do as it should'],
      ['rookery doctor --git git@example.org:me/fleet.git', 'and whether it can be read from here'],
      ['rookery doctor -o json | jq \'.findings[] | select(.level != "OK") | .fix\'', 'only what to do'],
    ],
    exitCodes: '0 when all is well, 1 with warnings, 2 with failures',
  },
  {
    name: 'apply',
    summary: 'Converge once on the manifests and exit',
    options: [timeout, approvePrune, ...sourceOptions],
    examples: [
      ['rookery apply --timeout 2m', 'wait at most two minutes until all agents are healthy'],
      ['rookery apply --approve-prune', 'delete what has no manifest any more, however much it is'],
    ],
    exitCodes: '0 when everything is healthy, 1 when not',
  },
  {
    name: 'plan',
    summary: 'Show what would change, and why; change nothing',
    options: [output(['table', 'json']), ...sourceOptions],
    examples: [['rookery plan --manifests manifests/mvs', 'what apply would do to these agents']],
    exitCodes: '0 when nothing would change, 2 when something would, 1 on errors',
  },
  ...sourceCommands,
  {
    name: 'validate',
    summary: 'Check manifests without Podman and without a controller',
    arguments: [{ name: '[path...]', description: 'files or directories (default: the manifests)' }],
    examples: [
      ['rookery validate', 'check the whole directory of manifests'],
      ['rookery validate manifests/mvs/coordinator.yaml', 'check one file by itself'],
    ],
    exitCodes: '0 when all are valid, 1 when not',
  },
  {
    name: 'get',
    summary: 'List objects, or show one',
    arguments: [
      { name: '<kind>', description: 'agents, networks, … or several with commas, or all' },
      { name: '[name...]', description: 'only these' },
    ],
    options: [output(['wide', 'yaml', 'json', 'name']), watch, allNamespaces],
    examples: [
      ['rookery get agents -A', 'every agent of every namespace'],
      ['rookery get agent coordinator -n ai-system -o yaml', 'one agent with its status'],
      ['rookery get agents -w', 'a line for every change'],
    ],
  },
  {
    name: 'describe',
    summary: 'Tell everything about one object',
    arguments: [
      { name: '<kind>', description: 'agent, network, volume, …' },
      { name: '[name]', description: 'which one' },
    ],
    examples: [
      ['rookery describe agent coordinator -n ai-system', 'conditions, revisions, last plan and events'],
    ],
  },
  {
    name: 'rollout',
    summary: 'Look at the rollout of an agent, and act on it',
    arguments: [
      {
        name: '<action>',
        description: 'status, history, undo, pause, resume, approve, abort, retry or restart',
      },
      { name: '[agent]', description: 'which one' },
    ],
    options: [
      {
        flags: '-w, --watch [boolean]',
        description: 'status: wait until it is over, which is the default; --watch=false returns at once',
      },
      { flags: '--timeout <duration>', description: 'status: give up after this long, such as 90s or 10m' },
      {
        flags: '--revision <id>',
        description: 'history: everything about this one; after a failure its logs, exit code and probes',
      },
      {
        flags: '--to-revision <id>',
        description: 'undo: to this one, instead of the newest stable one before',
      },
      {
        flags: '-o, --output <format>',
        description: 'history: output format',
        choices: ['yaml', 'json'],
      },
    ],
    examples: [
      ['rookery rollout status coordinator --timeout 5m', 'wait until its update is stable'],
      ['rookery rollout history coordinator', 'its revisions, and what made each'],
      ['rookery rollout history coordinator --revision 3f9c21ab', 'why this one failed'],
      ['rookery rollout undo coordinator', 'back to the stable revision before, until the manifest changes'],
      ['rookery rollout pause coordinator', 'hold its update where it is; go on with resume'],
      ['rookery rollout abort coordinator', 'give the update up, and go back at once'],
      ['rookery rollout retry coordinator', 'try again what failed'],
      ['rookery rollout restart coordinator', 'a new container of the same, by its strategy'],
    ],
    exitCodes:
      'of status 0 when it is rolled out, 1 when it failed or was rolled back, 2 with --watch=false while it is under way; else 0, or 1 on errors',
  },
  {
    name: 'why',
    summary: 'Tell why an agent was replaced, each time',
    arguments: [{ name: '<agent>', description: 'which one' }],
    options: [output(['yaml', 'json'])],
    examples: [
      ['rookery why coordinator', 'from revision to revision: what changed, in which file, how it ended'],
    ],
  },
  {
    name: 'diff',
    summary: 'Compare what the files ask for with what runs',
    arguments: [{ name: '[agent]', description: 'only this one' }],
    options: [allNamespaces],
    examples: [
      ['rookery diff coordinator', 'what its next rollout would change; values of Secrets are not shown'],
      ['rookery diff -A', 'of every agent'],
    ],
    exitCodes: '0 when they are the same, 1 when they differ, 2 on errors',
  },
  {
    name: 'suspend',
    summary: 'Change nothing for an agent; its probes go on',
    arguments: [{ name: '<agent>', description: 'which one' }],
    options: [
      { flags: '--for <duration>', description: 'only for this long, such as 30m or 2h' },
      { flags: '--reason <text>', description: 'told to whoever looks at it' },
    ],
    examples: [
      ['rookery suspend coordinator --for 2h --reason "a look at its disk"', 'hands off for two hours'],
    ],
  },
  {
    name: 'resume',
    summary: 'End the suspension of an agent',
    arguments: [{ name: '<agent>', description: 'which one' }],
    examples: [['rookery resume coordinator', 'follow its manifest again']],
  },
  {
    name: 'logs',
    summary: 'Print what agents wrote',
    arguments: [
      { name: '[name...]', description: 'agents; several are interleaved, each line with its name' },
    ],
    options: [
      { flags: '-f, --follow', description: 'go on with new lines' },
      { flags: '--tail <lines>', description: 'only the last lines of each agent' },
      { flags: '--since <duration>', description: 'only lines newer than this, such as 30s or 2h' },
      { flags: '--all', description: 'of every agent in the namespace' },
      { flags: '--previous', description: 'of the container before the current one' },
      { flags: '-t, --timestamps', description: 'with the time of each line' },
      { flags: '--raw', description: 'with colours and control characters, as the agent wrote them' },
    ],
    examples: [
      ['rookery logs coordinator -f --tail 20', 'the last twenty lines, then new ones'],
      ['rookery logs --all --since 5m -n ai-system', 'what every agent wrote in the last five minutes'],
    ],
  },
  {
    name: 'events',
    summary: 'List what happened, oldest first',
    options: [
      watch,
      allNamespaces,
      { flags: '--for <object>', description: 'only of this one, as agent/NAME' },
    ],
    examples: [['rookery events -A -w', 'what happened everywhere, and what happens next']],
  },
  {
    name: 'graph',
    summary: 'Show which agent waits for which, from the manifests alone',
    options: [output(['text', 'mermaid', 'dot'])],
    examples: [
      ['rookery graph', 'the order in which the agents start'],
      ['rookery graph -o dot | dot -Tsvg > graph.svg', 'draw it'],
    ],
  },
  {
    name: 'crds',
    summary: 'Print the CustomResourceDefinitions of all kinds',
    examples: [['rookery crds | kubectl apply -f -', 'let a Kubernetes API server check the same manifests']],
  },
  {
    name: 'version',
    summary: 'Print the version',
    options: [output(['text', 'json'])],
    examples: [['rookery version -o json', 'for a script']],
  },
  {
    name: 'completion',
    summary: 'Print the completion script of a shell',
    arguments: [{ name: '<shell>', description: 'bash, zsh or fish' }],
    examples: [
      ['source <(rookery completion bash)', 'for this shell'],
      ['rookery completion fish > ~/.config/fish/completions/rookery.fish', 'for every fish'],
    ],
  },
];
