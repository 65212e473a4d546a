import { describe, expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import { HOLDER_ANNOTATION } from '../src/api/labels.ts';
import type { AgentAim, HolderAim } from '../src/plan/aim.ts';
import { formatPlan } from '../src/plan/operation.ts';
import { planAgent } from '../src/plan/plan-agent.ts';
import { canonicalJson } from '../src/state/canonical.ts';
import { holderLabels } from '../src/state/names.ts';
import type { ObservedAgent, ObservedContainer } from '../src/state/observed.ts';
import type { HolderTemplate } from '../src/state/template.ts';
import { aContainer, aRevision, anAim } from './fakes/templates.ts';

const key = agentKey('ns', 'twin');
const ownership = { key, ownerLabels: { owner: 'us' } };
const port = { containerPort: 7120, hostPort: 7120, hostIP: '127.0.0.1', protocol: 'tcp' as const };
const A = aRevision('aaaaaaaa');
const B = aRevision('bbbbbbbb');
const template: HolderTemplate = {
  networks: [{ name: 'ns.default', ip: '10.0.0.250', aliases: ['twin'] }],
  ports: [port],
};
const onTwo: HolderTemplate = {
  ...template,
  networks: [{ name: 'ns.new', ip: '10.1.0.250', aliases: ['twin'] }, ...template.networks],
};
const toA = { revision: 'aaaaaaaa', attempt: 1, ordinal: 0 };
const toB = { revision: 'bbbbbbbb', attempt: 2, ordinal: 0 };

const holderAim = (change: Partial<HolderAim> = {}): HolderAim => ({
  template,
  route: [toA],
  cause: 'serves',
  ...change,
});

const aHolder = (change: Partial<ObservedContainer> = {}): ObservedContainer =>
  aContainer('', 0, {
    id: 'id-holder',
    name: 'ns.twin-holder',
    labels: holderLabels(key),
    annotations: { [HOLDER_ANNOTATION]: canonicalJson(template) },
    networks: { 'ns.default': '10.0.0.250' },
    ports: [port],
    ...change,
  });

const at = (address: string): Partial<ObservedContainer> => ({ networks: { 'ns.default': address } });
const oldOne = aContainer('aaaaaaaa', 1, at('10.0.0.2'));
const newOne = aContainer('bbbbbbbb', 2, at('10.0.0.3'));
const exited = { state: 'exited' as const, networks: {}, ports: [] };

const planOf = (aim: Partial<AgentAim>, observed: Partial<ObservedAgent>): string[] => {
  const plan = planAgent(
    { containers: [], others: 'Leave', ...aim },
    { containers: [], observedAtMs: 0, ...observed },
    ownership,
  );
  return plan.operations.length === 0 ? [] : formatPlan(plan).split('\n');
};

describe('the holder is planned beside the containers', () => {
  test.each<[string, Partial<AgentAim>, Partial<ObservedAgent>, string[]]>([
    [
      'a first deploy: it is there before the container is, and leads nowhere yet',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      {},
      [
        'create holder ns.twin-holder (serves)',
        'create container ns.twin-aaaaaaaa-1-0 (because)',
        'check port 127.0.0.1:7120/tcp (serves)',
        'start container ns.twin-holder (serves)',
        'start container ns.twin-aaaaaaaa-1-0 (because)',
      ],
    ],
    [
      'both run: traffic goes to the container',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      { containers: [oldOne], holder: { container: aHolder(), route: [] } },
      ['route traffic ns.twin-holder to 10.0.0.2 (serves)'],
    ],
    [
      'converged',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      { containers: [oldOne], holder: { container: aHolder(), route: ['10.0.0.2'] } },
      [],
    ],
    [
      'the switch: nobody is stopped before his traffic has gone',
      {
        containers: [anAim(A, 'Stopped'), anAim(B, 'Running', { attempt: 2 })],
        holder: holderAim({ route: [toB] }),
      },
      { containers: [oldOne, newOne], holder: { container: aHolder(), route: ['10.0.0.2'] } },
      ['route traffic ns.twin-holder to 10.0.0.3 (serves)', 'stop container ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'several answer, in whatever order they are seen',
      {
        containers: [anAim(A, 'Running'), anAim(B, 'Running', { attempt: 2 })],
        holder: holderAim({ route: [toB, toA] }),
      },
      { containers: [oldOne, newOne], holder: { container: aHolder(), route: ['10.0.0.3', '10.0.0.2'] } },
      [],
    ],
    [
      'one of two that crashed gets no more traffic',
      { holder: holderAim({ route: [toA, toB] }) },
      {
        containers: [aContainer('aaaaaaaa', 1, exited), newOne],
        holder: { container: aHolder(), route: ['10.0.0.2', '10.0.0.3'] },
      },
      ['route traffic ns.twin-holder to 10.0.0.3 (serves)'],
    ],
    [
      'the one that is to answer has no address yet: who answers goes on',
      {
        containers: [anAim(A, 'Running'), anAim(B, 'Running', { attempt: 2 })],
        holder: holderAim({ route: [toB] }),
      },
      {
        containers: [oldOne, aContainer('bbbbbbbb', 2, { ...exited, state: 'created' })],
        holder: { container: aHolder(), route: ['10.0.0.2'] },
      },
      ['start container ns.twin-bbbbbbbb-2-0 (because)'],
    ],
    [
      'nobody is left: callers are refused at once',
      { holder: holderAim() },
      {
        containers: [aContainer('aaaaaaaa', 1, exited)],
        holder: { container: aHolder(), route: ['10.0.0.2'] },
      },
      ['route traffic ns.twin-holder to nobody (serves)'],
    ],
    [
      'nobody is to answer',
      { containers: [anAim(A, 'Running')], holder: holderAim({ route: [] }) },
      { containers: [oldOne], holder: { container: aHolder(), route: ['10.0.0.2'] } },
      ['route traffic ns.twin-holder to nobody (serves)'],
    ],
    [
      'a restarted container has another address',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      {
        containers: [aContainer('aaaaaaaa', 1, at('10.0.0.7'))],
        holder: { container: aHolder(), route: ['10.0.0.2'] },
      },
      ['route traffic ns.twin-holder to 10.0.0.7 (serves)'],
    ],
    [
      'it was killed',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      { containers: [oldOne], holder: { container: aHolder(exited), route: [] } },
      ['check port 127.0.0.1:7120/tcp (serves)', 'start container ns.twin-holder (serves)'],
    ],
    [
      'it was left half made',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      {
        containers: [oldOne],
        holder: { container: aHolder({ ...exited, state: 'initialized' }), route: [] },
      },
      [
        'remove container ns.twin-holder (left half made by an interrupted call)',
        'create holder ns.twin-holder (serves)',
        'check port 127.0.0.1:7120/tcp (serves)',
        'start container ns.twin-holder (serves)',
      ],
    ],
    [
      'a published port changed',
      {
        containers: [anAim(A, 'Running')],
        holder: holderAim({ template: { ...template, ports: [{ ...port, hostPort: 7121 }] } }),
      },
      { containers: [oldOne], holder: { container: aHolder(), route: ['10.0.0.2'] } },
      [
        'check port 127.0.0.1:7121/tcp (serves)',
        'remove container ns.twin-holder (its names, addresses or ports changed)',
        'create holder ns.twin-holder (serves)',
        'start container ns.twin-holder (serves)',
      ],
    ],
    [
      'a port was added: what it has already need not be free, and whoever waits for a start gets it first',
      {
        containers: [anAim(A, 'Running'), anAim(B, 'Running', { attempt: 2 })],
        holder: holderAim({
          template: { ...template, ports: [port, { ...port, hostPort: 7121 }] },
          route: [toA, toB],
        }),
      },
      {
        containers: [oldOne, aContainer('bbbbbbbb', 2, exited)],
        holder: { container: aHolder(), route: ['10.0.0.2', '10.0.0.3'] },
      },
      [
        'route traffic ns.twin-holder to 10.0.0.2 (serves)',
        'start container ns.twin-bbbbbbbb-2-0 (because)',
        'check port 127.0.0.1:7121/tcp (serves)',
        'remove container ns.twin-holder (its names, addresses or ports changed)',
        'create holder ns.twin-holder (serves)',
        'start container ns.twin-holder (serves)',
      ],
    ],
    [
      'one was renamed and another made: the spare one goes',
      { containers: [anAim(A, 'Running')], holder: holderAim() },
      {
        containers: [oldOne],
        holder: { container: aHolder(), route: ['10.0.0.2'] },
        spareHolders: [aHolder({ ...exited, id: 'id-spare', name: 'renamed' })],
      },
      ['remove container renamed (the agent has another holder)'],
    ],
    [
      "no holder is wanted any more: it goes before its address is another one's",
      {
        containers: [anAim(B, 'Running', { attempt: 2 })],
        others: { remove: 'replaced', graceSeconds: 1 },
      },
      { containers: [oldOne], holder: { container: aHolder(), route: ['10.0.0.2'] } },
      [
        'stop container ns.twin-aaaaaaaa-1-0 (replaced)',
        'remove container ns.twin-holder (replaced)',
        'create container ns.twin-bbbbbbbb-2-0 (because)',
        'start container ns.twin-bbbbbbbb-2-0 (because)',
        'remove container ns.twin-aaaaaaaa-1-0 (replaced)',
      ],
    ],
    [
      'it is about to be replaced: callers reach it on the network that it was made for',
      {
        containers: [anAim(A, 'Running')],
        holder: holderAim({
          template: { ...template, networks: [{ name: 'ns.new', ip: '10.1.0.250', aliases: ['twin'] }] },
        }),
      },
      {
        containers: [
          aContainer('aaaaaaaa', 1, { networks: { 'ns.new': '10.1.0.2', 'ns.default': '10.0.0.2' } }),
        ],
        holder: {
          container: aHolder({ networks: {} }),
          route: ['10.0.0.2'],
        },
      },
      [
        'route traffic ns.twin-holder to 10.1.0.2 (serves)',
        'remove container ns.twin-holder (its names, addresses or ports changed)',
        'create holder ns.twin-holder (serves)',
        'start container ns.twin-holder (serves)',
      ],
    ],
    [
      'it is on its second network alone: callers are led there, and it joins the first',
      {
        containers: [anAim(A, 'Running')],
        holder: holderAim({ template: onTwo }),
      },
      {
        containers: [
          aContainer('aaaaaaaa', 1, { networks: { 'ns.new': '10.1.0.2', 'ns.default': '10.0.0.2' } }),
        ],
        holder: {
          container: aHolder({ annotations: { [HOLDER_ANNOTATION]: canonicalJson(onTwo) } }),
          route: [],
        },
      },
      [
        'route traffic ns.twin-holder to 10.0.0.2 (serves)',
        'connect network ns.twin-holder (is not on network ns.new)',
      ],
    ],
    [
      'who is down is not led to, even if its address is still told',
      { holder: holderAim({ route: [toA, toB] }) },
      {
        containers: [aContainer('aaaaaaaa', 1, { ...at('10.0.0.2'), state: 'exited' }), newOne],
        holder: { container: aHolder(), route: ['10.0.0.2', '10.0.0.3'] },
      },
      ['route traffic ns.twin-holder to 10.0.0.3 (serves)'],
    ],
    [
      'two go on for one that has no address yet, in whatever order they are seen',
      { holder: holderAim({ route: [{ ...toB, attempt: 3 }] }) },
      { containers: [oldOne, newOne], holder: { container: aHolder(), route: ['10.0.0.3', '10.0.0.2'] } },
      [],
    ],
    [
      'two are led to at once',
      { holder: holderAim({ route: [toB, toA] }) },
      { containers: [oldOne, newOne], holder: { container: aHolder(), route: [] } },
      ['route traffic ns.twin-holder to 10.0.0.2 and 10.0.0.3 (serves)'],
    ],
    [
      'it has no network any more: nothing can be routed',
      { containers: [anAim(A, 'Running')], holder: holderAim({ template: { networks: [], ports: [] } }) },
      {
        containers: [oldOne],
        holder: {
          container: aHolder({
            annotations: { [HOLDER_ANNOTATION]: canonicalJson({ networks: [], ports: [] }) },
          }),
          route: ['10.0.0.2'],
        },
      },
      [],
    ],
    ['others are left, and so is the holder', {}, { holder: { container: aHolder(), route: [] } }, []],
  ])('%s', (_, aim, observed, expected) => {
    expect(planOf(aim, observed)).toEqual(expected);
  });
});

test('what a holder was made from is written on it', () => {
  const { operations } = planAgent(
    { containers: [], others: 'Leave', holder: holderAim() },
    { containers: [], observedAtMs: 0 },
    ownership,
  );
  expect(operations[0]).toMatchObject({
    type: 'CreateHolder',
    template,
    labels: { owner: 'us', 'rookery.dev/role': 'holder', 'rookery.dev/self': 'ns.twin-holder' },
    annotations: { [HOLDER_ANNOTATION]: canonicalJson(template) },
  });
});
