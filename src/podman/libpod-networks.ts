import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { observedNetwork } from './observe.ts';
import type { CreateNetwork, Podman } from './podman.ts';
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

    async connectNetwork(network, container, options) {
      const { ip, aliases } = options;
      const body = { container, aliases, ...staticAddress(ip) };
      const what = `connect container ${container} to network ${network}`;
      const path = `${pathOf(network)}/connect`;
      await doneAlready(dial.call({ method: 'POST', path, body, what }), 'is already connected');
    },

    async disconnectNetwork(network, container) {
      const body = { Container: container, Force: true };
      const what = `disconnect container ${container} from network ${network}`;
      const path = `${pathOf(network)}/disconnect`;
      await doneAlready(dial.call({ method: 'POST', path, body, what }), 'is not connected');
    },
  };
}

const pathOf = (name: string): string => `/networks/${encodeURIComponent(name)}`;

/** A call that was made before, by us and unnoticed, is no failure. */
async function doneAlready(call: Promise<unknown>, words: string): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof PodmanError) || !error.message.includes(words)) throw error;
  });
}

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
