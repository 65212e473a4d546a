import { setTimeout as sleep } from 'node:timers/promises';
import { labels as names, MANAGER } from '../api/labels.ts';
import { messageOf } from '../api/errors.ts';
import { type ContainerTemplate, EMPTY_TEMPLATE } from '../state/template.ts';
import type { Labels, Podman } from './podman.ts';

/** What came of one container asking for another by its name. */
export type NameLookup =
  | { readonly type: 'Found'; readonly image: string; readonly tookMs: number }
  | { readonly type: 'NotFound'; readonly image: string; readonly output: string }
  /** No image at hand has a shell, and something to ask with. */
  | { readonly type: 'LeftOut'; readonly why: string };

export interface LookupOptions {
  readonly podman: Podman;
  /** Part of the names of what is made, which all goes again. */
  readonly run: string;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

const ROLE = 'doctor';
const OURS: Labels = { [names.managedBy]: MANAGER, [names.role]: ROLE };
const PEER = 'rookery-peer';
const MOST_IMAGES = 3;
const ASK_TIMES = 6;
const LOOK_AGAIN_MS = 200;
/** Another run that goes on at this moment is younger. */
const ABANDONED_MS = 60_000;
/** Says that the image has nothing to ask with. */
const NO_TOOL = 42;
const ASK = [
  `ask() { getent hosts ${PEER} || nslookup ${PEER} || busybox nslookup ${PEER}; }`,
  `command -v getent || command -v nslookup || command -v busybox || exit ${NO_TOOL}`,
  `for try in $(seq ${ASK_TIMES}); do ask && exit 0; sleep 1; done; exit 1`,
].join('\n');

/** Two short-lived containers on a network of their own; whatever happens, all three are gone afterwards. */
export async function lookUpName(options: LookupOptions): Promise<NameLookup> {
  const { podman, run, signal } = options;
  await sweep(options);
  const images = (await podman.listImages({})).filter(({ references }) => references.length > 0);
  if (images.length === 0) return { type: 'LeftOut', why: 'there is no image on this host' };
  const network = `rookery-doctor-${run}`;
  try {
    await podman.createNetwork({
      name: network,
      driver: 'bridge',
      subnets: [],
      internal: true,
      dns: true,
      options: {},
      labels: OURS,
    });
    for (const [index, { id, references }] of images.slice(0, MOST_IMAGES).entries()) {
      signal.throwIfAborted();
      const image = { id, reference: references[0] ?? id };
      const found = await tryImage(options, { image, network, name: `${network}-${index}` });
      if (found) return found;
    }
    const tried = images.slice(0, MOST_IMAGES).map(({ references }) => references[0]);
    return { type: 'LeftOut', why: `no shell with getent or nslookup in ${tried.join(', ')}` };
  } finally {
    await podman.removeNetwork(network);
  }
}

interface Attempt {
  readonly image: ContainerTemplate['image'];
  readonly network: string;
  readonly name: string;
}

async function tryImage(options: LookupOptions, attempt: Attempt): Promise<NameLookup | undefined> {
  const { podman, now } = options;
  const [peer, asker] = [`${attempt.name}-peer`, `${attempt.name}-asker`];
  try {
    if (!(await runs(podman, attempt, { name: peer, script: 'sleep 60', alias: PEER }))) return undefined;
    const startedAtMs = now();
    if (!(await runs(podman, attempt, { name: asker, script: ASK, alias: 'rookery-asker' })))
      return undefined;
    const exitCode = await exitOf(options, asker);
    const image = attempt.image.reference;
    if (exitCode === 0) return { type: 'Found', image, tookMs: now() - startedAtMs };
    if (exitCode === NO_TOOL) return undefined;
    return { type: 'NotFound', image, output: await lastLine(options, asker) };
  } finally {
    await Promise.all([asker, peer].map((name) => podman.removeContainer(name)));
  }
}

interface Member {
  readonly name: string;
  readonly script: string;
  readonly alias: string;
}

/** False for an image that has no shell. */
async function runs(podman: Podman, { image, network }: Attempt, member: Member): Promise<boolean> {
  const { name, script, alias } = member;
  const template: ContainerTemplate = {
    ...EMPTY_TEMPLATE,
    security: { ...EMPTY_TEMPLATE.security, dropCapabilities: ['ALL'] },
    image,
    command: ['sh', '-c', script],
    network: { mode: 'bridge', networks: [{ name: network, aliases: [alias] }] },
  };
  await podman.createContainer({ name, template, labels: OURS, annotations: {} });
  return podman.startContainer(name).then(
    () => true,
    (error: unknown) => {
      if (/executable file|no such file/i.test(messageOf(error))) return false;
      throw error;
    },
  );
}

async function exitOf({ podman, signal }: LookupOptions, name: string): Promise<number> {
  for (;;) {
    const found = await podman.inspectContainer(name);
    if (!found) throw new Error(`${name} was removed by somebody else`);
    if (found.state === 'exited') return found.exitCode;
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

async function lastLine({ podman, signal }: LookupOptions, name: string): Promise<string> {
  let last = '';
  for await (const { text } of podman.logs(name, { follow: false, timestamps: false, tailLines: 5 }, signal))
    if (text.trim() !== '') last = text.trim();
  return last;
}

/** Of a run that was killed before it could clean up. */
async function sweep({ podman, now }: LookupOptions): Promise<void> {
  for (const { name } of await podman.listContainers(OURS)) {
    const found = await podman.inspectContainer(name);
    if (found && now() - found.createdAtMs > ABANDONED_MS) await podman.removeContainer(name);
  }
  for (const { name } of await podman.listNetworks(OURS))
    await podman.removeNetwork(name).catch(() => undefined);
}
