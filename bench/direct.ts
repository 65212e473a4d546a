import { readFile } from 'node:fs/promises';
import { atOnce, createApi, LIBPOD } from './api.ts';

/** What a recorded run of Rookery asked Podman for. */
export interface Replay {
  readonly socket: string;
  readonly networks: readonly unknown[];
  readonly containers: readonly { readonly name: string }[];
}

/** Four at once is as fast as two cores get; Rookery's own lane is as wide. */
const WIDTH = 4;

/**
 * The baseline: the networks, then each container's create and start, with the very bodies that Rookery sent (static
 * addresses, hosts file, privileges, labels and all), and nothing else: no look before, no look after, no state kept.
 */
export async function direct(file: string): Promise<void> {
  const { socket, networks, containers } = JSON.parse(await readFile(file, 'utf8')) as Replay;
  const api = createApi(socket, WIDTH);
  for (const network of networks) await api.ok('POST', `${LIBPOD}/networks/create`, network);
  await atOnce(WIDTH, containers, async (container) => {
    await api.ok('POST', `${LIBPOD}/containers/create`, container);
    await api.ok('POST', `${LIBPOD}/containers/${container.name}/start`);
  });
  api.close();
}
