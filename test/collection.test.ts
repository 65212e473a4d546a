import { beforeEach, describe, expect, test } from 'vitest';
import { BROKEN_FOR_MS, mending, sighted } from '../controllers/broken-image.ts';
import { keeping, removals } from '../controllers/collection-plan.ts';
import { PodmanError } from '../src/podman/errors.ts';
import type { BuildImage } from '../src/podman/podman.ts';
import { formatPlan } from '../src/plan/operation.ts';
import type { Installation } from '../src/state/names.ts';
import { keptImage, pulledImage } from '../src/state/names.ts';
import type { ObservedImage } from '../src/state/observed.ts';
import type { AgentRecord, Revision } from '../src/state/record.ts';
import type { FakeCall } from './fakes/fake-podman.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';
import { aTemplate } from './fakes/templates.ts';

const INSTALLATION: Installation = { id: 'abcdef0123456789', hmacKey: new Uint8Array(32) };
const OURS = { 'rookery.dev/managed-by': 'rookery', 'rookery.dev/installation': INSTALLATION.id };
const KEY = { kind: 'Agent', namespace: 'a', name: 'twin' } as const;
const PULLED = 'docker.io/library/app:1';

const revision = (
  id: string,
  imageId: string,
  stableAtMs?: number,
  outcome: Revision['outcome'] = 'Superseded',
): Revision => ({
  id,
  hashVersion: 1,
  template: { ...aTemplate(), image: { reference: 'x', id: imageId } },
  createdAtMs: 0,
  cause: '',
  outcome,
  ...(stableAtMs !== undefined && { stableAtMs }),
});
const record = (...revisions: Revision[]): AgentRecord =>
  ({
    key: KEY,
    revisions,
    currentRevision: 'r4',
    targetRevision: 'r4',
    stableRevision: 'r4',
  }) as unknown as AgentRecord;
const RECORD = record(
  revision('r1', 'i1', 1),
  revision('r2', 'i2', 2),
  revision('bad', 'ib', undefined, 'Failed'),
  revision('r4', 'i4', 4, 'Stable'),
);
const image = (id: string, references: string[], labels: Record<string, string> = {}): ObservedImage => ({
  id,
  references,
  labels,
});
const kept = (id: string): string => keptImage(INSTALLATION, id);
const planOf = (images: ObservedImage[], records = [RECORD], provisions = new Map()): string => {
  const inputs = { images, records, installation: INSTALLATION };
  const operations = [...keeping(inputs), ...removals({ ...inputs, provisions })];
  return formatPlan({ operations }).replaceAll(/ \(.*\)/g, '');
};

describe('what is collected', () => {
  test.each<[string, ObservedImage[], string[], AgentRecord[]?]>([
    [
      'the two newest proven revisions are named',
      [image('i2', ['x']), image('i4', ['y'])],
      [`tag image ${kept('i2')}`, `tag image ${kept('i4')}`],
    ],
    [
      'an image of many agents is named once',
      [image('i2', []), image('i4', [])],
      [`tag image ${kept('i2')}`, `tag image ${kept('i4')}`],
      [RECORD, RECORD],
    ],
    ['a name that is there is not given again', [image('i4', ['y', kept('i4')])], []],
    [
      'an older one loses its name of ours, nothing else',
      [image('i1', ['user:1', kept('i1')])],
      [`remove image ${kept('i1')}`],
    ],
    [
      'an image that we built and nothing needs',
      [image('i9', ['localhost/rookery/build:0123'], OURS)],
      ['remove image localhost/rookery/build:0123'],
    ],
    [
      'what a user named too keeps that name',
      [image('i9', ['localhost/rookery/build:0123', 'mine:1'], OURS)],
      ['remove image localhost/rookery/build:0123'],
    ],
    ['one of ours that lost every name', [image('i9', [], OURS)], ['remove image i9']],
    [
      'what we pulled',
      [image('i9', [PULLED, pulledImage(INSTALLATION, PULLED)])],
      [`remove image ${PULLED}`, `remove image ${pulledImage(INSTALLATION, PULLED)}`],
    ],
    [
      'what we pulled and a revision needs',
      [image('i2', [PULLED, pulledImage(INSTALLATION, PULLED), kept('i2')])],
      [],
    ],
    ['a user’s image', [image('i9', [PULLED]), image('i8', [])], []],
    [
      'another installation’s',
      [
        image('i9', ['localhost/rookery/build:0123'], { ...OURS, 'rookery.dev/installation': 'other' }),
        image('i8', ['localhost/rookery/kept-00000000:i8']),
      ],
      [],
    ],
  ])('%s', (_what, images, expected, records) => {
    expect(planOf(images, records)).toBe(expected.join('\n'));
  });

  test('what an Image object stands for stays, whoever runs from it', () => {
    const made = image('i9', ['localhost/rookery/build:0123'], OURS);
    const provision = { ready: true, facts: { kind: 'Image', id: 'i9', inputHash: 'h' } };
    expect(planOf([made], [RECORD], new Map([['Image/a/base', provision]]))).toBe('');
  });
});

