import { createHash } from 'node:crypto';
import type { CallOf } from '../plan/operation.ts';
import { HOLDER_PROGRAM } from '../state/names.ts';
import { EMPTY_TEMPLATE } from '../state/template.ts';
import { holderRootfs } from './holder-program.ts';
import type { CreateContainer, Podman } from './podman.ts';

/** Traffic passes through: the namespace is a router for its replicas. */
const SYSCTLS = { 'net.ipv4.ip_forward': '1' };
/** Nobody: the program needs no right at all, and 65534 is not mapped for every rootless user. */
const USER = '1:1';

type HolderCall = Pick<CallOf<'CreateHolder'>, 'type' | 'name' | 'template' | 'labels' | 'annotations'>;

/** Its image is made here, once, and again should somebody have pruned it. */
export function createHolderImage(
  podman: Podman,
  architecture: string,
): (signal: AbortSignal) => Promise<string> {
  let importing: Promise<string> | undefined;
  const importIt = async (archive: Buffer, reference: string, signal: AbortSignal): Promise<string> => {
    const changes = [`CMD ["${HOLDER_PROGRAM}"]`];
    return (await podman.importImage({ archive, reference, changes }, signal)).id;
  };
  return async (signal) => {
    const archive = holderRootfs(architecture);
    const reference = `localhost/rookery/holder:${createHash('sha256').update(archive).digest('hex').slice(0, 16)}`;
    const found = await podman.inspectImage(reference);
    if (found) return found.id;
    // Two imports of the same bytes would be two images.
    importing ??= importIt(archive, reference, signal).finally(() => (importing = undefined));
    return importing;
  };
}

export const holderContainer = (
  { name, template, labels, annotations }: HolderCall,
  imageId: string,
): CreateContainer => ({
  name,
  labels,
  annotations,
  sysctls: SYSCTLS,
  template: {
    ...EMPTY_TEMPLATE,
    image: { reference: imageId, id: imageId },
    network: { mode: 'bridge', networks: template.networks },
    ports: template.ports,
    security: { ...EMPTY_TEMPLATE.security, user: USER, dropCapabilities: ['ALL'] },
    stopSignal: 'SIGKILL',
  },
});
