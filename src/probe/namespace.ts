import { readFileSync, readlinkSync } from 'node:fs';
import { messageOf } from '../api/errors.ts';
import { ProbeUnavailable } from './outcome.ts';

/**
 * A network namespace that can be entered: `id` is its `net:[inode]`, `enter` the arguments of nsenter.
 * Looked up anew for every probe and without a promise: five reads of procfs take 0.1 ms, and nothing can go stale.
 */
export interface NetworkNamespace {
  readonly id: string;
  readonly enter: readonly string[];
}

/** `undefined` when the process shares this process' own network namespace: host networking. */
export function networkNamespaceOf(pid: number): NetworkNamespace | undefined {
  const id = link(pid, 'net');
  if (id === link('self', 'net')) return undefined;
  return { id, enter: [...enterUser(parentOf(pid)), `--net=/proc/${pid}/ns/net`] };
}

/**
 * The namespace in which rootless Podman keeps the bridges of all networks, found from one of its containers: the
 * parent of the container's process is conmon, in whose mount namespace Podman has bound it to a path
 * (4.3: `$XDG_RUNTIME_DIR/netns/rootless-netns-*`, 5.x: `networks/rootless-netns/rootless-netns`).
 */
export function rootlessBridges(pid: number): NetworkNamespace | undefined {
  const conmon = parentOf(pid);
  const mounts = read(`/proc/${conmon}/mountinfo`).split('\n');
  const mount = mounts.findLast((line) => line.includes(' - nsfs ') && line.includes('/rootless-netns'));
  const [, , , id, path] = mount?.split(' ') ?? [];
  if (id === undefined || path === undefined) return undefined;
  return { id, enter: [...enterUser(conmon), `--net=/proc/${conmon}/root${unescaped(path)}`] };
}

/**
 * Conmon's user namespace owns the network namespaces, also where the container has a nested one of its own.
 * Nothing when it is ours: a process may not enter the user namespace that it is in.
 */
const enterUser = (conmon: number): string[] =>
  link(conmon, 'user') === link('self', 'user')
    ? []
    : ['--preserve-credentials', `--user=/proc/${conmon}/ns/user`];

function parentOf(pid: number): number {
  const parent = /^PPid:\t(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1];
  if (parent === undefined)
    throw new ProbeUnavailable(`/proc/${pid}/status does not name the parent process`);
  return Number(parent);
}

/** `mountinfo` writes space, tab, newline and backslash as octal. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

const link = (pid: number | 'self', kind: 'net' | 'user'): string =>
  lookedUp(() => readlinkSync(`/proc/${pid}/ns/${kind}`));

const read = (path: string): string => lookedUp(() => readFileSync(path, 'utf8'));

function lookedUp(look: () => string): string {
  try {
    return look();
  } catch (error) {
    throw new ProbeUnavailable(`the container's network namespace cannot be found: ${messageOf(error)}`);
  }
}
