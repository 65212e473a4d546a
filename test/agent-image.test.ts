import { describe, expect, test } from 'vitest';
import { changeGate, changeOf } from '../controllers/agent/change.ts';
import { buildAim, imageWish, marked } from '../controllers/agent/image.ts';
import { agent, type Agent } from '../src/api/agent.ts';
import { agentKey, type KeyString, keyString } from '../src/api/key.ts';
import type { ImageAim } from '../src/plan/aim.ts';
import type { DesiredObject, ResolvedInputs } from '../src/state/desired.ts';
import type { Provision } from '../src/state/provision.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { wishHash } from '../src/state/revision.ts';
import { aView, B } from './fakes/agent-views.ts';
import { desiredFrom } from './fakes/desired-objects.ts';
import { manifestOf } from './fakes/readable-world.ts';
import { serving } from './fakes/update-records.ts';

const imageOf = (tag: string, namespace = 'ns', name = 'base'): DesiredObject =>
  desiredFrom({
    apiVersion: 'rookery.dev/v1alpha1',
    kind: 'Image',
    metadata: { name, namespace },
    spec: { tag, build: { context: './base' } },
  });
const worldOf = (provision?: Provision, ...images: readonly DesiredObject[]) => {
  const [first] = images;
  return {
    objects: new Map(images.map((object) => [keyString(object.key), object])),
    provisions: new Map<KeyString, Provision>(first && provision ? [[keyString(first.key), provision]] : []),
  };
};
const ready: Provision = { ready: true, facts: { kind: 'Image', id: 'sha256:made', inputHash: 'inputs' } };
const TAG = 'localhost/base:1';

describe('an image that a manifest makes', () => {
  const twin = desiredFrom(manifestOf('twin', { image: TAG })) as DesiredObject<Agent>;
  const other = imageOf('localhost/other:1', 'ns', 'other');

  test('is taken as it is made, and not another one', () => {
    expect(imageWish(twin, worldOf(ready, imageOf(TAG), other))).toEqual({
      reference: TAG,
      id: 'sha256:made',
      inputHash: 'inputs',
    });
    expect(imageWish(twin, worldOf(ready, other))).toEqual({
      reference: TAG,
      aim: { type: 'Pull', reference: TAG, cause: 'is not in local storage' },
    });
  });

  test('is looked for in local storage alone, where it may not be pulled', () => {
    const manifest = manifestOf('twin', { image: TAG, imagePullPolicy: 'Never' });
    expect(imageWish(desiredFrom(manifest) as DesiredObject<Agent>, worldOf())).toStrictEqual({
      reference: TAG,
    });
  });

  test.each<[string, Provision | undefined, DesiredObject, object]>([
    [
      'has not been looked at',
      undefined,
      imageOf(TAG),
      { reason: 'ImageNotReady', message: 'Image base: is not built yet', terminal: false },
    ],
    [
      'cannot be built',
      { ready: false, reason: 'BuildFailed', message: 'no such base', terminal: true },
      imageOf(TAG),
      { reason: 'BuildFailed', message: 'Image base: no such base', terminal: true },
    ],
    [
      'belongs to another namespace',
      undefined,
      imageOf(TAG, 'shared'),
      { reason: 'ImageNotReady', message: 'Image shared/base: is not built yet', terminal: false },
    ],
    [
      'is said to be ready, and is none',
      { ready: true, facts: { kind: 'Secret', podmanSecrets: {} } as never },
      imageOf(TAG),
      { reason: 'ImageNotReady', message: 'Image base: is not built yet', terminal: false },
    ],
  ])('is waited for while it %s', (_, provision, image, missing) => {
    expect(imageWish(twin, worldOf(provision, image))).toEqual({ missing });
  });
});

