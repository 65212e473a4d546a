import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/manager/clock.ts';
import { createLibpod } from '../../src/podman/libpod.ts';
import type { Labels, Podman } from '../../src/podman/podman.ts';
import type { Traffic } from '../../src/podman/traffic.ts';
import { networkNamespaceOf } from '../../src/probe/namespace.ts';
import { type ContainerTemplate, EMPTY_TEMPLATE } from '../../src/state/template.ts';
import { createTraffic } from '../../src/traffic/traffic.ts';
import { createFakePodman } from '../fakes/fake-podman.ts';
import { BUSYBOX, ensureBusybox } from './busybox.ts';
import { PROGRAMS, type ProgramName, programOf, READY } from './programs.ts';

/** One Podman to try, with names that nobody else has. Everything made with `name()` and `labels` goes at the end. */
export interface Bench {
  readonly podman: Podman;
  readonly traffic: Traffic;
  readonly labels: Labels;
  readonly imageId: string;
  name(suffix: string): string;
  template(program: ProgramName, changes?: Partial<ContainerTemplate>): ContainerTemplate;
  /** Creates a container called `name(suffix)`, and says its name. */
  create(suffix: string, program: ProgramName, changes?: Partial<ContainerTemplate>): Promise<string>;
  /** Starts a `server`, and waits until it hears a signal: the kernel keeps an earlier one from a container's first process. */
  serve(name: string): Promise<void>;
  cleanUp(): Promise<void>;
}

export interface Subject {
  readonly name: string;
  /** For a look at what `Podman` does not tell; only a real one has it. */
  readonly socketPath?: string;
  /** Where files of this host are that it sees too. */
  readonly filesDir: string;
  open(): Promise<Bench>;
}

const socketIn = (variable: string): string | undefined =>
  process.env[variable]?.replace(/^unix:\/\//, '') || undefined;

const socket = socketIn('ROOKERY_TEST_PODMAN');
/** A newer Podman, where the test command could start one. */
const nextSocket = socketIn('ROOKERY_TEST_PODMAN_NEXT');
const fakeOnly = process.env['ROOKERY_TEST_FAKE_ONLY'] === '1';

/** The fake always; the real ones too, unless somebody said in so many words that they are not wanted. */
export function subjects(): readonly Subject[] {
  return [fake, ...realSubjects()];
}

/** For what only a real process can show. */
export function realSubjects(): readonly Subject[] {
  if (!socket) return fakeOnly ? [] : [missing];
  return [real('Podman', socket), ...(nextSocket ? [next(nextSocket)] : [])];
}

export const real = (name: string, socketPath: string): Subject => ({
  name,
  socketPath,
  filesDir: tmpdir(),
  open: () => openReal(socketPath),
});

/** It sees nothing of this host but what is beside its socket. */
const next = (socketPath: string): Subject => ({
  ...real('the newer Podman', socketPath),
  filesDir: dirname(socketPath),
});

const missing: Subject = {
  name: 'Podman',
  filesDir: tmpdir(),
  open: () => {
    throw new Error(
      'no real Podman to test: set ROOKERY_TEST_PODMAN to the path of its socket (npm test does), or ROOKERY_TEST_FAKE_ONLY=1 to do without',
    );
  },
};

const fake: Subject = {
  name: 'fake',
  filesDir: tmpdir(),
  open: async () => {
    const podman = createFakePodman({ clock: systemClock, program: programOf });
    return bench({ podman, traffic: podman.controls.traffic }, podman.controls.addImage(BUSYBOX));
  },
};

async function openReal(socketPath: string): Promise<Bench> {
  const podman = createLibpod({ socketPath, now: Date.now });
  const traffic = createTraffic({ enter: (pid) => networkNamespaceOf(pid)?.enter });
  return bench({ podman, traffic }, await ensureBusybox(podman));
}

function bench({ podman, traffic }: Pick<Bench, 'podman' | 'traffic'>, imageId: string): Bench {
  const run = `rkt-${randomBytes(4).toString('hex')}`;
  const labels = { 'test.run': run };
  const template: Bench['template'] = (program, changes) => ({ ...templateOf(imageId, program), ...changes });
  return {
    podman,
    traffic,
    labels,
    imageId,
    template,
    name: (suffix) => `${run}-${suffix}`,
    create: async (suffix, program, changes) => {
      const name = `${run}-${suffix}`;
      await podman.createContainer({ name, template: template(program, changes), labels, annotations: {} });
      return name;
    },
    serve: async (name) => {
      await podman.startContainer(name);
      await eventually(() => hasSaid(podman, name, READY));
    },
    cleanUp: () => cleanUp(podman, run, labels),
  };
}

const templateOf = (imageId: string, program: ProgramName): ContainerTemplate => ({
  image: { reference: BUSYBOX, id: imageId },
  ...PROGRAMS[program].template,
  ...EMPTY_TEMPLATE,
  env: { PROGRAM: program },
  network: { mode: 'none' },
  security: { ...EMPTY_TEMPLATE.security, dropCapabilities: ['ALL'] },
  stopGraceSeconds: 1,
});

async function hasSaid(podman: Podman, name: string, word: string): Promise<boolean> {
  for await (const { text } of podman.logs(name, { follow: false, timestamps: false }, never))
    if (text === word) return true;
  return false;
}

async function cleanUp(podman: Podman, run: string, labels: Labels): Promise<void> {
  for (const pod of await podman.listPods(labels)) await podman.removePod(pod.id);
  for (const container of await podman.listContainers(labels)) await podman.removeContainer(container.id);
  for (const network of await podman.listNetworks(labels)) await podman.removeNetwork(network.name);
  for (const volume of await podman.listVolumes(labels)) await podman.removeVolume(volume.name);
  for (const secret of await podman.listSecrets(run)) await podman.removeSecret(secret);
  for (const image of await podman.listImages(labels)) {
    for (const reference of image.references) await podman.removeImage(reference);
    await podman.removeImage(image.id);
  }
}

/** Waits for a condition, not for a time. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const endMs = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > endMs) throw new Error(`it did not happen within ${limitMs} ms: ${look.toString()}`);
    await sleep(20);
  }
}

export const untilState = (podman: Podman, name: string, state: string) =>
  eventually(async () => {
    const container = await podman.inspectContainer(name);
    return container?.state === state && container;
  });

/** Nobody ends it. */
export const never = new AbortController().signal;
