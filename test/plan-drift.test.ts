import { describe, expect, test } from 'vitest';
import { driftOperations } from '../src/plan/drift.ts';
import type { Operation } from '../src/plan/operation.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import { aContainer, aTemplate } from './fakes/templates.ts';

const who = { id: 'id-aaaaaaaa-1', name: 'ns.twin-aaaaaaaa-1-0' };
const onTwo: Partial<ContainerTemplate> = {
  network: {
    mode: 'bridge',
    networks: [
      { name: 'ns.default', ip: '10.0.0.9', aliases: ['twin'] },
      { name: 'ns.side', aliases: ['twin', 'other'] },
    ],
  },
};
const onDefault = {
  type: 'ConnectNetwork',
  ...who,
  network: 'ns.default',
  aliases: ['twin'],
  ip: '10.0.0.9',
  cause: 'is not on network ns.default',
} as const;
const onSide = {
  type: 'ConnectNetwork',
  ...who,
  network: 'ns.side',
  aliases: ['twin', 'other'],
  cause: 'is not on network ns.side',
} as const;
const off = (network: string): Operation => ({
  type: 'DisconnectNetwork',
  ...who,
  network,
  cause: `is on network ${network}, which its manifest does not name`,
});

describe('what was changed behind our back is put right in place', () => {
  test.each<[string, Partial<ContainerTemplate>, Partial<ObservedContainer>, Operation[]]>([
    ['nothing', onTwo, { networks: { 'ns.side': '10.1.0.2', 'ns.default': '10.0.0.9' } }, []],
    [
      'off all: with the address that it has to have, and without one',
      onTwo,
      { networks: {} },
      [onDefault, onSide],
    ],
    [
      'on another network',
      onTwo,
      { networks: { 'ns.side': '10.1.0.2', stray: '10.9.0.2' } },
      [onDefault, off('stray')],
    ],
    ['down: it says of no network', onTwo, { state: 'exited', networks: {} }, []],
    ['in the network of the host', { network: { mode: 'host' } }, { networks: { stray: '10.9.0.2' } }, []],
    [
      'renamed, and down',
      onTwo,
      { name: 'mine', state: 'exited', networks: {} },
      [{ type: 'RenameContainer', id: who.id, name: 'mine', to: who.name, cause: 'was renamed to mine' }],
    ],
  ])('%s', (_, template, live, expected) => {
    expect(driftOperations(aContainer('aaaaaaaa', 1, live), aTemplate(template), who.name)).toEqual(expected);
  });
});
