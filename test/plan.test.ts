import { describe, expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import { labels } from '../src/api/labels.ts';
import type { AgentAim, ImageAim } from '../src/plan/aim.ts';
import { formatPlan } from '../src/plan/operation.ts';
import { planAgent } from '../src/plan/plan-agent.ts';
import { incarnationLabels } from '../src/state/names.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { Mount } from '../src/state/template.ts';
import { aContainer, aRevision, anAim } from './fakes/templates.ts';

const ownership = { key: agentKey('ns', 'twin'), ownerLabels: { owner: 'us' } };
const port = { containerPort: 7120, hostPort: 7120, hostIP: '127.0.0.1', protocol: 'tcp' as const };
const A = aRevision('aaaaaaaa', { ports: [port] });
const B = aRevision('bbbbbbbb', { ports: [port] });
const holding = { ports: [{ ...port, protocol: 'tcp' }] };
const exited = { state: 'exited' as const, networks: {} };

const labelsOf = (revision: string, attempt: number, ordinal: number) =>
  incarnationLabels({ key: ownership.key, revision, attempt, ordinal });

const planOf = (aim: Partial<AgentAim>, ...containers: ObservedContainer[]): string[] => {
  const plan = planAgent(
    { containers: [], others: 'Leave', ...aim },
    { containers, observedAtMs: 0 },
    ownership,
  );
  return plan.operations.length === 0 ? [] : formatPlan(plan).split('\n');
};

describe('a plan is the difference between an aim and what runs', () => {
  test.each<[string, Partial<AgentAim>, ObservedContainer[], string[]]>([
    ['nothing is wanted and nothing runs', {}, [], []],
    ['what is wanted runs', { containers: [anAim(A, 'Running')] }, [aContainer('aaaaaaaa', 1, holding)], []],
    [
      'a first deploy',
      { containers: [anAim(A, 'Running')] },
      [],
      [
        'check port 127.0.0.1:7120/tcp (because)',
        'create container ns.twin-aaaaaaaa-1-0 (because)',
        'start container ns.twin-aaaaaaaa-1-0 (because)',
      ],
    ],
    [
      'a candidate beside the old one, whose port it takes over',
      { containers: [anAim(A, 'Running'), anAim(B, 'Created', { attempt: 2 })] },
      [aContainer('aaaaaaaa', 1, holding)],
      ['create container ns.twin-bbbbbbbb-2-0 (because)'],
    ],
    [
      'the old one stops',
      { containers: [anAim(A, 'Stopped'), anAim(B, 'Created', { attempt: 2 })] },
      [aContainer('aaaaaaaa', 1, holding), aContainer('bbbbbbbb', 2, { ...exited, state: 'created' })],
      ['stop container ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'a crash',
      { containers: [anAim(A, 'Running')] },
      [aContainer('aaaaaaaa', 1, exited)],
      ['check port 127.0.0.1:7120/tcp (because)', 'start container ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'a crash in its back-off',
      { containers: [anAim(A, 'Untouched')] },
      [aContainer('aaaaaaaa', 1, exited)],
      [],
    ],
    [
      'a rollback: the candidate goes, the kept one starts, and only then is anything removed',
      { containers: [anAim(A, 'Running'), anAim(B, 'Absent', { attempt: 2, graceSeconds: 1 })] },
      [aContainer('aaaaaaaa', 1, exited), aContainer('bbbbbbbb', 2, holding)],
      [
        'stop container ns.twin-bbbbbbbb-2-0 (because)',
        'start container ns.twin-aaaaaaaa-1-0 (because)',
        'remove container ns.twin-bbbbbbbb-2-0 (because)',
      ],
    ],
    [
      'an interrupted create left half a container',
      { containers: [anAim(aRevision('cccccccc'), 'Running')] },
      [aContainer('cccccccc', 1, { state: 'initialized', networks: {} })],
      [
        'remove container ns.twin-cccccccc-1-0 (left half made by an interrupted call)',
        'create container ns.twin-cccccccc-1-0 (because)',
        'start container ns.twin-cccccccc-1-0 (because)',
      ],
    ],
    [
      'a paused container is started anew',
      { containers: [anAim(A, 'Running')] },
      [aContainer('aaaaaaaa', 1, { ...holding, state: 'paused' })],
      ['stop container ns.twin-aaaaaaaa-1-0 (because)', 'start container ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'others are stopped and removed, and only when asked',
      { containers: [anAim(A, 'Running')], others: { remove: 'replaced', graceSeconds: 1 } },
      [aContainer('aaaaaaaa', 1, holding), aContainer('bbbbbbbb', 7)],
      ['stop container ns.twin-bbbbbbbb-7-0 (replaced)', 'remove container ns.twin-bbbbbbbb-7-0 (replaced)'],
    ],
    [
      'others are left',
      { containers: [anAim(A, 'Running')] },
      [aContainer('aaaaaaaa', 1, holding), aContainer('bbbbbbbb', 7)],
      [],
    ],
    [
      'drift is put right in place',
      { containers: [anAim(A, 'Running', { correctDrift: true })] },
      [aContainer('aaaaaaaa', 1, { ...holding, name: 'renamed', networks: { stray: '10.9.0.2' } })],
      [
        'rename container renamed (was renamed to renamed)',
        'connect network renamed (is not on network ns.default)',
        'disconnect network renamed (is on network stray, which its manifest does not name)',
      ],
    ],
    [
      'drift is left alone otherwise',
      { containers: [anAim(A, 'Running')] },
      [aContainer('aaaaaaaa', 1, { ...holding, name: 'renamed' })],
      [],
    ],
    [
      'a signal for changed files',
      { containers: [anAim(A, 'Running', { signal: 'HUP' })] },
      [aContainer('aaaaaaaa', 1, holding)],
      ['signal container ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'last words before a failed candidate goes',
      { containers: [anAim(A, 'Untouched', { captureLogs: true })] },
      [aContainer('aaaaaaaa', 1, exited)],
      ['capture logs ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'what is to be stopped or gone already is not made for it',
      {
        containers: [
          anAim(A, 'Stopped'),
          anAim(B, 'Absent', { attempt: 2, correctDrift: true, signal: 'HUP' }),
        ],
      },
      [],
      [],
    ],
    [
      'who is to go, or is not to be touched, is neither put right nor signalled',
      {
        containers: [
          anAim(A, 'Untouched', { correctDrift: true, signal: 'HUP' }),
          anAim(B, 'Absent', { attempt: 2, correctDrift: true, signal: 'HUP' }),
        ],
      },
      [
        aContainer('aaaaaaaa', 1, { name: 'renamed' }),
        aContainer('bbbbbbbb', 2, { ...exited, name: 'renamed' }),
      ],
      ['remove container renamed (because)'],
    ],
    [
      'a paused container that need not run is left as it is',
      { containers: [anAim(A, 'Created')] },
      [aContainer('aaaaaaaa', 1, { ...holding, state: 'paused' })],
      [],
    ],
    [
      'who is down holds no port, whatever it published',
      { containers: [anAim(A, 'Running')] },
      [aContainer('aaaaaaaa', 1, { ...exited, ...holding })],
      ['check port 127.0.0.1:7120/tcp (because)', 'start container ns.twin-aaaaaaaa-1-0 (because)'],
    ],
    [
      'another revision, attempt or replica is not the one that is wanted',
      { containers: [anAim(A, 'Running', { attempt: 2, ordinal: 1 })] },
      [
        aContainer('aaaaaaaa', 1, { labels: labelsOf('aaaaaaaa', 1, 1) }),
        aContainer('aaaaaaaa', 2, { labels: labelsOf('aaaaaaaa', 2, 0) }),
        aContainer('bbbbbbbb', 2, { ...holding, labels: labelsOf('bbbbbbbb', 2, 1) }),
      ],
      ['create container ns.twin-aaaaaaaa-2-1 (because)', 'start container ns.twin-aaaaaaaa-2-1 (because)'],
    ],
    [
      'the image first',
      { image: { type: 'Pull', reference: 'example/agent:2', cause: 'is not there' } },
      [],
      ['pull image example/agent:2 (is not there)'],
    ],
    [
      'an image that is marked as come by us',
      {
        image: { type: 'Pull', reference: 'example/agent:2', mark: 'rookery/agent:2', cause: 'is not there' },
      },
      [],
      ['pull image example/agent:2 (is not there)', 'tag image rookery/agent:2 (was pulled)'],
    ],
    [
      'a build',
      {
        image: {
          type: 'Build',
          tags: ['localhost/rookery/agent/ns.twin:abc'],
          contextDir: '/context',
          containerfile: 'Containerfile',
          args: {},
          inputHash: 'abc',
          cause: 'its context changed',
        },
      },
      [],
      ['build image localhost/rookery/agent/ns.twin:abc (its context changed)'],
    ],
  ])('%s', (_name, aim, containers, expected) => {
    expect(planOf(aim, ...containers)).toEqual(expected);
  });

  test('what is built and pulled can be found again', () => {
    const build = {
      tags: ['t:1'],
      contextDir: '/context',
      containerfile: 'C',
      args: { A: '1' },
      cause: 'new',
    };
    const imageOf = (image: ImageAim) =>
      planAgent({ containers: [], others: 'Leave', image }, { containers: [], observedAtMs: 0 }, ownership)
        .operations;
    expect(imageOf({ type: 'Build', ...build, inputHash: 'abc' })).toEqual([
      { type: 'BuildImage', ...build, labels: { owner: 'us', [labels.inputHash]: 'abc' } },
    ]);
    expect(imageOf({ type: 'Pull', reference: 'a:2', mark: 'ours:2', cause: 'new' })[1]).toMatchObject({
      id: 'a:2',
      reference: 'ours:2',
    });
  });

  test('a new container carries who it is, so that any controller finds it again', () => {
    const plan = planAgent(
      { containers: [anAim(A, 'Created')], others: 'Leave' },
      { containers: [], observedAtMs: 0 },
      ownership,
    );
    const create = plan.operations.find((operation) => operation.type === 'CreateContainer');
    expect(create?.labels).toEqual({
      owner: 'us',
      'rookery.dev/revision': 'aaaaaaaa',
      'rookery.dev/attempt': '1',
      'rookery.dev/ordinal': '0',
      'rookery.dev/self': 'ns.twin-aaaaaaaa-1-0',
    });
    expect(JSON.parse(create?.annotations['rookery.dev/revision-spec'] ?? '{}')).toMatchObject({
      image: A.template.image,
    });
  });
});

test.each<[string, readonly Mount[], readonly string[] | undefined]>([
  ['none', [], []],
  [
    'a directory and a whole volume',
    [
      { type: 'bind', source: '/srv/data', target: '/data', readOnly: false },
      { type: 'volume', name: 'ns.data', target: '/volume', readOnly: false },
    ],
    ['/srv/data'],
  ],
  [
    'a part of a volume, of which only Podman knows where it lies',
    [
      { type: 'bind', source: '/srv/data', target: '/data', readOnly: false },
      { type: 'volume', name: 'ns.data', subPath: 'logs', target: '/volume', readOnly: false },
    ],
    undefined,
  ],
])('a start names the directories that it needs: %s', (_, mounts, binds) => {
  const { operations } = planAgent(
    { containers: [anAim(aRevision('aaaaaaaa', { mounts }), 'Running')], others: 'Leave' },
    { containers: [], observedAtMs: 0 },
    ownership,
  );
  const start = operations.find(({ type }) => type === 'StartContainer');
  expect(start && 'binds' in start ? start.binds : undefined).toEqual(binds);
});
