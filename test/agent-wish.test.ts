import { describe, expect, test } from 'vitest';
import { type ResolvedWish, resolveWish } from '../controllers/agent/gather.ts';
import { desiredObject, type ReadableWorld } from '../controllers/world.ts';
import { agentKey, type KeyString, keyString } from '../src/api/key.ts';
import { hashOf } from '../src/state/canonical.ts';
import type { HeldChanges } from '../src/state/desired.ts';
import type { Provision, ProvisionFacts } from '../src/state/provision.ts';
import { aReadableWorld, manifestOf, type Surroundings } from './fakes/readable-world.ts';

const key = agentKey('ns', 'twin');
const IMAGE = 'quay.io/agent:1';
const ready = (facts: ProvisionFacts): Provision => ({ ready: true, facts });
const id = (kind: string, name: string): KeyString => keyString({ kind, namespace: 'ns', name });
const network = ready({
  kind: 'Network',
  podmanName: 'ns.default',
  gateway: '10.0.0.1',
  addresses: { twin: '10.0.0.9' },
  hostsFile: '/hosts',
});
const settings = (digest: string): Provision =>
  ready({ kind: 'ConfigMap', directory: '/c/1', liveDirectory: '/c/live', digest });
const made = ready({ kind: 'Image', id: 'sha256:made', inputHash: 'h' });
const networks = new Map([[id('Network', 'default'), network]]);
const builds = {
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'Image',
  metadata: { name: 'base', namespace: 'ns' },
  spec: { tag: IMAGE, build: { context: './base' } },
};

const wishIn = (world: ReadableWorld): Promise<ResolvedWish> => {
  const agent = desiredObject(world, 'Agent', keyString(key));
  if (!agent) throw new Error('there is no such agent');
  return resolveWish(world, agent);
};
const wishOf = (spec: object = {}, more: Surroundings = {}): Promise<ResolvedWish> =>
  wishIn(
    aReadableWorld({
      provisions: networks,
      ...more,
      manifests: [manifestOf('twin', { image: IMAGE, ...spec }), ...(more.manifests ?? [])],
    }),
  );

describe('the image that an agent asks for', () => {
  const inStorage = { images: { [IMAGE]: 'sha256:here' } };

  test('is the one in local storage, which may be pulled again', async () => {
    const { wish, missing } = await wishOf({}, inStorage);
    expect(missing).toEqual([]);
    expect(wish).toMatchObject({
      template: { image: { reference: IMAGE, id: 'sha256:here' }, network: { mode: 'bridge' } },
      imageKnown: true,
    });
    expect(wish?.image).toStrictEqual({ type: 'Pull', reference: IMAGE, cause: 'is not in local storage' });
  });

  test('is pulled and marked as ours, where it is not there', async () => {
    const { wish, missing } = await wishOf();
    expect(missing).toEqual([]);
    expect(wish).toMatchObject({ template: { image: { reference: IMAGE, id: '' } }, imageKnown: false });
    expect(wish?.image).toMatchObject({
      type: 'Pull',
      mark: expect.stringMatching(/^localhost\/rookery\/pulled-here:/),
    });
  });

  test('is not to be had any other way, where it may not be pulled', async () => {
    const { wish } = await wishOf({ imagePullPolicy: 'Never' });
    expect(wish).toMatchObject({ imageKnown: false });
    expect(Object.keys(wish ?? {})).not.toContain('image');
  });

  test('is the one that a manifest makes, whatever the tag in local storage points at', async () => {
    const provisions = new Map([...networks, [id('Image', 'base'), made] as const]);
    const { wish } = await wishOf({}, { ...inStorage, provisions, manifests: [builds] });
    expect(wish).toMatchObject({ template: { image: { id: 'sha256:made' } }, imageKnown: true });
  });

  test('is waited for, while a manifest makes it', async () => {
    const { wish, missing } = await wishOf({}, { ...inStorage, manifests: [builds] });
    expect(wish).toBeUndefined();
    expect(missing).toEqual([
      { reason: 'ImageNotReady', message: 'Image base: is not built yet', terminal: false },
    ]);
  });
});

describe('what an agent asks for', () => {
  test('is not known, while something that it refers to is missing', async () => {
    const { wish, missing } = await wishOf({}, { provisions: new Map() });
    expect(wish).toBeUndefined();
    expect(missing.map(({ reason }) => reason)).toEqual(['NetworkNotReady']);
  });

  test('is looked at again after the image was looked up, for more may be ready by then', async () => {
    const world = aReadableWorld({ manifests: [manifestOf('twin', { image: IMAGE })] });
    let provisions: ReadonlyMap<KeyString, Provision> = new Map();
    const { missing } = await wishIn({
      ...world,
      provisions: { all: () => provisions },
      images: {
        inspect: async () => {
          provisions = networks;
          return undefined;
        },
      },
    });
    expect(missing).toEqual([]);
  });

  test('has a holder where there may be several of it', async () => {
    const { wish } = await wishOf({ replicas: 2 });
    expect(wish?.holder).toEqual({
      networks: [{ name: 'ns.default', ip: '10.0.0.9', aliases: expect.arrayContaining(['twin']) }],
      ports: [],
    });
    expect(Object.keys((await wishOf()).wish ?? {})).not.toContain('holder');
  });

  test('is nothing, where it needs what is not there yet', async () => {
    const { wish, missing } = await wishOf({ runtime: 'Process' });
    expect(wish).toBeUndefined();
    expect(missing.map(({ reason }) => reason)).toEqual(['NotYetSupported']);
  });

  test('waits for the sync window, where it was found running', async () => {
    const held: HeldChanges = {
      open: false,
      message: 'closed until six',
      waiting: [],
      adopted: [keyString(key)],
    };
    const { wish, missing } = await wishOf({}, { desired: { held } });
    expect(wish).toBeUndefined();
    expect(missing).toEqual([{ reason: 'OutsideSyncWindow', message: 'closed until six', terminal: false }]);
  });
});

describe('the digest of what is mounted', () => {
  const volumes = (...sources: readonly object[]) => ({
    volumes: sources.map((source, index) => ({ name: `v${index}`, ...source })),
  });
  const config = { configMap: { name: 'settings' } };
  const host = (path: string) => ({ hostPath: { path } });
  const inputs = new Map([
    [
      'twin',
      { paths: { './a': '/src/a' }, digests: { './a': 'digest of a', './b': 'digest of b' }, baseImages: [] },
    ],
  ]);
  const provisions = new Map([
    ...networks,
    [id('ConfigMap', 'settings'), settings('digest of settings')] as const,
  ]);

  test.each<[name: string, spec: object, digests: readonly (string | undefined)[]]>([
    ['nothing', {}, []],
    ['a ConfigMap', volumes(config), ['digest of settings']],
    ['a file of the host', volumes(host('./a')), ['digest of a']],
    [
      'several, in their order',
      volumes(host('./b'), config, host('./a')),
      ['digest of b', 'digest of settings', 'digest of a'],
    ],
    ['a ConfigMap that is not ready', volumes({ configMap: { name: 'late' } }), [undefined]],
    ['a directory that begins empty', volumes({ emptyDir: {} }), [undefined]],
  ])('is that of %s', async (_name, spec, digests) => {
    const { wish, missing } = await wishOf(spec, { provisions, inputs });
    expect(missing).toEqual([]);
    expect(wish?.reloadDigest).toBe(hashOf(digests));
  });
});
