import { beforeEach, describe, expect, test } from 'vitest';
import { createForgetfulNetavark, type ForgetfulNetavark, NETWORK } from './fakes/forgetful-netavark.ts';

const ID = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const IP = '10.1.0.7';

let netavark: ForgetfulNetavark;
beforeEach(() => {
  netavark = createForgetfulNetavark();
  netavark.containers.set(ID, { id: ID, status: 'created', wants: IP, has: undefined });
});

const own = () => netavark.containers.get(ID);

describe('a start that is refused because its address is given out', () => {
  test.each([
    ['to the very container', ID],
    ['to one that was removed since', OTHER],
  ])('%s, gets it back', async (_to, owner) => {
    netavark.given.set(IP, owner);
    await netavark.podman.startContainer(ID);
    expect(own()).toMatchObject({ status: 'running', has: IP });
    expect(netavark.given.get(IP)).toBe(ID);
  });

  test.each([
    ['to one that is there', () => netavark.containers.set(OTHER, { ...own()!, id: OTHER })],
    ['to a working container of a build', () => netavark.external.add(OTHER)],
  ])('%s, stays refused, and the other one keeps it', async (_to, make) => {
    make();
    netavark.given.set(IP, OTHER);
    await expect(netavark.podman.startContainer(ID)).rejects.toMatchObject({ kind: 'InUse' });
    expect(own()).toMatchObject({ status: 'created', wants: IP });
    expect(netavark.given.get(IP)).toBe(OTHER);
  });
});

describe('a connection', () => {
  const connect = () => netavark.podman.connectNetwork(NETWORK, ID, { ip: IP, aliases: ['twin'] });

  test('that is in the book only is made', async () => {
    netavark.containers.set(ID, { id: ID, status: 'running', wants: IP, has: undefined });
    await connect();
    expect(own()).toMatchObject({ has: IP });
  });

  test('whose address was given to one that was removed since is made', async () => {
    netavark.containers.set(ID, { id: ID, status: 'running', wants: undefined, has: undefined });
    netavark.given.set(IP, OTHER);
    await connect();
    expect(own()).toMatchObject({ has: IP });
  });

  test('that is there already is left alone', async () => {
    netavark.given.set(IP, ID);
    netavark.containers.set(ID, { id: ID, status: 'running', wants: IP, has: IP });
    const before = structuredClone(own());
    await connect();
    expect(own()).toEqual(before);
  });
});
