import { describe, expect, test } from 'vitest';
import { goneInputs, hasProvedItself, revisionBefore, undoneWish } from '../controllers/agent/undo.ts';
import { noWayBack, type WayBackWorld } from '../controllers/agent/way-back.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { createRevision, restarted, wishHash } from '../src/state/revision.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import { A, aView, B, containerOf, EXITED, factsWith } from './fakes/agent-views.ts';
import { aTemplate } from './fakes/templates.ts';
import { update } from './fakes/update-records.ts';

interface Present {
  readonly images?: readonly string[];
  readonly secrets?: readonly string[];
  readonly pods?: readonly string[];
}

/** Of an installation `i`: its secrets are `rookery-i-…`. */
const worldWith = ({ images = [], secrets = [], pods = [] }: Present): WayBackWorld => ({
  installation: () => ({ id: 'i', hmacKey: new Uint8Array() }),
  images: {
    inspect: async (id) => (images.includes(id) ? { id, references: [], labels: {} } : undefined),
  },
  podman: {
    listSecrets: async (prefix) => secrets.filter((name) => name.startsWith(prefix)),
    inspectPod: async (name) => (pods.includes(name) ? ({ name } as never) : undefined),
  },
});

const IMAGE = A.template.image.id;
const secretive = createRevision(
  aTemplate({
    secretEnv: { TOKEN: 'rookery-i-env' },
    mounts: [
      { type: 'secret', secret: 'rookery-i-file', target: '/s', mode: 0o400, uid: 0, gid: 0 },
      { type: 'tmpfs', target: '/tmp', mode: 0o1777 },
    ],
  }),
  'made with secrets',
  0,
);
const inPod = createRevision(aTemplate({ network: { mode: 'pod', pod: 'ns.core-1' } }), 'made in a pod', 0);

describe('before an update touches anything', () => {
  interface Before {
    readonly stable?: Revision;
    readonly state?: AgentState;
    readonly record?: Partial<AgentRecord>;
    readonly wish?: object | 'gone';
    readonly kept?: ObservedContainer;
  }
  const told = (present: Present, { stable = A, state = 'Preparing', ...more }: Before = {}) => {
    const { record, facts } = aView(state, {
      record: {
        ...update,
        revisions: [stable, B],
        stableRevision: stable.id,
        wishHash: wishHash(B.template),
        ...more.record,
      },
    });
    const { wish } = factsWith(B.template);
    return noWayBack(worldWith(present), {
      record,
      observed: {
        ...facts.observed,
        containers: more.kept ? [more.kept] : [],
      },
      wish: more.wish === 'gone' ? undefined : wish && { ...wish, ...more.wish },
    });
  };
  const lost = (what: string, { id } = A): string =>
    `no way back if this fails: of revision ${id}, ${what} are gone from Podman; was it pruned?`;
  const NO_IMAGE = lost('container and image localhost/agent:1');

  test('a way back that is there is no news', async () => {
    expect(await told({ images: [IMAGE] })).toBeUndefined();
    expect(await told({}, { kept: containerOf(A, 1, EXITED) })).toBeUndefined();
  });

  test('one without container and image is told', async () => {
    expect(await told({})).toBe(NO_IMAGE);
  });

  test('a container of an earlier attempt, or of another revision, is no way back', async () => {
    expect(await told({}, { kept: containerOf(A, 7, EXITED) })).toBe(NO_IMAGE);
    expect(await told({}, { kept: containerOf(B, 1, EXITED) })).toBe(NO_IMAGE);
  });

  test('an agent that never had a stable revision has nothing to lose', async () => {
    expect(await told({}, { record: { stableRevision: 'unknown' } })).toBeUndefined();
  });

  test('what a new container would be made with is missed: secrets and the pod', async () => {
    const present = { images: [IMAGE], secrets: ['rookery-i-other'] };
    expect(await told(present, { stable: secretive })).toBe(
      lost('secret rookery-i-env, secret rookery-i-file', secretive),
    );
    expect(await told({ ...present, pods: ['ns.core-2'] }, { stable: inPod })).toBe(
      lost('pod ns.core-1', inPod),
    );
    const all = { images: [IMAGE], secrets: ['rookery-i-env', 'rookery-i-file'], pods: ['ns.core-1'] };
    expect(await told(all, { stable: secretive })).toBeUndefined();
    expect(await told(all, { stable: inPod })).toBeUndefined();
  });

  test('a kept container has its mounted secrets in itself, and reads its variables again', async () => {
    const kept = containerOf(secretive, 1, EXITED);
    expect(await told({}, { stable: secretive, kept })).toBe(lost('secret rookery-i-env', secretive));
    expect(await told({ secrets: ['rookery-i-env'] }, { stable: secretive, kept })).toBeUndefined();
  });

  describe('an agent at rest', () => {
    const AT_REST: AgentState[] = [
      'Healthy',
      'Healing',
      'Degraded',
      'Completed',
      'RolledBack',
      'Terminating',
    ];

    test.each(AT_REST)('in %s needs none', async (state) => {
      expect(await told({}, { state })).toBeUndefined();
    });

    test.each(AT_REST)('in %s needs one as soon as its manifest asks for something new', async (state) => {
      expect(await told({}, { state, record: { wishHash: 'other' } })).toBe(NO_IMAGE);
    });

    test('needs one when the image behind its tag is another one', async () => {
      const template = { ...B.template, image: { ...B.template.image, id: 'sha256:new' } };
      expect(await told({}, { state: 'Healthy', wish: { template } })).toBe(NO_IMAGE);
      const awaited = { template, imageKnown: false };
      expect(await told({}, { state: 'Healthy', wish: awaited })).toBeUndefined();
    });

    test('needs none while nobody knows what it asks for', async () => {
      expect(await told({}, { state: 'Healthy', wish: 'gone' })).toBeUndefined();
      expect(await told({}, { state: 'Preparing', wish: 'gone' })).toBe(NO_IMAGE);
    });

    test('of which nothing was ever tried needs one before the first try', async () => {
      const untried = { targetRevision: 'unknown' };
      expect(await told({}, { state: 'Healthy', record: untried })).toBe(NO_IMAGE);
    });
  });
});

