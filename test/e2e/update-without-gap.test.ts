import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CalledSite, openCalledSite } from './called-site.ts';
import { openOrdinaryUser } from './ordinary-user.ts';
import { openSite, type Site } from './site.ts';
import { isStable } from './status.ts';
import type { WebAgent } from './web-agent.ts';

interface Place {
  readonly site: Site;
  cleanUp(): Promise<void>;
}

function openPlace(): Place {
  const site = openSite();
  return { site, cleanUp: site.cleanUp };
}

function openPlaceOfUser(): Place {
  const user = openOrdinaryUser();
  const site = openSite(user.site);
  user.give(site.dir);
  return { site, cleanUp: () => site.cleanUp().finally(user.cleanUp) };
}

const isRoot = process.getuid?.() === 0;
const PLACES = [
  { name: isRoot ? 'root' : 'this user', open: openPlace },
  ...(isRoot ? [{ name: 'an ordinary user', open: openPlaceOfUser }] : []),
];

describe.each(PLACES)('an agent that is called every 20 ms, for $name', ({ open }) => {
  let place: Place;
  let called: CalledSite;

  beforeAll(async () => {
    place = open();
    called = await openCalledSite({ strategy: 'BlueGreen', replicas: 1, monitorSeconds: 8 }, place.site);
  }, 180_000);
  afterAll(async () => {
    await called?.end();
    await place?.cleanUp();
  });

  const update = async (revision: string, mode: WebAgent['mode'] = 'good'): Promise<void> => {
    const { currentRevision } = await place.site.status('web');
    called.become({ revision, mode });
    await called.untilPhase(
      `${revision} is stable`,
      (status) => isStable(status) && status.currentRevision !== currentRevision,
    );
  };
  /** A revision that fails, and back to what was there before. */
  const failWith = async (revision: string, mode: WebAgent['mode']): Promise<void> => {
    const before = called.web();
    called.become({ revision, mode, monitorSeconds: 30 });
    await called.untilPhase('it is rolled back', ({ phase }) => phase === 'RolledBack');
    await called.expectNoGap(`a revision that is ${mode}, by ${before.strategy}`);
    called.become(before);
    await called.untilPhase('what was there is stable again', isStable);
  };

  test('is replaced by a good revision', async () => {
    await update('two');
    await called.expectNoGap('good update');
    expect(await called.revisionsThatAnswered()).toEqual(['one', 'two']);
  });

  test('lets a revision that starts slowly take its time', async () => {
    await update('late', 'slow');
    await called.expectNoGap('slow start');
    expect(await called.revisionsThatAnswered()).toContain('late');
  });

  test.each([
    ['crashes as it starts', 'crash'],
    ['is never ready', 'unready'],
  ] as const)('never hears of a revision that %s', async (_, mode) => {
    await failWith(mode, mode);
    expect(await called.revisionsThatAnswered()).not.toContain(mode);
  });

  test('goes back from a revision that turns bad after it took over', async () => {
    await failWith('sick', 'sick');
    expect(await called.revisionsThatAnswered()).toContain('sick');
  });

  test('with three replicas is replaced by way of a canary', async () => {
    called.become({ replicas: 3, strategy: 'Canary' });
    await called.untilPhase('three are ready', (status) => isStable(status) && status.readyReplicas === 3);
    await update('three');
    await called.untilPhase(
      'all three are new',
      ({ readyReplicas, updatedReplicas }) => readyReplicas === 3 && updatedReplicas === 3,
    );
    await called.expectNoGap('good canary');
    await failWith('canary', 'crash');
    expect(await called.revisionsThatAnswered()).not.toContain('canary');
  });
});
