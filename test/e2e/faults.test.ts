import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { createRandom } from '../fakes/random.ts';
import { type CrashSite, openCrashSite } from './crash-site.ts';
import { deaths } from './deaths.ts';
import { faultMix } from './fault-mix.ts';
import type { PodmanCall } from './faulty-podman.ts';
import { openOrdinaryUser } from './ordinary-user.ts';
import { openRoot, type OwnHost } from './own-host.ts';

/** `npm run faults` tries many. */
const SEED = Number(process.env['ROOKERY_TEST_SEED'] ?? 1);
/** Of all calls. */
const FAULTS = 0.2;
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("left out without root: faults of root's Podman");

/**
 * What only Podman could know to be its own, and forgets when it is killed: working containers of builds, which have no
 * label and look like those that a person keeps; layers of a container or an image that it had not yet written down, of which
 * its API says nothing at all; and namespaces of starts. `docs/operations.md` says how they go.
 */
const LOST_BY_PODMAN = /-working-container|^layer of nothing|^network namespace of nobody/;

/** Calls in which a service is killed; the others are over at once. */
const isWork = ({ path }: PodmanCall): boolean => /\/(create|start|stop|build)$/.test(path);

/** An ordinary user's Podman, told that who asked for a build is gone, may end before it has cleaned up. */
const LOST_IN_A_BUILD = /-working-container/;

describe.each([
  { who: 'root', open: openRoot, isHere: isRoot },
  { who: 'an ordinary user', open: openOrdinaryUser, isHere: true, excused: LOST_IN_A_BUILD },
])(`the story of $who (ROOKERY_TEST_SEED=${SEED})`, ({ open, isHere, excused }) => {
  // Only root has root's Podman; everyone else is told at the top what is left out.
  describe.runIf(isHere)('ends as it should', { timeout: 480_000 }, () => {
    let host: OwnHost;
    let crash: CrashSite;
    let starting: Promise<void> | undefined;
    beforeAll(() => {
      host = open();
    });
    afterEach(async () => {
      await starting;
      await crash?.close();
    });
    afterAll(() => host?.cleanUp());

    test('when calls go wrong in every way', async () => {
      crash = await openCrashSite(host);
      const mix = faultMix(SEED, FAULTS);
      await crash.play(mix.rule);
      console.log(`faults: ${JSON.stringify(mix.tally())}`);
    });

    test('when the controller dies at the calls that change something', async () => {
      crash = await openCrashSite(host);
      const { rule, calls } = deaths({
        random: createRandom(SEED),
        chance: 1,
        mayDie: ({ isWrite }) => isWrite,
        kill: () => crash.supervisor.kill(),
      });
      await crash.play(rule, excused);
      console.log(`${calls().length} deaths of the controller`);
    });

    test("when Podman's service dies in create, start, stop and build", async () => {
      const wake = (): void => {
        starting ??= host.podman.start().finally(() => (starting = undefined));
      };
      crash = await openCrashSite({ ...host, onAway: wake });
      const { rule, calls } = deaths({
        random: createRandom(SEED),
        chance: 0.7,
        mayDie: (call) => starting === undefined && isWork(call),
        kill: () => {
          if (starting) return;
          host.podman.kill();
          wake();
        },
      });
      await crash.play(rule, LOST_BY_PODMAN);
      console.log(`${calls().length} deaths of the service`);
    });
  });
});
