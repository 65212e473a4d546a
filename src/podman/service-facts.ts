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

/** A process outside of every user namespace maps all ids to themselves. */
const ALL_IDS = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * `/info` starts a dozen processes (150 ms at rest, 700 ms on a busy host). A socket of root's is root's Podman; for
 * any other it is asked once for each socket and version, because an administrator may give root's to a user.
 */
export async function serviceFacts(podman: Podman, service: ServiceIdentity): Promise<ServiceFacts> {
  if (await isOwnedByRoot(service.socket)) return { version: service.apiVersion, rootless: false };
  const identity = await identityOf(service);
  const known = parse(await readFile(service.cacheFile, 'utf8').catch(() => ''));
  if (known?.identity === identity) return known.facts;
  const { version, rootless } = await podman.info();
  const facts: ServiceFacts = { version, rootless };
  const text = `${JSON.stringify({ identity, facts })}\n`;
  // A directory that cannot be written costs only the time.
  await writeFile(service.cacheFile, text, { mode: 0o600 }).catch(() => undefined);
  return facts;
}

/** Inside a user namespace a user's own files look like root's. */
async function isOwnedByRoot(socket: string): Promise<boolean> {
  const idMap = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  return ALL_IDS.test(idMap) && (await stat(socket)).uid === 0;
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
