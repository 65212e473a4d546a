import { messageOf } from '../api/errors.ts';
import { createLibpod } from './libpod.ts';
import { PodmanError } from './errors.ts';
import type { Podman } from './podman.ts';

/** The first of these sockets that answers as Podman. Throws `PodmanError` (`Unreachable`) that says what to do. */
export async function connectPodman(
  sockets: readonly string[],
): Promise<{ readonly podman: Podman; readonly socket: string; readonly apiVersion: string }> {
  const tried: string[] = [];
  for (const socketPath of sockets) {
    const podman = createLibpod({ socketPath });
    try {
      const { apiVersion } = await podman.ping();
      return { podman, socket: socketPath, apiVersion };
    } catch (error) {
      tried.push(`${socketPath}: ${messageOf(error)}`);
    }
  }
  const advice =
    'start one with "systemctl --user enable --now podman.socket" (root: without --user), or set CONTAINER_HOST';
  throw new PodmanError('Unreachable', `no Podman API answers; ${advice}\n  ${tried.join('\n  ')}`);
}
