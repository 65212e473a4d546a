import { errorOfReply } from '../../src/podman/cause.ts';
import type { Dial, DialRequest, Reply } from '../../src/podman/dial.ts';
import { createInspect } from '../../src/podman/inspect-container.ts';
import { lifecycleCalls } from '../../src/podman/libpod-lifecycle.ts';
import { networkCalls } from '../../src/podman/libpod-networks.ts';
import type { Podman } from '../../src/podman/podman.ts';
import { reclaimAddresses } from '../../src/podman/reclaim-addresses.ts';

export const NETWORK = 'net';
const SUBNET = '10.1.0.0/24';

interface Container {
  readonly id: string;
  status: 'created' | 'initialized' | 'running';
  /** The address that it asks for, while it is on the network by Podman's book. */
  wants: string | undefined;
  /** The address that it has. */
  has: string | undefined;
}

export interface ForgetfulNetavark {
  readonly podman: Pick<Podman, 'startContainer' | 'connectNetwork'>;
  /** Address → id of the container that it was given to: what a killed call leaves differs from what containers have. */
  readonly given: Map<string, string>;
  readonly containers: Map<string, Container>;
  /** Working containers of builds, which only `exists` knows. */
  readonly external: Set<string>;
}

/**
 * What Podman 4.3 does with the addresses of containers on one network, as measured on it: they are given out before the
 * container is told, and taken back only from a container with a network namespace.
 */
export function createForgetfulNetavark(): ForgetfulNetavark {
  const world = { given: new Map(), containers: new Map(), external: new Set<string>() } satisfies Omit<
    ForgetfulNetavark,
    'podman'
  >;
  const dial: Dial = {
    call: <T>(request: DialRequest): Promise<Reply<T>> =>
      Promise.resolve().then(() => ({ statusCode: 200, headers: {}, body: answer(world, request) as T })),
    stream: () => {
      throw new Error('no streams');
    },
  };
  const networks = networkCalls(dial);
  const inspect = createInspect(dial, () => Promise.resolve(true));
  const lifecycle = lifecycleCalls(dial, {
    inspect,
    reclaim: reclaimAddresses(dial, networks),
    endOrphans: () => false,
  });
  return { ...world, podman: { ...lifecycle, ...networks } };
}

type World = Omit<ForgetfulNetavark, 'podman'>;

interface Body {
  readonly container?: string;
  readonly Container?: string;
  readonly static_ips?: readonly [string];
}

function answer(world: World, request: DialRequest): unknown {
  const [, kind, name = '', verb = ''] = request.path.split('/');
  if (kind === 'networks' && verb === 'json') return { name, id: name, subnets: [{ subnet: SUBNET }] };
  if (verb === 'exists' && world.external.has(name)) return undefined;
  const { container = name, Container: id = container } = (request.body ?? {}) as Body;
  const found = world.containers.get(id);
  if (!found) throw refusal(request, 404, `no such container ${id}`);
  return CALLS[verb]?.(world, request, found);
}

type Call = (world: World, request: DialRequest, container: Container) => unknown;

const setUp =
  (status: Container['status']): Call =>
  (world, request, container) => {
    if (container.status === 'created') giveOut(world, request, container);
    container.status = status;
  };

const CALLS: Readonly<Record<string, Call>> = {
  json: (_world, _request, container) => wireOf(container),
  start: setUp('running'),
  init: setUp('initialized'),
  connect: (world, request, container) => {
    if (container.wants !== undefined)
      throw refusal(request, 500, 'container is already connected to network');
    container.wants = (request.body as Body).static_ips?.[0];
    if (container.status !== 'created') giveOut(world, request, container);
  },
  disconnect: ({ given }, request, container) => {
    const { wants, status } = container;
    if (wants === undefined) throw refusal(request, 500, 'container is not connected to network');
    if (status !== 'created') given.delete(wants);
    container.wants = undefined;
    container.has = undefined;
  },
};

const refusal = ({ what }: DialRequest, status: number, message: string): Error =>
  errorOfReply(status, JSON.stringify({ message }), what);

function giveOut({ given }: World, request: DialRequest, container: Container): void {
  const { wants, id } = container;
  if (wants === undefined) return;
  const owner = given.get(wants);
  if (owner !== undefined)
    throw refusal(
      request,
      500,
      `IPAM error: requested ip address ${wants} is already allocated to container ID ${owner}`,
    );
  given.set(wants, id);
  container.has = wants;
}

const wireOf = ({ id, status, wants, has }: Container): object => ({
  Id: id,
  Name: id,
  State: { Status: status, Pid: status === 'created' ? 0 : 1 },
  // Where it is connected by the book only, an inspect of one that runs tells of no network at all.
  NetworkSettings:
    wants === undefined || (status === 'running' && has === undefined)
      ? {}
      : { Networks: { [NETWORK]: { IPAddress: has ?? '', Aliases: ['twin'] } } },
});
