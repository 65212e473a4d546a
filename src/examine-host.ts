import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { labels, MANAGER } from './api/labels.ts';
import { type Config, readVariable } from './config.ts';
import { check, examine as runChecks } from './doctor/examine.ts';
import * as host from './doctor/host.ts';
import * as judge from './doctor/judge.ts';
import { judgeLookup } from './doctor/judge-source.ts';
import type { Finding } from './doctor/verdict.ts';
import { sourceChecks } from './examine-source.ts';
import { connectPodman } from './podman/connect.ts';
import { lookUpName } from './podman/name-lookup.ts';
import type { Podman } from './podman/podman.ts';
import { SEARCH_PATH } from './traffic/nft.ts';
import { validateFiles } from './source/validate-files.ts';
import { isContainerName } from './state/names.ts';

const PROGRAMS = ['nsenter', 'nft', 'systemd-notify'];

/** `rookery doctor`: what it looks at, and where. */
export function examine(config: Config): Promise<readonly Finding[]> {
  const { username, uid } = userInfo();
  const user = { name: username, uid };
  const connecting = connectPodman(config.podmanSockets, Date.now);
  // At length it is told once.
  const answering = connecting.catch(() => {
    throw new Error('Podman does not answer; see socket');
  });
  const podman = async (): Promise<Podman> => (await answering).podman;
  const info = answering.then((connected) => connected.podman.info());
  // Whoever needs it tells; without this line nobody would have to.
  info.catch(() => undefined);
  return runChecks([
    check('linger', async () => ({ user, lingers: await host.lingers(user) }), judge.judgeLinger),
    check('subids', async () => ({ user, ...(await host.subids()) }), judge.judgeSubids),
    check(
      'cgroups',
      async () => ({ user, controllers: await host.delegatedControllers(user) }),
      judge.judgeCgroups,
    ),
    check('socket', () => socketFacts(config, user, connecting), judge.judgeSocket),
    check('podman', async () => (await info).version, judge.judgePodman),
    check('storage', async () => ({ driver: (await info).storageDriver }), judge.judgeStorage),
    check(
      'dns',
      async () => ({ backend: (await info).networkBackend, hasServer: await host.hasDnsServer() }),
      judge.judgeDns,
    ),
    check('lookup', async (signal) => lookUp(await podman(), signal), judgeLookup, LOOKUP_DEADLINE_MS),
    check('subnets', () => subnetFacts(podman), judge.judgeSubnets),
    check('names', () => foreignNames(podman), judge.judgeForeign),
    check(
      'ports',
      async () => ({
        user,
        firstPort: await host.firstUnprivilegedPort(),
        wanted: await wantedPorts(config),
      }),
      judge.judgePorts,
    ),
    check(
      'time',
      async (signal) => ({ synchronized: await host.isTimeSynchronized(signal) }),
      judge.judgeTime,
    ),
    check('disk', () => disks(config, info), judge.judgeDisks),
    check(
      'programs',
      () =>
        host.programsFound(
          [...PROGRAMS, ...programsOf(config)],
          `${readVariable('PATH') ?? ''}:${SEARCH_PATH}`,
        ),
      judge.judgePrograms,
    ),
    ...sourceChecks(config),
  ]);
}

const programsOf = ({ git }: Config): readonly string[] =>
  git === undefined
    ? []
    : [
        'git',
        ...(git.lfs ? ['git-lfs'] : []),
        ...(git.verify ? [git.verify.type === 'ssh' ? 'ssh-keygen' : 'gpg'] : []),
      ];

/** What is asked for is given up in time to clean up. */
const LOOKUP_MS = 20_000;
const LOOKUP_DEADLINE_MS = 40_000;

const lookUp = (podman: Podman, signal: AbortSignal) =>
  lookUpName({
    podman,
    run: randomBytes(4).toString('hex'),
    now: Date.now,
    signal: AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_MS)]),
  });

async function socketFacts(
  config: Config,
  user: judge.User,
  connecting: ReturnType<typeof connectPodman>,
): Promise<judge.SocketFacts> {
  const tried = config.podmanSockets;
  const connected = await connecting.catch(() => undefined);
  if (!connected) return { user, tried };
  const { socket: path, apiVersion: version } = connected;
  return { user, tried, answers: { path, version, ownerUid: await host.ownerOf(path) } };
}

async function subnetFacts(podman: () => Promise<Podman>) {
  const networks = await (await podman()).listNetworks({});
  return {
    networks: networks.flatMap(({ name, subnets }) => subnets.map(({ cidr }) => ({ name, cidr }))),
    routes: await host.hostRoutes(),
  };
}

async function foreignNames(podman: () => Promise<Podman>): Promise<string[]> {
  const containers = await (await podman()).listContainers({});
  return containers
    .filter(({ name, labels: found }) => isContainerName(name) && found[labels.managedBy] !== MANAGER)
    .map(({ name }) => name);
}

/** Of the manifests as they are; what is wrong with them is told by `rookery validate`. */
async function wantedPorts({ git, manifestsDir, roots }: Config): Promise<number[]> {
  if (git) return [];
  const options = { now: Date.now, ...(roots.length > 0 && { roots }) };
  const { objects } = await validateFiles([manifestsDir], options);
  return [...objects.values()].flatMap(({ manifest }) =>
    manifest.kind === 'Agent' || manifest.kind === 'PodGroup' ? hostPortsOf(manifest.spec) : [],
  );
}

const hostPortsOf = ({
  ports = [],
}: {
  readonly ports?: readonly { readonly hostPort?: number | undefined }[];
}): number[] => ports.flatMap(({ hostPort }) => (hostPort === undefined ? [] : [hostPort]));

async function disks(
  { stateDir }: Config,
  info: Promise<{ readonly graphRoot: string }>,
): Promise<judge.Disk[]> {
  const graphRoot = await info.then(({ graphRoot: path }) => [path]).catch(() => []);
  return Promise.all([stateDir, ...graphRoot].map(host.diskOf));
}
