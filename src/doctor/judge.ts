import { fail, ok, type Verdict, warn } from './verdict.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
}

export function judgeLinger({ user, lingers }: { readonly user: User; readonly lingers: boolean }): Verdict {
  if (user.uid === 0) return ok('root needs none');
  if (lingers) return ok(`services of ${user.name} go on without a session`);
  return warn(
    `${user.name} does not linger: at the last logout systemd ends the controller and all agents, and at boot nothing starts`,
    `sudo loginctl enable-linger ${user.name}`,
  );
}

/** Images use ids up to 65534. */
const FEWEST_IDS = 65_536;

export function judgeSubids({
  user,
  subuid,
  subgid,
}: {
  readonly user: User;
  readonly subuid: string;
  readonly subgid: string;
}): Verdict {
  if (user.uid === 0) return ok('root needs none');
  const [uids, gids] = [idsOf(subuid, user), idsOf(subgid, user)];
  if (uids >= FEWEST_IDS && gids >= FEWEST_IDS) return ok(`${uids} user and ${gids} group ids`);
  return fail(
    `${user.name} has ${uids} subordinate user ids and ${gids} group ids, and images want ${FEWEST_IDS} of each`,
    `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user.name} && podman system migrate`,
  );
}

/** `name-or-uid:first:count`, of /etc/subuid. */
function idsOf(text: string, { name, uid }: User): number {
  const own = text.split('\n').map((line) => line.split(':'));
  return own
    .filter(([who]) => who === name || who === String(uid))
    .reduce((sum, [, , count]) => sum + (Number(count) || 0), 0);
}

const WANTED_CONTROLLERS = ['cpu', 'memory', 'pids'];

/** `controllers` is what the user's service manager was given; undefined on a host with cgroup v1. */
export function judgeCgroups({
  user,
  controllers,
}: {
  readonly user: User;
  readonly controllers: string | undefined;
}): Verdict {
  if (controllers === undefined) {
    return user.uid === 0
      ? ok('cgroup v1')
      : warn(
          'cgroup v1: limits of cpu, memory and processes do not hold without root',
          'boot with systemd.unified_cgroup_hierarchy=1',
        );
  }
  const given = new Set(controllers.trim().split(/\s+/));
  const missing = WANTED_CONTROLLERS.filter((name) => !given.has(name));
  if (missing.length === 0) return ok('cgroup v2 with cpu, memory and pids');
  return warn(
    `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not delegated: these limits do not hold`,
    "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, then log in again",
  );
}

export interface SocketFacts {
  readonly user: User;
  readonly tried: readonly string[];
  readonly answers?: { readonly path: string; readonly ownerUid: number; readonly version: string };
}

export function judgeSocket({ user, tried, answers }: SocketFacts): Verdict {
  const start = `systemctl ${user.uid === 0 ? '' : '--user '}enable --now podman.socket`;
  if (!answers) return fail(`no Podman API answers at ${tried.join(' or ')}`, start);
  if (answers.ownerUid !== user.uid)
    return warn(
      `${answers.path} belongs to uid ${answers.ownerUid}: its agents are not ${user.name}'s`,
      start,
    );
  return ok(`${answers.path}, Podman ${answers.version}`);
}

interface KnownBug {
  readonly isIn: (version: Version) => boolean;
  readonly says: string;
}