describe('an image that an agent builds', () => {
  const inputs: ResolvedInputs = {
    paths: { './app': '/srv/app' },
    digests: { './app': 'digest' },
    baseImages: [TAG, 'quay.io/base:2'],
  };
  const spec = { image: undefined, build: { context: './app' } };
  const built = (build: object = {}, change: Partial<ResolvedInputs> = {}) => {
    const manifest = agent.parse(manifestOf('twin', { ...spec, build: { ...spec.build, ...build } }));
    const object = { ...desiredFrom(manifestOf('twin')), manifest, inputs: { ...inputs, ...change } };
    return object as DesiredObject<Agent>;
  };
  const aimOf = (object: DesiredObject<Agent>, world = worldOf(ready, imageOf(TAG))): ImageAim => {
    const wish = imageWish(object, world);
    if ('missing' in wish || !wish.aim) throw new Error('it is not built');
    expect(wish.aim.type === 'Build' && wish.aim.tags).toEqual([wish.reference]);
    return wish.aim;
  };

  test('is built from its directory, under a name of what goes in', () => {
    const aim = aimOf(built({ args: { V: '1' }, containerfile: 'Other' }));
    expect(aim).toStrictEqual({
      type: 'Build',
      tags: [expect.stringMatching(/^localhost\/rookery\//)],
      contextDir: '/srv/app',
      containerfile: 'Other',
      args: { V: '1' },
      inputHash: expect.stringMatching(/^[0-9a-f]+$/),
      cause: 'its build context or base image is new',
    });
    expect(aimOf(built({ target: 'last' }))).toMatchObject({ target: 'last' });
    expect(aimOf(built({}, { paths: {} }))).toMatchObject({ contextDir: './app' });
  });

  test.each<[string, DesiredObject<Agent>, ReturnType<typeof worldOf>?]>([
    ['its directory', built({}, { digests: { './app': 'other' } })],
    ['its Containerfile', built({ containerfile: 'Other' })],
    ['an argument', built({ args: { V: '1' } })],
    ['its stage', built({ target: 'last' })],
    ['the name of its base', built({}, { baseImages: [TAG, 'quay.io/base:3'] })],
    [
      'what its base is made of',
      built(),
      worldOf({ ...ready, facts: { kind: 'Image', id: 'x', inputHash: 'others' } }, imageOf(TAG)),
    ],
    ['who makes its base', built(), worldOf()],
  ])('is another one when %s changes', (_, object, world) => {
    expect(nameOf(aimOf(object, world))).not.toBe(nameOf(aimOf(built())));
  });
  const nameOf = (aim: ImageAim): string | undefined => (aim.type === 'Build' ? aim.tags[0] : aim.reference);

  test('is not known by the id of its base, only by what that is made of', () => {
    const again: Provision = { ready: true, facts: { kind: 'Image', id: 'again', inputHash: 'inputs' } };
    expect(aimOf(built(), worldOf(again, imageOf(TAG)))).toEqual(aimOf(built()));
  });

  test('waits for its base', () => {
    const missing = { reason: 'ImageNotReady', message: 'Image base: is not built yet', terminal: false };
    expect(imageWish(built(), worldOf(undefined, imageOf(TAG)))).toEqual({ missing });
    const { build } = built().manifest.spec;
    expect(build && buildAim(built(), build, worldOf(undefined, imageOf(TAG)))).toEqual({ missing });
  });

  test('is ours by its name, and marked by nothing else', () => {
    const installation = { id: 'here', hmacKey: new Uint8Array(32) };
    const pull: ImageAim = { type: 'Pull', reference: TAG, cause: 'because' };
    expect(marked(aimOf(built()), false, installation)).toEqual(aimOf(built()));
    expect(marked(pull, true, installation)).toEqual(pull);
    expect(marked(pull, false, installation)).toMatchObject({ mark: expect.stringMatching(/pulled-here/) });
  });
});

describe('agents are of one change', () => {
  const digest = () => 'digest';
  const withImage = (id: string): Revision['template'] => ({ ...B.template, image: { reference: TAG, id } });
  const wish = (template: Revision['template'], imageKnown = true) => ({
    template,
    imageKnown,
    reloadDigest: '',
  });
  const { record } = aView('Healthy', {
    record: {
      ...serving,
      revisions: [{ ...B, template: withImage('old') }],
      wishHash: wishHash(withImage('old')),
      change: 'files-before',
    },
  });

  test.each<[string, Parameters<typeof changeOf>[0], string | undefined]>([
    ['of none before they were seen', { record: undefined, wish: wish(B.template), digest }, undefined],
    ['that they followed, while nobody knows more', { record, wish: undefined, digest }, 'files-before'],
    ['that one edit makes', { record, wish: wish(B.template), digest }, 'files-digest'],
    [
      'that they followed, while nothing differs',
      { record, wish: wish(withImage('old')), digest },
      'files-before',
    ],
    [
      'that a new image makes',
      { record, wish: wish(withImage('0123456789abcdef')), digest },
      'image-0123456789ab',
    ],
    [
      'that they followed, while their image is not there',
      { record, wish: wish(withImage(''), false), digest },
      'files-before',
    ],
    [
      'that they followed, while they aim at nothing',
      { record: { ...record, revisions: [] }, wish: wish(withImage('new')), digest },
      'files-before',
    ],
  ])('%s', (_, input, expected) => {
    expect(changeOf(input)).toBe(expected);
  });

  const peer = (name: string, state: AgentState, change: Partial<AgentRecord> = {}): AgentRecord => ({
    ...record,
    key: agentKey('ns', name),
    state,
    stateEnteredAtMs: 5,
    change: 'one',
    reason: 'Crashed',
    message: 'it crashed',
    ...change,
  });
  const { currentRevision: _, ...unborn } = peer('new', 'Failed');
  const { change: __, ...unknown } = peer('unknown', 'Failed');
  const own = peer('twin', 'Healthy');

  test.each<[string, string | undefined, AgentRecord[], string | undefined]>([
    ['by none that failed', 'one', [peer('other', 'Healthy')], undefined],
    ['by itself', 'one', [peer('twin', 'Failed')], undefined],
    ['by one of another change', 'one', [peer('other', 'Failed', { change: 'two' })], undefined],
    ['by a first deploy that failed', 'one', [unborn], undefined],
    ['by one that follows nothing, where it follows nothing', undefined, [unknown], undefined],
    ['by one that failed', 'one', [peer('other', 'RollingBack')], 'other'],
    [
      'by the first that failed',
      'one',
      [
        peer('third', 'Failed', { stateEnteredAtMs: 9 }),
        peer('first', 'Failed', { stateEnteredAtMs: 1 }),
        peer('second', 'Failed'),
      ],
      'first',
    ],
  ])('and stopped %s', (_name, change, records, by) => {
    const message = `stopped with the change that it is part of: ${by} failed: Crashed (it crashed); edit the manifests, or have ${by} tried again`;
    expect(changeGate(change, own, records)).toEqual(
      by === undefined ? { open: true } : { open: false, reason: 'ChangeStopped', message },
    );
  });
});
