import { expect, test } from 'vitest';
import { errorOfReply } from '../src/podman/cause.ts';
import type { Dial, DialRequest } from '../src/podman/dial.ts';
import { insistOnStart } from '../src/podman/insist.ts';

const START: DialRequest = { method: 'POST', path: '/containers/c/start', what: 'start container c' };
/** As 4.3.1 says them. */
const MADE_BEFORE = 'runc: runc create failed: container with given ID already exists: OCI runtime error';
const PORT_IN_USE = 'cannot listen on the TCP port: listen tcp4 127.0.0.1:80: bind: address already in use';
const LOST_ADDRESS = 'IPAM error: requested ip address 10.1.0.7 is already allocated to container ID c';

/** Podman that gives these answers to a start, and the calls that it was asked for. */
function podmanThatSays(...answers: readonly string[]) {
  const left = [...answers];
  const calls: string[] = [];
  const call: Dial['call'] = async ({ path, what }) => {
    calls.push(path);
    const message = path === START.path ? left.shift() : undefined;
    if (message !== undefined) throw errorOfReply(500, JSON.stringify({ message }), what);
    return { statusCode: 204, headers: {}, body: undefined };
  };
  return { dial: { call } as Dial, calls };
}

const no = () => Promise.resolve(false);
const never = { mend: no, endWaiting: no, isOutOfPorts: no };

test('a container that the runtime had made before is started by the next try', async () => {
  const { dial, calls } = podmanThatSays(MADE_BEFORE);
  expect(await insistOnStart(dial, START, never)).toMatchObject({ statusCode: 204 });
  expect(calls).toEqual([START.path, START.path]);
});

test('its ports, which Podman forgot to close, are waited for', async () => {
  const { dial, calls } = podmanThatSays(MADE_BEFORE, PORT_IN_USE, PORT_IN_USE);
  await insistOnStart(dial, START, never);
  expect(calls.filter((path) => path === START.path)).toHaveLength(4);
});

test('what still waits with its ports is ended', async () => {
  const { dial, calls } = podmanThatSays(PORT_IN_USE, PORT_IN_USE, MADE_BEFORE);
  let waiting = 1;
  await insistOnStart(dial, START, { ...never, endWaiting: async () => waiting-- > 0 });
  expect(waiting).toBe(0);
  expect(calls.filter((path) => path === START.path)).toHaveLength(4);
});

test('what was put right is tried again, also after that', async () => {
  const { dial } = podmanThatSays(LOST_ADDRESS, MADE_BEFORE, LOST_ADDRESS);
  const mended: string[] = [];
  await insistOnStart(dial, START, { ...never, mend: async ({ message }) => mended.push(message) > 0 });
  expect(mended).toHaveLength(2);
});

test.each([
  ['a port that somebody else has', [PORT_IN_USE], 1],
  ['what cannot be put right', ['no such file'], 1],
  ['what is never put right', Array.from({ length: 20 }, () => MADE_BEFORE), 6],
])('%s is refused', async (_what, answers, tries) => {
  const { dial, calls } = podmanThatSays(...answers);
  await expect(insistOnStart(dial, START, never)).rejects.toThrow(answers[0]);
  expect(calls).toHaveLength(tries);
});

test.each([
  ['are let go of', 1, 1],
  ['stay taken when it is somebody else who has them', 9, 3],
])('the ports of who is refused for good %s', async (_what, looksUntilFree, collections) => {
  const { dial, calls } = podmanThatSays('no such file');
  let looks = 0;
  const isOutOfPorts = async () => looks++ < looksUntilFree;
  await expect(insistOnStart(dial, START, { ...never, isOutOfPorts })).rejects.toThrow('no such file');
  expect(calls.filter((path) => path !== START.path)).toHaveLength(collections);
});
