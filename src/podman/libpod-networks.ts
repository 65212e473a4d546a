import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { observedNetwork } from './observe.ts';
import type { CreateNetwork, Podman } from './podman.ts';
import { ALREADY_CONNECTED, isHalfConnected } from './reclaim-addresses.ts';
import { refusalOf } from './refusal.ts';
import { staticAddress } from './static-address.ts';
import type { WireNetwork } from './wire.ts';

type NetworkCalls = Pick<
  Podman,
  | 'listNetworks'
  | 'inspectNetwork'
  | 'createNetwork'
  | 'removeNetwork'
  | 'connectNetwork'
  | 'disconnectNetwork'
>;

export function networkCalls(dial: Dial): NetworkCalls {
  return {
    async listNetworks(labels) {
      const query = labelFilter(labels);
      const what = 'list networks';
      const reply = await dial.call<WireNetwork[]>({ method: 'GET', path: '/networks/json', query, what });
      return (reply.body ?? []).filter((wire) => hasLabels(wire.labels, labels)).map(observedNetwork);
    },

    async inspectNetwork(name) {
      const what = `inspect network ${name}`;
      const path = `${pathOf(name)}/json`;
      const wire = await foundOrUndefined(dial.call<WireNetwork>({ method: 'GET', path, what }));
      return wire && observedNetwork(wire);
    },

    async createNetwork(request) {
      const what = `create network ${request.name}`;
      const path = '/networks/create';
      const reply = await dial.call<WireNetwork>({ method: 'POST', path, body: networkBody(request), what });
      return observedNetwork(reply.body ?? { name: request.name, id: '' });
    },

    async removeNetwork(name) {
      await absentIsDone(dial.call({ method: 'DELETE', path: pathOf(name), what: `remove network ${name}` }));
    },

    connectNetwork: (network, container, options) => connect(dial, { network, container, ...options }),

    disconnectNetwork: (network, container) => disconnect(dial, { network, container }),
  };
}

interface Connection {
  readonly network: string;
  readonly container: string;
  readonly ip?: string;
  readonly aliases: readonly string[];
}

/** Takes a connection that was forgotten half way apart first: its end is refused, and gives the address back. */
async function connect(dial: Dial, connection: Connection): Promise<void> {
  const refusal = await refusalOf(tryConnect(dial, connection));
  if (!refusal) return;
  if (await isHalfConnected(dial, connection, refusal)) {
    await refusalOf(disconnect(dial, connection));
    await tryConnect(dial, connection);
  } else if (!ALREADY_CONNECTED.test(refusal.message)) throw refusal;
}

async function tryConnect(dial: Dial, { network, container, ip, aliases }: Connection): Promise<void> {
  const body = { container, aliases, ...staticAddress(ip) };
  const what = `connect container ${container} to network ${network}`;
  await dial.call({ method: 'POST', path: `${pathOf(network)}/connect`, body, what });
}

/** One that was made before, by us and unnoticed, is no failure. */
async function disconnect(
  dial: Dial,
  { network, container }: Pick<Connection, 'network' | 'container'>,
): Promise<void> {
  const body = { Container: container, Force: true };
  const what = `disconnect container ${container} from network ${network}`;
  const refusal = await refusalOf(
    dial.call({ method: 'POST', path: `${pathOf(network)}/disconnect`, body, what }),
  );
  if (refusal && !refusal.message.includes('is not connected')) throw refusal;
}

const pathOf = (name: string): string => `/networks/${encodeURIComponent(name)}`;

/** Without subnets Podman takes a free one of its pools. */
const networkBody = (request: CreateNetwork): object => ({
  name: request.name,
  driver: request.driver,
  internal: request.internal,
  dns_enabled: request.dns,
  options: request.options,
  labels: request.labels,
  ...(request.subnets.length === 0 ? {} : { subnets: request.subnets.map((subnet) => ({ subnet })) }),
});
