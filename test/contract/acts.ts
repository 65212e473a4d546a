import fc from 'fast-check';
import { PodmanError } from '../../src/podman/errors.ts';
import type { Podman } from '../../src/podman/podman.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { ContainerTemplate, PodTemplate } from '../../src/state/template.ts';
import type { ProgramName } from './programs.ts';
import { type Bench, eventually } from './subjects.ts';

/** Only programs whose end does not depend on how far a shell had come when a signal arrived. */
const PROGRAMS = ['stubborn', 'stubborn', 'crasher', 'nonsense'] as const satisfies readonly ProgramName[];
const CONTAINERS = ['c0', 'c1', 'c2'] as const;
const NETWORKS = ['n0', 'n1'] as const;
const PODS = ['p0'] as const;
const VOLUMES = ['v0', 'v1'] as const;
const SECRETS = ['s0'] as const;
const PLACES = ['none', 'n0', 'n1', 'p0'] as const;

const container = fc.constantFrom(...CONTAINERS);
const network = fc.constantFrom(...NETWORKS);
const pod = fc.constantFrom(...PODS);
const volume = fc.constantFrom(...VOLUMES);
const secret = fc.constantFrom(...SECRETS);

/** One call to Podman. */
export const acts = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('create' as const),
      container,
      program: fc.constantFrom(...PROGRAMS),
      place: fc.constantFrom(...PLACES),
      volume: fc.option(volume, { nil: undefined }),
      secret: fc.option(secret, { nil: undefined, freq: 5 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('start' as const), container }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('stop' as const), container }) },
  fc.record({
    type: fc.constant('kill' as const),
    container,
    signal: fc.constantFrom('SIGKILL', 'SIGUSR9'),
  }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), container }) },
  fc.record({ type: fc.constant('rename' as const), container, to: container }),
  fc.record({ type: fc.constant('connect' as const), network, container }),
  fc.record({ type: fc.constant('disconnect' as const), network, container }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant('createNetwork' as const), network }) },
  fc.record({ type: fc.constant('removeNetwork' as const), network }),
  fc.record({ type: fc.constant('createPod' as const), pod }),
  fc.record({ type: fc.constant('removePod' as const), pod }),
  fc.record({ type: fc.constant('createVolume' as const), volume }),
  fc.record({ type: fc.constant('removeVolume' as const), volume }),
  fc.record({ type: fc.constant('createSecret' as const), secret }),
  fc.record({ type: fc.constant('removeSecret' as const), secret }),
);

export type Act = typeof acts extends fc.Arbitrary<infer T> ? T : never;

/** What came of it: `done`, or the kind of the refusal. */
export async function perform(bench: Bench, act: Act): Promise<string> {
  try {
    await call(bench, act);
    return 'done';
  } catch (error) {
    if (error instanceof PodmanError) return error.kind;
    throw error;
  }
}

async function call(bench: Bench, act: Act): Promise<unknown> {
  const { podman, name, labels, template } = bench;
  switch (act.type) {
    case 'create':
      return podman.createContainer({
        name: name(act.container),
        template: template(act.program, templateOf(name, act)),
        labels,
        annotations: { program: act.program },
      });
    case 'start':
      await podman.startContainer(name(act.container));
      return untilSettled(podman, name(act.container));
    case 'stop':
      return podman.stopContainer(name(act.container), 0);
    case 'kill':
      await podman.killContainer(name(act.container), act.signal);
      return untilEnded(podman, name(act.container));
    case 'remove':
      return podman.removeContainer(name(act.container));
    case 'rename':
      return podman.renameContainer(name(act.container), name(act.to));
    case 'connect':
      return podman.connectNetwork(name(act.network), name(act.container), { aliases: ['twin'] });
    case 'disconnect':
      return podman.disconnectNetwork(name(act.network), name(act.container));
    case 'createNetwork':
      return podman.createNetwork({
        name: name(act.network),
        driver: 'bridge',
        subnets: [],
        internal: false,
        dns: false,
        options: {},
        labels,
      });
    case 'removeNetwork':
      return podman.removeNetwork(name(act.network));
    default:
      return callBesides(bench, act);
  }
}