type Version = readonly [number, number];
const isBefore = ([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean =>
  major < otherMajor || (major === otherMajor && minor < otherMinor);

/** Those that change what an agent sees, and that an update mends. */
const KNOWN_BUGS: readonly KnownBug[] = [
  {
    isIn: (version) => isBefore(version, [4, 4]),
    says: 'its DNS stalls for seconds around starts and stops',
  },
  { isIn: (version) => isBefore(version, [5, 0]), says: 'it never says that a container ran out of memory' },
];

export function judgePodman(version: string): Verdict {
  const [major, minor] = version.split('.').map(Number);
  if (major === undefined || minor === undefined || !Number.isFinite(major) || !Number.isFinite(minor))
    return warn(`"${version}" is no version of Podman's`, 'update Podman to 5.0 or later');
  if (isBefore([major, minor], [4, 3]))
    return fail(`Podman ${version} is older than 4.3`, 'update Podman to 5.0 or later');
  const bugs = KNOWN_BUGS.filter(({ isIn }) => isIn([major, minor])).map(({ says }) => says);
  if (bugs.length === 0) return ok(`Podman ${version}`);
  return warn(`Podman ${version}: ${bugs.join('; ')}`, 'update Podman to 5.0 or later');
}

export function judgeStorage({ driver }: { readonly driver: string }): Verdict {
  if (driver !== 'vfs') return ok(driver);
  return warn(
    'vfs copies every layer of every container whole: slow, and large on the disk',
    'install fuse-overlayfs, or put the storage on a file system that overlay works on; then (this removes all containers and images): podman system reset',
  );
}

export function judgeDns({
  backend,
  hasServer,
}: {
  readonly backend: string;
  readonly hasServer: boolean;
}): Verdict {
  if (backend !== 'netavark')
    return warn(
      `the network backend is ${backend || 'unknown'}: names need its dnsname plugin`,
      'install netavark and aardvark-dns, then: podman system reset',
    );
  if (hasServer) return ok('netavark with aardvark-dns');
  return fail(
    'aardvark-dns is not installed: containers find no other by its name',
    'install the package aardvark-dns',
  );
}

export function judgePorts({
  user,
  firstPort,
  wanted,
}: {
  readonly user: User;
  readonly firstPort: number;
  readonly wanted: readonly number[];
}): Verdict {
  const low =
    user.uid === 0 ? [] : wanted.filter((port) => port < firstPort).sort((left, right) => left - right);
  const [lowest] = low;
  if (lowest === undefined) return ok(`${wanted.length} wanted, from ${firstPort} on allowed`);
  return fail(
    `${low.join(', ')} ${low.length === 1 ? 'is' : 'are'} wanted, and ${user.name} may publish from ${firstPort} on`,
    `echo net.ipv4.ip_unprivileged_port_start=${lowest} | sudo tee /etc/sysctl.d/50-rookery.conf && sudo sysctl --system`,
  );
}

export function judgeTime({ synchronized }: { readonly synchronized: boolean | undefined }): Verdict {
  if (synchronized === true) return ok('synchronized');
  if (synchronized === undefined)
    return warn('nothing tells whether the clock is right', 'install systemd-timesyncd or chrony');
  return warn(
    'the clock is not synchronized: certificates and schedules go by it',
    'sudo timedatectl set-ntp true',
  );
}

export interface Disk {
  readonly path: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

const LEAST_FREE_BYTES = 1e9;
const SPARE_FREE_BYTES = 5e9;

export function judgeDisks(disks: readonly Disk[]): Verdict {
  const [tightest] = [...disks].sort((left, right) => left.freeBytes - right.freeBytes);
  if (!tightest) return ok('nothing to look at');
  const message = `${(tightest.freeBytes / 1e9).toFixed(1)} GB free of ${(tightest.totalBytes / 1e9).toFixed(0)} at ${tightest.path}`;
  const fix = 'make room; podman system df tells what Podman holds (never prune what is kept for a rollback)';
  if (tightest.freeBytes < LEAST_FREE_BYTES) return fail(message, fix);
  return tightest.freeBytes < SPARE_FREE_BYTES ? warn(message, fix) : ok(message);
}

export function judgePrograms(found: Readonly<Record<string, boolean>>): Verdict {
  const missing = Object.entries(found).flatMap(([name, isThere]) => (isThere ? [] : [name]));
  if (missing.length === 0) return ok(Object.keys(found).join(', '));
  const uses: Record<string, string> = {
    nft: 'moving a name without a lost request (nftables)',
    nsenter: 'probes into containers (util-linux)',
    'systemd-notify': 'the service (systemd)',
    git: '--git',
    'git-lfs': '--git-lfs',
    'ssh-keygen': '--verify ssh (openssh-client)',
    gpg: '--verify gpg (gnupg)',
  };
  return warn(
    `missing: ${missing.map((name) => `${name}, for ${uses[name] ?? name}`).join('; ')}`,
    `install ${missing.join(', ')}`,
  );
}

export interface Subnet {
  readonly name: string;
  readonly cidr: string;
}

export function judgeSubnets({
  networks,
  routes,
}: {
  readonly networks: readonly Subnet[];
  readonly routes: readonly Subnet[];
}): Verdict {
  const pairs = networks.flatMap((network, index) =>
    [...networks.slice(index + 1), ...routes]
      .filter((other) => other.name !== network.name && overlap(network.cidr, other.cidr))
      .map((other) => `${network.name} (${network.cidr}) and ${other.name} (${other.cidr})`),
  );
  if (pairs.length === 0) return ok(`${networks.length} networks, none overlaps`);
  return warn(
    `overlapping: ${pairs.join('; ')}`,
    'give the network another subnet in its manifest (spec.subnet)',
  );
}

/** Of IPv4 alone: what is not read as such overlaps nothing. */
function overlap(left: string, right: string): boolean {
  const [first, second] = [rangeOf(left), rangeOf(right)];
  return first !== undefined && second !== undefined && first.from <= second.to && second.from <= first.to;
}

function rangeOf(cidr: string): { readonly from: number; readonly to: number } | undefined {
  const [, a, b, c, d, bits] = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr) ?? [];
  const size = 2 ** (32 - Number(bits));
  if (bits === undefined || Number(bits) === 0) return undefined;
  const address = ((Number(a) * 256 + Number(b)) * 256 + Number(c)) * 256 + Number(d);
  const from = Math.floor(address / size) * size;
  return { from, to: from + size - 1 };
}

/** Names as we give them, on containers that are not ours. */
export function judgeForeign(names: readonly string[]): Verdict {
  if (names.length === 0) return ok('no foreign container has a name of ours');
  return warn(
    `named as ours and without our labels: ${names.join(', ')}; an agent that needs the name is a Conflict`,
    `look at them, then: podman rename or podman rm ${names[0] ?? ''}`,
  );
}
