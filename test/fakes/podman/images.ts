import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageCalls } from '../../../src/podman/libpod-images.ts';
import type { BuildImage, ImportImage, Labels } from '../../../src/podman/podman.ts';
import { failure, fakeId, matches, type World } from './world.ts';

export function fakeImages(world: World): ImageCalls {
  return {
    inspectImage: async (reference) => {
      if ([...world.brokenImages.values()].includes(reference))
        throw failure('Other', 'runtime error: invalid memory address or nil pointer dereference');
      return find(world, reference);
    },
    listImages: async (labels) => {
      for (const [broken, hidden] of world.brokenImages)
        if (hidden !== undefined)
          throw failure(
            'Other',
            `locating item named "manifest" for image with ID "${broken}": file does not exist`,
          );
      return [...world.images.values()].filter((image) => matches(image.labels, labels));
    },
    findBrokenImage: async () => world.brokenImages.keys().next().value,

    pullImage: async (reference, onProgress, signal) => {
      signal.throwIfAborted();
      onProgress(`Trying to pull ${reference}...`);
      const labels = world.registry.get(reference);
      if (labels) return { id: addImage(world, reference, { labels, contents: `pulled ${reference}` }) };
      if (reference.startsWith('localhost/')) throw failure('ImageUnknown', `${reference}: nobody serves it`);
      throw failure('RegistryUnavailable', `pinging container registry for ${reference}: connection refused`);
    },

    buildImage: async (request, onProgress, signal) => {
      signal.throwIfAborted();
      const contents = build(world, request, onProgress);
      const [first = '', ...others] = request.tags;
      const id = addImage(world, first, { labels: request.labels, contents });
      for (const tag of others) setReference(world, id, tag);
      return { id };
    },

    importImage: async (request, signal) => {
      signal.throwIfAborted();
      const { reference, changes } = request;
      const labels = Object.fromEntries(changes.flatMap(labelOf));
      return {
        id: addImage(world, reference, { labels, contents: `${archiveOf(request)} ${changes.join('\n')}` }),
      };
    },

    tagImage: async (id, reference) => {
      const image = find(world, id);
      if (!image) throw failure('ImageUnknown', `failed to find image ${id}: image not known`, 404);
      setReference(world, image.id, reference);
    },

    removeImage: async (reference) => removeImage(world, reference),
  };
}

function archiveOf(request: ImportImage): string {
  if ('archive' in request) return fakeId(request.archive.toString('latin1'));
  const { tarFile } = request;
  if (!existsSync(tarFile)) throw failure('BadRequest', `open ${tarFile}: no such file or directory`);
  return tarFile;
}

const find = (world: World, reference: string) =>
  world.images.get(reference) ??
  [...world.images.values()].find((image) => image.references.includes(withTag(reference)));

const withTag = (reference: string): string =>
  reference.lastIndexOf(':') > reference.lastIndexOf('/') ? reference : `${reference}:latest`;

export function addImage(
  world: World,
  reference: string,
  made: { readonly labels?: Labels; readonly contents: string },
): string {
  const id = fakeId(`image ${made.contents} ${JSON.stringify(made.labels ?? {})}`);
  const references = world.images.get(id)?.references ?? [];
  world.images.set(id, { id, references, labels: structuredClone(made.labels ?? {}) });
  if (reference !== '') setReference(world, id, reference);
  return id;
}

/** A reference names one image: it leaves the one that had it. */
function setReference(world: World, id: string, reference: string): void {
  const wanted = withTag(reference);
  for (const image of world.images.values()) {
    const references = image.references.filter((other) => other !== wanted);
    world.images.set(image.id, {
      ...image,
      references: image.id === id ? [...references, wanted] : references,
    });
  }
  world.emit({ type: 'image', action: 'tag', id, name: wanted, labels: {} });
}

function removeImage(world: World, reference: string): void {
  if (world.brokenImages.delete(reference)) return;
  const image = find(world, reference);
  if (!image) return;
  const references = image.references.filter((other) => other !== withTag(reference));
  const untagsOne = references.length < image.references.length;
  if (untagsOne && references.length > 0) {
    world.images.set(image.id, { ...image, references });
    return;
  }
  const used = [...world.containers.values()].some(({ request }) => request.template.image.id === image.id);
  if (used) throw failure('InUse', `image used by a container: image is in use by a container`, 409);
  world.images.delete(image.id);
  world.emit({ type: 'image', action: 'remove', id: image.id, name: reference, labels: {} });
}

/** The same inputs give the same image, as with a warm cache. A Containerfile that is really there is looked into. */
function build(world: World, request: BuildImage, onProgress: (line: string) => void): string {
  const text = textOf(join(request.contextDir, request.containerfile));
  for (const [step, line] of (text ?? '').split('\n').entries()) {
    if (line.trim() !== '') onProgress(`STEP ${step + 1}: ${line}`);
    const base = /^FROM\s+(\S+)/.exec(line)?.[1];
    if (base !== undefined && !find(world, base)) {
      throw failure('ImageUnknown', `creating build container: initializing source docker://${base}`, 200);
    }
    if (/^RUN\s+(false|exit [1-9])/.test(line)) {
      throw failure('BuildFailed', `building at STEP "${line}": while running runtime: exit status 1`, 200);
    }
  }
  return JSON.stringify([request.contextDir, request.containerfile, request.args, request.target, text]);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function labelOf(change: string): [string, string][] {
  const [, name, value] = /^LABEL\s+([^=\s]+)=(.*)$/i.exec(change) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value.replace(/^"(.*)"$/, '$1')]];
}
