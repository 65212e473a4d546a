import { describe, expect, test } from 'vitest';
import { systemClock } from '../src/manager/clock.ts';
import { lookUpName } from '../src/podman/name-lookup.ts';
import type { Podman } from '../src/podman/podman.ts';
import { createFakePodman, type FakePodman, type Program } from './fakes/fake-podman.ts';

const IMAGE = 'localhost/a:1';

/** `asker` is what the container does that asks; both run in the same image. */
function host(asker: Program, peer: Program = {}, images: readonly string[] = [IMAGE]): FakePodman {
  const podman = createFakePodman({
    clock: systemClock,
    program: ({ command }) => (command?.at(-1)?.includes('getent') ? asker : peer),
  });
  for (const image of images) podman.controls.addImage(image);
  return podman;
}

const look = (podman: Podman, signal = AbortSignal.timeout(10_000)) =>
  lookUpName({ podman, run: 'x', now: Date.now, signal });

const left = async (podman: Podman): Promise<string[]> =>
  [...(await podman.listContainers({})), ...(await podman.listNetworks({}))].map(({ name }) => name);

describe('a container asks for another', () => {
  test.each<[string, Program, object]>([
    ['finds it', { exitAfterMs: 1 }, { type: 'Found', image: IMAGE }],
    ['does not', { exitAfterMs: 1, exitCode: 1 }, { type: 'NotFound', image: IMAGE }],
    [
      'has nothing to ask with',
      { exitAfterMs: 1, exitCode: 42 },
      { type: 'LeftOut', why: `no shell with getent or nslookup in ${IMAGE}` },
    ],
    ['has no shell', { cannotRun: 'executable file `sh` not found' }, { type: 'LeftOut' }],
  ])('and %s; nothing is left', async (_, asker, result) => {
    const podman = host(asker);
    const before = await left(podman);
    expect(await look(podman)).toMatchObject(result);
    expect(await left(podman)).toEqual(before);
  });

  test('without an image it is left out', async () => {
    const podman = host({}, {}, []);
    expect(await look(podman)).toEqual({ type: 'LeftOut', why: 'there is no image on this host' });
    expect(podman.controls.calls.some(({ method }) => method === 'createNetwork')).toBe(false);
  });

  test('and never gets done: it is ended in time, and nothing is left', async () => {
    const podman = host({});
    const before = await left(podman);
    await expect(look(podman, AbortSignal.timeout(300))).rejects.toThrow(/abort/);
    expect(await left(podman)).toEqual(before);
  });

  test.each(['createContainer', 'startContainer', 'inspectContainer'])(
    'and Podman fails in %s: nothing is left',
    async (method) => {
      const podman = host({ exitAfterMs: 1 });
      const before = await left(podman);
      podman.controls.beforeCall = ({ method: call }) => {
        if (call === method) throw new Error('no space left on device');
      };
      await expect(look(podman)).rejects.toThrow('no space left');
      podman.controls.beforeCall = () => undefined;
      expect(await left(podman)).toEqual(before);
    },
  );

  test('after a run that was killed: what it left is old, and goes', async () => {
    const podman = host({});
    const before = await left(podman);
    podman.controls.beforeCall = ({ method: call }) => {
      if (call === 'removeContainer' || call === 'removeNetwork') throw new Error('killed');
    };
    await expect(look(podman, AbortSignal.timeout(300))).rejects.toThrow('killed');
    podman.controls.beforeCall = () => undefined;
    expect((await left(podman)).length).toBeGreaterThan(before.length + 1);
    const later = { podman, run: 'y', signal: AbortSignal.timeout(300) };
    await expect(lookUpName({ ...later, now: () => Date.now() + 120_000 })).rejects.toThrow(/abort/);
    expect(await left(podman)).toEqual(before);
  });
});
