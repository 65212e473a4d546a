import { statSync } from 'node:fs';
import { messageOf } from '../api/errors.ts';
import { createLibpod } from './libpod.ts';
import { PodmanError } from './errors.ts';
import type { Podman } from './podman.ts';

/** It is told the values of secrets: in a directory such as /tmp, anybody may have put a socket of theirs. */
function refuseOthersSocket(path: string): void {
  const uid = statSync(path, { throwIfNoEntry: false })?.uid;
  if (uid === undefined || uid === 0 || uid === process.getuid?.()) return;
  throw new Error(`it belongs to user ${uid}, and would be told the values of secrets`);
}

/** The first of these sockets that answers as Podman. Throws `PodmanError` (`Unreachable`) that says what to do. */
export async function connectPodman(
  sockets: readonly string[],
  now: () => number,
): Promise<{ readonly podman: Podman; readonly socket: string; readonly apiVersion: string }> {
  const tried: string[] = [];
  for (const socketPath of sockets) {
    const podman = createLibpod({ socketPath, now });
    try {
      refuseOthersSocket(socketPath);
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