describe('what a person goes back to', () => {
  const asked = (template: ContainerTemplate) => ({
    wish: { template, imageKnown: false, reloadDigest: 'digest' },
    missing: [{ reason: 'SecretNotReady', message: 'of the manifest', terminal: false }],
  });
  const everything = worldWith({ images: [IMAGE], secrets: ['rookery-i-env', 'rookery-i-file'] });

  test('takes the place of what the manifest asks for, and what that lacks', async () => {
    expect(await undoneWish(everything, A, asked(B.template))).toEqual({
      wish: { template: A.template, imageKnown: true, reloadDigest: 'digest' },
      missing: [],
    });
    expect(await undoneWish(everything, A, { missing: [] })).toEqual({
      wish: { template: A.template, imageKnown: true, reloadDigest: '' },
      missing: [],
    });
  });

  test('has the addresses and the pod of today', async () => {
    const moved = aTemplate({ network: { mode: 'bridge', networks: [{ name: 'ns.other', aliases: [] }] } });
    const to = async (revision: Revision, template: ContainerTemplate) =>
      (await undoneWish(everything, revision, asked(template))).wish?.template.network;
    expect(await to(A, moved)).toEqual(moved.network);
    const { network } = aTemplate({ network: { mode: 'pod', pod: 'ns.core-2' } });
    expect(await to(inPod, aTemplate({ network }))).toEqual(network);
    expect(await to(A, aTemplate({ network }))).toEqual(A.template.network);
  });

  test('cannot run without what it was made of', async () => {
    const why = async (present: Present) =>
      (await goneInputs(worldWith(present), secretive)).map(({ message }) => message);
    const cannot = (what: string): string => `revision ${secretive.id} cannot run again: ${what}`;
    expect(await why({ secrets: ['rookery-i-env', 'rookery-i-file'] })).toEqual([
      cannot('its image localhost/agent:1 is not in local storage'),
    ]);
    expect(await why({ images: [IMAGE], secrets: ['rookery-i-env', 'rookery-x-file'] })).toEqual([
      cannot('its secret rookery-i-file is gone'),
    ]);
    expect(await goneInputs(worldWith({}), A)).toMatchObject([
      { reason: 'RollbackUnavailable', terminal: true },
    ]);
    expect(await goneInputs(everything, secretive)).toEqual([]);
  });

  test('is the newest before that proved itself and is another container', () => {
    const stable = (revision: Revision): Revision => ({ ...revision, outcome: 'Stable' });
    const [oldest, older] = ['1', '2'].map((V) => stable(createRevision(aTemplate({ env: { V } }), '', 0)));
    if (!oldest || !older) throw new Error('two were made');
    expect(revisionBefore([oldest, older, B], B)).toBe(older);
    expect(revisionBefore([oldest, { ...older, outcome: 'Failed' }, B], B)).toBe(oldest);
    expect(revisionBefore([oldest, stable(B), stable(restarted(B, 5))], B)).toBe(oldest);
    expect(revisionBefore([stable(B)], B)).toBeUndefined();
  });

  test.each<[string, Partial<Revision>, boolean]>([
    ['serves', { outcome: 'Stable' }, true],
    ['was stable until another came', { outcome: 'Superseded', stableAtMs: 1 }, true],
    ['was replaced before it was stable', { outcome: 'Superseded' }, false],
    ['failed, though it was stable once', { outcome: 'Failed', stableAtMs: 1 }, false],
    ['is being tried', { outcome: 'Pending' }, false],
  ])('has proved itself if it %s', (_, change, expected) => {
    expect(hasProvedItself({ ...A, ...change })).toBe(expected);
  });
});
