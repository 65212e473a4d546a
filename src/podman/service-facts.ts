import { readFile, stat, writeFile } from 'node:fs/promises';
import type { Podman } from './podman.ts';

/** What Podman says of itself and cannot change as long as its socket lives. */
export interface ServiceFacts {
  readonly version: string;
  readonly rootless: boolean;
}

export interface ServiceIdentity {
  readonly socket: string;
  readonly apiVersion: string;
  /** Where the facts are kept from run to run. */
  readonly cacheFile: string;
}

/**
 * `/info` starts a dozen processes (150 ms at rest, 700 ms on a busy host), so it is asked once for each socket and
 * version. The owner of the socket would be a guess: an administrator may give root's socket to a user.
 */
export async function serviceFacts(podman: Podman, service: ServiceIdentity): Promise<ServiceFacts> {
  const identity = await identityOf(service);
  const known = parse(await readFile(service.cacheFile, 'utf8').catch(() => ''));
  if (known?.identity === identity) return known.facts;
  const { version, rootless } = await podman.info();
  const facts: ServiceFacts = { version, rootless };
  // A directory that cannot be written costs only the time.
  await writeFile(service.cacheFile, `${JSON.stringify({ identity, facts })}\n`, { mode: 0o600 }).catch(
    () => undefined,
  );
  return facts;
}

/** A socket that was made anew may be another Podman's, even with the old one's inode. */
async function identityOf({ socket, apiVersion }: ServiceIdentity): Promise<string> {
  const { dev, ino, ctimeNs } = await stat(socket, { bigint: true });
  return [socket, dev, ino, ctimeNs, apiVersion].join(' ');
}

function parse(text: string): { readonly identity: string; readonly facts: ServiceFacts } | undefined {
  try {
    const { identity, facts } = JSON.parse(text) as { identity?: unknown; facts?: Partial<ServiceFacts> };
    const { version, rootless } = facts ?? {};
    const isWhole =
      typeof identity === 'string' && typeof version === 'string' && typeof rootless === 'boolean';
    return isWhole ? { identity, facts: { version, rootless } } : undefined;
  } catch {
    return undefined;
  }
}
