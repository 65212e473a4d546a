import { open } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { messageOf } from '../api/errors.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import { findBrokenImage } from './broken-image.ts';
import { packContext } from './build-context.ts';
import { kindOfPullFailure } from './cause.ts';
import type { Dial, DialRequest } from './dial.ts';
import { PodmanError, type PodmanErrorKind } from './errors.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { readJsonLines } from './lines.ts';
import { bareId, observedImage } from './observe.ts';
import type { BuildImage, ImportImage, Podman, Progress } from './podman.ts';
import type { WireImage } from './wire.ts';

/** One message of a build or a pull: a line that a program printed, at most. */
const PROGRESS_LINE_LIMIT_BYTES = 4 * 1024 * 1024;
/** With the API's default format, Docker's, a build never finds its own earlier layers again (4.3, 5.4). */
const OCI_FORMAT = 'application/vnd.oci.image.manifest.v1+json';
const TAR_TYPE = 'application/x-tar';

export type ImageCalls = Pick<
  Podman,
  | 'inspectImage'
  | 'listImages'
  | 'findBrokenImage'
  | 'pullImage'
  | 'buildImage'
  | 'importImage'
  | 'tagImage'
  | 'removeImage'
>;

/** A stream that tells nothing more would keep its lane, and the builds or pulls of all other agents, for ever. */
export interface ImageTimeouts {
  readonly buildMs: number;
  readonly pullMs: number;
}

export const IMAGE_TIMEOUTS: ImageTimeouts = { buildMs: 15 * 60_000, pullMs: 30 * 60_000 };

export function imageCalls(dial: Dial, { buildMs, pullMs }: ImageTimeouts): ImageCalls {
  return {
    async inspectImage(reference) {
      const request = {
        method: 'GET',
        path: `${pathOf(reference)}/json`,
        what: `inspect image ${reference}`,
      };
      const wire = await foundOrUndefined(dial.call<WireImage>({ ...request, method: 'GET' }));
      return wire && observedImage(wire);
    },

    async listImages(labels) {
      const query = labelFilter(labels);
      const reply = await dial.call<WireImage[]>({
        method: 'GET',
        path: '/images/json',
        query,
        what: 'list images',
      });
      return (reply.body ?? []).filter((wire) => hasLabels(wire.Labels, labels)).map(observedImage);
    },

    findBrokenImage: () => findBrokenImage(dial),

    pullImage: (reference, onProgress, signal) => {
      const what = `pull image ${reference}`;
      const query = { reference };
      const path = '/images/pull';
      const request = { method: 'POST', path, query, what, signal, timeoutMs: pullMs } as const;
      return idFromStream(dial, request, onProgress, kindOfPullFailure);
    },

    buildImage: async (request, onProgress, signal) => {
      const call = { ...buildRequest(request, signal), timeoutMs: buildMs };
      return idFromStream(dial, call, onProgress, kindOfBuildFailure);
    },

    importImage: (request, signal) => importImage(dial, request, signal),

    async tagImage(id, reference) {
      const query = splitReference(reference);
      const what = `tag image ${id} as ${reference}`;
      await dial.call({ method: 'POST', path: `${pathOf(id)}/tag`, query, what });
    },

    async removeImage(reference) {
      const what = `remove image ${reference}`;
      await absentIsDone(dial.call({ method: 'DELETE', path: pathOf(reference), what }));
    },
  };
}

const pathOf = (reference: string): string => `/images/${encodeURIComponent(reference)}`;

/** `host:5000/name:tag` → repo and tag: a colon before a slash belongs to the registry's port. */
export function splitReference(reference: string): { readonly repo: string; readonly tag: string } {
  const colon = reference.lastIndexOf(':');
  if (colon <= reference.lastIndexOf('/')) return { repo: reference, tag: 'latest' };
  return { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

function buildRequest(request: BuildImage, signal: AbortSignal): DialRequest {
  const containerfile = containerfileInside(request);
  return {
    method: 'POST',
    path: '/build',
    what: `build image ${request.tags[0] ?? request.contextDir}`,
    query: {
      t: request.tags,
      dockerfile: containerfile,
      buildargs: JSON.stringify(request.args),
      labels: JSON.stringify(request.labels),
      ...(request.target === undefined ? {} : { target: request.target }),
      rm: true,
      forcerm: true,
      layers: true,
      outputformat: OCI_FORMAT,
    },
    upload: {
      data: Readable.from(packContext(request.contextDir, containerfile), { objectMode: false }),
      contentType: TAR_TYPE,
    },
    signal,
  };
}

function containerfileInside(request: BuildImage): string {
  const inside = relative(request.contextDir, resolve(request.contextDir, request.containerfile));
  if (inside !== '' && !inside.startsWith('..')) return inside;
  throw new PodmanError(
    'BadRequest',
    `the Containerfile ${request.containerfile} lies outside the build context ${request.contextDir}`,
  );
}

/** A build that cannot fetch its base fails for the time being; one whose own steps fail has failed. */
function kindOfBuildFailure(text: string): PodmanErrorKind {
  const isBase = /creating build container|pulling|initializing source/.test(text);
  const kind = kindOfPullFailure(text);
  return kind === 'NoSpace' || isBase ? kind : 'BuildFailed';
}

interface StreamMessage {
  readonly stream?: string;
  readonly error?: string;
  readonly id?: string;
}

/** Both answer 200 and tell success and failure in the stream. */
async function idFromStream(
  dial: Dial,
  request: DialRequest,
  onProgress: Progress,
  kindOf: (text: string) => PodmanErrorKind,
): Promise<{ readonly id: string }> {
  let last = '';
  let failure = '';
  for await (const message of readJsonLines<StreamMessage>(dial.stream(request), PROGRESS_LINE_LIMIT_BYTES)) {
    if (message.error) failure = message.error.trim();
    if (message.stream) onProgress(message.stream.trimEnd());
    last = message.id ?? message.stream?.trim() ?? last;
  }
  if (failure) throw new PodmanError(kindOf(failure), `Podman could not ${request.what}: ${failure}`, 200);
  if (!/^(sha256:)?[0-9a-f]{64}$/.test(last)) {
    throw new PodmanError('Unreachable', `Podman could not ${request.what}: its answer ended too early`, 200);
  }
  return { id: bareId(last) };
}

async function importImage(dial: Dial, request: ImportImage, signal: AbortSignal): Promise<{ id: string }> {
  const what = `import image ${request.reference}`;
  const data = 'archive' in request ? request.archive : await archiveOf(request.tarFile, what);
  const reply = await dial.call<{ readonly Id?: string }>({
    method: 'POST',
    path: '/images/import',
    query: { reference: request.reference, changes: request.changes },
    upload: { data, contentType: TAR_TYPE },
    what,
    signal,
    timeoutMs: IMPORT_TIMEOUT_MS,
  });
  return { id: bareId(reply.body?.Id ?? '') };
}

async function archiveOf(tarFile: string, what: string): Promise<Readable> {
  const file = await open(tarFile).catch((error: unknown) => {
    throw new PodmanError('BadRequest', `Podman could not ${what}: ${messageOf(error)}`);
  });
  return file.createReadStream();
}

/** A few hundred megabytes on a slow disk. */
const IMPORT_TIMEOUT_MS = 15 * 60_000;
