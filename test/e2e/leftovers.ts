import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type OwnPodman, readIfThere } from './own-podman.ts';

interface Stored {
  readonly id: string;
  readonly names?: readonly string[];
  readonly parent?: string;
  readonly layer?: string;
  readonly 'mapped-layers'?: readonly string[];
  readonly 'big-data-names'?: readonly string[];
}

interface Living {
  readonly Id: string;
  readonly State: { readonly Status: string };
  readonly NetworkSettings?: {
    readonly SandboxKey?: string;
    readonly Networks?: Readonly<Record<string, { readonly IPAddress: string }>> | null;
  };
}

/**
 * What is left of containers that are gone, in Podman's storage and in the kernel: each as a line, none when all is
 * clean. Read without Podman where that can be, because it does not tell of what it has lost itself.
 */
export async function leftoversOf(podman: OwnPodman): Promise<readonly string[]> {
  const listed = await podman.host.api<{ Id: string }[]>('/containers/json?all=true');
  const living = await Promise.all(listed.map(({ Id }) => podman.host.api<Living>(`/containers/${Id}/json`)));
  return [
    ...storageOf(podman, living),
    ...processesOf(podman, living),
    ...namespacesOf(podman, living),
    ...firewallOf(podman, living),
  ];
}

/** Containers and layers of the storage that no container of Podman and no image is made of. */
function storageOf({ directory }: OwnPodman, living: readonly Living[]): string[] {
  const read = (file: string): Stored[] =>
    JSON.parse(readFileSync(join(directory, 'storage', file), 'utf8')) as Stored[];
  const containers = read('overlay-containers/containers.json');
  const images = read('overlay-images/images.json');
  const layers = new Map(read('overlay-layers/layers.json').map((layer) => [layer.id, layer]));
  const ids = new Set(living.map(({ Id }) => Id));
  const ghosts = containers.filter(({ id }) => !ids.has(id));
  const used = new Set<string>();
  for (const { layer, 'mapped-layers': mapped = [] } of [...containers, ...images])
    for (const top of [layer, ...mapped])
      for (let at = top; at !== undefined && at !== '' && !used.has(at); at = layers.get(at)?.parent)
        used.add(at);
  return [
    ...images.filter(isHalfWritten).map(({ id }) => `${HALF_WRITTEN}: ${id}`),
    ...ghosts.map(({ id, names = [] }) => `storage of no container: ${names.join(' ') || id}`),
    ...[...layers.values()]
      .filter(({ id }) => !used.has(id))
      .map(({ id, names = [] }) => `layer of nothing: ${names.join(' ') || id}`),
  ];
}

/** What the monitor of a container that has ended is still about to take away. */
export const isPassing = (wrong: string): boolean =>
  [PROCESS, NAMESPACE, RULE].some((what) => wrong.startsWith(what));

const PROCESS = 'process of nobody';
const NAMESPACE = 'network namespace of nobody';
const RULE = 'rule to nobody';

/** Removed ten seconds after it was seen first. */
export const HALF_WRITTEN = 'image without a manifest';

const isHalfWritten = ({ 'big-data-names': parts = [] }: Stored): boolean => !parts.includes('manifest');

/** Containers for which a process runs or waits to be started, of the Podman whose files are in the directory. */
export function monitoredIn(directory: string): ReadonlySet<string> {
  const ids = readdirSync('/proc').flatMap((pid) => {
    const [program = '', ...args] = readIfThere(`/proc/${pid}/cmdline`).split('\0');
    const hasChild = readIfThere(`/proc/${pid}/task/${pid}/children`).trim() !== '';
    const isIts = basename(program) === 'conmon' && args.some((arg) => arg.startsWith(`${directory}/`));
    return isIts && hasChild ? [args[args.indexOf('-c') + 1] ?? ''] : [];
  });
  return new Set(ids);
}

function processesOf({ directory }: OwnPodman, living: readonly Living[]): string[] {
  const up = new Set(living.filter(isUp).map(({ Id }) => Id));
  return [...monitoredIn(directory)].filter((id) => !up.has(id)).map((id) => `${PROCESS}: ${id}`);
}

const isUp = ({ State }: Living): boolean => State.Status === 'running';

function namespacesOf({ directory }: OwnPodman, living: readonly Living[]): string[] {
  const found = ['run-netns', 'xdg/netns'].flatMap((place) => {
    const path = join(directory, place);
    return existsSync(path) ? readdirSync(path) : [];
  });
  const known = new Set(
    living.filter(isUp).map(({ NetworkSettings }) => basename(NetworkSettings?.SandboxKey ?? '')),
  );
  return found
    .filter((name) => name.startsWith('netns-') && !known.has(name))
    .map((name) => `${NAMESPACE}: ${name}`);
}

/** Rules that lead to an address that nobody has. */
function firewallOf(podman: OwnPodman, living: readonly Living[]): string[] {
  const octet = readFileSync(join(podman.directory, 'subnet'), 'utf8').trim();
  const addresses = living
    .filter(isUp)
    .flatMap(({ NetworkSettings }) => Object.values(NetworkSettings?.Networks ?? {}))
    .map(({ IPAddress }) => IPAddress);
  const isKnown = (address: string): boolean =>
    address.endsWith('.0')
      ? addresses.some((known) => known.startsWith(address.slice(0, -1)))
      : addresses.includes(address);
  return rulesOf(podman).flatMap((rule) => {
    const named = rule.match(new RegExp(`\\b10\\.${octet}\\.\\d+\\.\\d+`, 'g')) ?? [];
    const leadsNowhere = named.some((address) => !isKnown(address));
    return leadsNowhere ? [`${RULE} (up are ${addresses.join(' and ')}): ${rule}`] : [];
  });
}

/** Root's networks are the host's, an ordinary user's are in a namespace of his own. */
function rulesOf(podman: OwnPodman): string[] {
  const isRootful = existsSync(join(podman.directory, 'run-netns'));
  const text = isRootful
    ? execFileSync('iptables-save', { encoding: 'utf8' })
    : podman.cli('unshare', '--rootless-netns', 'iptables-save');
  return text.split('\n').filter((line) => line.startsWith('-A'));
}
