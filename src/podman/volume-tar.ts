import { existsSync } from 'node:fs';
import { LABEL_PREFIX } from '../api/labels.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import { containerPath } from './inspect-container.ts';
import { logCalls } from './libpod-logs.ts';
import type { WireContainer, WireImage } from './wire.ts';

export const VOLUME = '/volume';
export const FILES = '/files';
const EXPORT_OF = `${LABEL_PREFIX}export-of`;
const TAR_TIMEOUT_MS = 30 * 60_000;
const SAID_LINES = 5;
const SAID_TIMEOUT_MS = 10_000;
/** What tar(1) of the host needs to run. */
const PROGRAMS = ['/usr', '/bin', '/lib', '/lib64'];

export interface TarWork {
  readonly volume: string;
  /** Of the host; is at `FILES`. */
  readonly filesDirectory: string;
  readonly writes: 'Volume' | 'Files';
  readonly args: readonly string[];
  /** Completes "Podman could not …". */
  readonly what: string;
}

/**
 * The API can neither export nor import a volume before 5.6, and reading files out of a container forgets who owns them.
 * So tar(1) of the host does it, in a container of any local image: only there rootless Podman sees the owners. What
 * `prepare` does comes first; when it throws, tar does not run.
 * @throws PodmanError ImageUnknown when there is no image at all to make that container from
 */
export async function runTar(
  dial: Dial,
  work: TarWork,
  prepare: (container: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const { volume, what } = work;
  await requireVolume(dial, volume, what);
  const container = `${volume}-export`;
  await removeLeftover(dial, container, work);
  await createHelper(dial, container, work);
  try {
    await prepare(container);
    await run(dial, container, what);
  } finally {
    await removeHelper(dial, container, what);
  }
}

/** Naming an unknown volume in a container would create it. */
const requireVolume = (dial: Dial, volume: string, what: string): Promise<unknown> =>
  dial.call({ method: 'GET', path: `/volumes/${encodeURIComponent(volume)}/json`, what });

async function createHelper(dial: Dial, name: string, work: TarWork): Promise<void> {
  const { volume, filesDirectory, writes, args, what } = work;
  const images = await dial.call<WireImage[]>({ method: 'GET', path: '/images/json', what });
  const image = images.body?.[0]?.Id;
  if (image === undefined) {
    throw new PodmanError(
      'ImageUnknown',
      `Podman could not ${what}: that needs a local image, and there is none`,
    );
  }
  const body = {
    name,
    image,
    labels: { [EXPORT_OF]: volume },
    user: '0',
    entrypoint: ['/bin/tar'],
    command: args,
    netns: { nsmode: 'none' },
    no_new_privileges: true,
    // Its label would keep it from the programs of the host.
    selinux_opts: ['disable'],
    log_configuration: { driver: 'k8s-file' },
    // What the image has there must not be copied into the volume.
    volumes: [{ Name: volume, Dest: VOLUME, Options: [writes === 'Volume' ? 'rw' : 'ro', 'nocopy'] }],
    mounts: [
      ...PROGRAMS.filter((path) => existsSync(path)).map((path) => bind(path, path, 'ro')),
      bind(filesDirectory, FILES, writes === 'Files' ? 'rw' : 'ro'),
    ],
  };
  await dial.call({ method: 'POST', path: '/containers/create', body, what });
}

const bind = (source: string, destination: string, mode: 'ro' | 'rw'): object => ({
  type: 'bind',
  source,
  destination,
  options: ['rbind', mode],
});

async function run(dial: Dial, container: string, what: string): Promise<void> {
  const path = containerPath(container);
  await dial.call({ method: 'POST', path: `${path}/start`, what });
  const query = { condition: 'stopped' };
  const call = { method: 'POST', path: `${path}/wait`, query, what, timeoutMs: TAR_TIMEOUT_MS } as const;
  const { body: exitCode } = await dial.call<number>(call);
  if (exitCode === 0) return;
  throw new PodmanError('Other', `Podman could not ${what}: ${await lastWords(dial, container)}`);
}

async function lastWords(dial: Dial, container: string): Promise<string> {
  const options = { follow: false, timestamps: false, tailLines: SAID_LINES };
  const lines: string[] = [];
  for await (const { text } of logCalls(dial).logs(container, options, AbortSignal.timeout(SAID_TIMEOUT_MS)))
    lines.push(text);
  return lines.join('; ') || 'tar says nothing of it';
}

/** What a crash left. Somebody else's container of that name is never touched. */
async function removeLeftover(dial: Dial, name: string, { volume, what }: TarWork): Promise<void> {
  const path = `${containerPath(name)}/json`;
  const found = await foundOrUndefined(dial.call<WireContainer>({ method: 'GET', path, what }));
  if (found?.Config?.Labels?.[EXPORT_OF] === volume) return removeHelper(dial, name, what);
  if (found)
    throw new PodmanError(
      'NameInUse',
      `Podman could not ${what}: something else has a container ${name}; rename it`,
    );
}

const removeHelper = (dial: Dial, name: string, what: string): Promise<void> =>
  absentIsDone(
    dial.call({
      method: 'DELETE',
      path: containerPath(name),
      query: { force: true, timeout: 0, v: true },
      what,
    }),
  );