describe('an image without a manifest and a name', () => {
  const seen = sighted('i9', undefined, 1_000);

  test.each([
    ['just seen', 1_000, ''],
    ['seen for a while', 1_000 + BROKEN_FOR_MS - 1, ''],
    ['seen for longer than any writing takes', 1_000 + BROKEN_FOR_MS, 'remove image i9'],
  ])('%s', (_what, nowMs, expected) => {
    expect(formatPlan({ operations: mending(seen, nowMs) }).replaceAll(/ \(.*\)/g, '')).toBe(expected);
  });

  test('is another one when its id is another', () => {
    expect(sighted('i9', seen, 5_000)).toBe(seen);
    expect(sighted('i8', seen, 5_000)).toEqual({ id: 'i8', sinceMs: 5_000 });
  });
});

describe('over many updates', () => {
  let host: SimulatedHost;
  beforeEach(async () => {
    host = await createSimulatedHost();
  });
  const context = (digest: string): void => {
    host.inputs.set('twin', { paths: { './ctx': '/nowhere' }, digests: { './ctx': digest }, baseImages: [] });
  };
  const secret = (value: string): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'token', namespace: NAMESPACE },
    stringData: { a: value },
  });
  const built = (): object => {
    const { spec, ...rest } = agentManifest('twin', {
      build: { context: './ctx' },
      env: [
        { name: 'AGENT', value: 'twin' },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'token', key: 'a' } } },
      ],
    }) as { spec: { image?: string } };
    const { image: _, ...others } = spec;
    return { ...rest, spec: others };
  };
  const deploy = async (version: string): Promise<void> => {
    context(version);
    await host.apply(secret(version), built());
    await host.clock.advance(1_000);
    await host.until(() => host.status('twin')?.phase === 'Healthy', 120_000);
    await host.clock.advance(15_000);
  };
  const images = async (): Promise<readonly string[]> =>
    (await host.podman.listImages({ 'rookery.dev/managed-by': 'rookery' })).map(({ id }) => id);

  test('two images and two secrets stay, ten revisions are told of, and a user’s image is not touched', async () => {
    await host.start();
    for (let version = 1; version <= 5; version += 1) await deploy(`v${version}`);
    expect(await images()).toHaveLength(2);
    expect(await host.podman.listSecrets('rookery-')).toHaveLength(2);
    expect(host.status('twin')?.revisions).toHaveLength(5);
    expect(await host.podman.inspectImage('localhost/agent:1')).toBeDefined();
    const own = (await host.podman.listImages({})).flatMap(({ references }) =>
      references.filter((name) => name.includes('/kept-')),
    );
    expect(own.map((name) => name.split(':').at(-1) ?? '').sort()).toEqual([...(await images())].sort());
  });

  /** What Podman's service does that dies in the middle of the next build. */
  const cutBuild = (): void => {
    host.podman.controls.afterCall = ({ method, args }) => {
      if (method !== 'buildImage') return;
      host.podman.controls.afterCall = () => undefined;
      host.podman.controls.breakImage((args[0] as BuildImage).tags[0] ?? '');
      throw new PodmanError('Unreachable', 'socket hang up');
    };
  };
  const removed = (): readonly FakeCall[] =>
    host.podman.controls.calls.filter(({ method }) => method === 'removeImage');

  test('what a build left half written goes, so that its image can be looked at again', async () => {
    await host.start();
    await deploy('v1');
    cutBuild();
    await deploy('v2');
    expect(removed()).toHaveLength(1);
    await expect(host.podman.listImages({})).resolves.toBeDefined();
  });

  test.each([
    ['bars the list', 'localhost/of-nobody:1'],
    ['stands alone, and is on no list,', undefined],
  ])('one that %s goes though its agent does not get on', async (_where, hidden) => {
    await host.start();
    await deploy('v1');
    let isCut = false;
    host.podman.controls.beforeCall = ({ method }) => {
      if (method !== 'buildImage') return;
      if (isCut) throw new PodmanError('BuildFailed', 'not like this');
      isCut = true;
      host.podman.controls.breakImage(hidden);
      throw new PodmanError('Unreachable', 'socket hang up');
    };
    host.podman.controls.calls = [];
    context('v2');
    await host.apply(secret('v2'), built());
    await host.clock.advance(30_000);
    expect(host.status('twin')?.phase).toBe('RolledBack');
    expect(removed()).toHaveLength(1);
  });

  test('one that a life before this one left goes when the first agent has settled', async () => {
    host.podman.controls.breakImage();
    await host.start();
    await deploy('v1');
    expect(removed()).toHaveLength(1);
  });

  test('what may still be in the middle of being written is left alone', async () => {
    await host.start();
    await deploy('v1');
    cutBuild();
    const isWritten = async (): Promise<void> => {
      const id = await host.podman.controls.byHand.findBrokenImage();
      await host.podman.controls.byHand.removeImage(id ?? '');
    };
    host.clock.setTimer(BROKEN_FOR_MS, () => void isWritten());
    await deploy('v2');
    expect(removed()).toHaveLength(0);
  });

  test('a call that fails harms nobody, and the next occasion makes up for it', async () => {
    await host.start();
    await deploy('v1');
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'removeImage' || method === 'tagImage') throw new Error('not now');
    };
    for (const version of ['v2', 'v3', 'v4']) await deploy(version);
    expect(await images()).toHaveLength(4);
    host.podman.controls.beforeCall = () => undefined;
    await deploy('v5');
    expect(await images()).toHaveLength(2);
  });
});