type Besides = Extract<Act, { type: `${'create' | 'remove'}${'Pod' | 'Volume' | 'Secret'}` }>;

function callBesides({ podman, name, labels }: Bench, act: Besides): Promise<unknown> {
  switch (act.type) {
    case 'createPod':
      return podman.createPod(name(act.pod), podTemplate, labels);
    case 'removePod':
      return podman.removePod(name(act.pod));
    case 'createVolume':
      return podman.createVolume({ name: name(act.volume), driver: 'local', options: {}, labels });
    case 'removeVolume':
      return podman.removeVolume(name(act.volume));
    case 'createSecret':
      return podman.createSecret(name(act.secret), Buffer.from('hush'));
    case 'removeSecret':
      return podman.removeSecret(name(act.secret));
  }
}

interface Made {
  readonly place: (typeof PLACES)[number];
  readonly volume: string | undefined;
  readonly secret: string | undefined;
}

function templateOf(
  name: Bench['name'],
  { place, volume: used, secret: read }: Made,
): Partial<ContainerTemplate> {
  const mounts: ContainerTemplate['mounts'] =
    used === undefined ? [] : [{ type: 'volume', name: name(used), target: '/data', readOnly: false }];
  return {
    network: networkOf(name, place),
    mounts,
    secretEnv: read === undefined ? {} : { TOKEN: name(read) },
  };
}

function networkOf(name: Bench['name'], place: Made['place']): ContainerTemplate['network'] {
  if (place === 'none') return { mode: 'none' };
  if (place === 'p0') return { mode: 'pod', pod: name('p0') };
  return { mode: 'bridge', networks: [{ name: name(place), aliases: [] }] };
}

const podTemplate: PodTemplate = {
  network: { mode: 'none' },
  ports: [],
  hostname: 'group',
  sharedNamespaces: ['net'],
  mounts: [],
};

/** What crashes at once has crashed before anybody looks. */
async function untilSettled(podman: Podman, name: string): Promise<void> {
  const found = await podman.inspectContainer(name);
  if (found?.annotations['program'] !== 'stubborn') await untilEnded(podman, name);
}

/** It has ended, and let go of its addresses, which Podman does a moment later. */
async function untilEnded(podman: Podman, name: string): Promise<void> {
  await eventually(async () => {
    const found = await podman.inspectContainer(name);
    return found === undefined || (found.state === 'exited' && Object.keys(found.networks).length === 0);
  });
}

/** What there is, in words that are the same on each. */
export async function stateOf({ podman, name, labels }: Bench): Promise<readonly string[]> {
  const [containers, pods, networks, volumes, secrets] = await Promise.all([
    Promise.all(CONTAINERS.map((one) => podman.inspectContainer(name(one)))),
    podman.listPods(labels),
    podman.listNetworks(labels),
    Promise.all(VOLUMES.map((one) => podman.inspectVolume(name(one)))),
    podman.listSecrets(name('')),
  ]);
  const bare = (text: string): string => text.replace(name(''), '');
  return [
    ...containers.flatMap((found) => (found ? [describe(found, bare)] : [])),
    ...pods.map((found) => `pod ${bare(found.name)} of ${found.containerIds.length}`),
    ...networks.map((found) => `network ${bare(found.name)}`).sort(),
    ...volumes.flatMap((found) => (found ? [`volume ${bare(found.name)}`] : [])),
    ...secrets.map((found) => `secret ${bare(found)}`),
  ];
}

const describe = (found: ObservedContainer, bare: (text: string) => string): string =>
  [
    `container ${bare(found.name)} ${found.state} ${found.exitCode}`,
    found.startedAtMs > 0 ? 'ran' : 'never ran',
    found.podId === undefined ? 'alone' : 'in a pod',
    `on ${Object.keys(found.networks).map(bare).sort().join()}`,
  ].join(', ');
