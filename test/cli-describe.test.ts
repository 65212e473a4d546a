import { afterEach, expect, test } from 'vitest';
import { apiAgent, apiEvent, listOf } from './fakes/api-objects.ts';
import { ago, cli, type FakeApi, serveApi } from './fakes/cli.ts';

const AGENTS = '/apis/rookery.dev/v1alpha1/namespaces/ai-system/agents';
const EVENTS = '/api/v1/namespaces/ai-system/events';

let api: FakeApi;
afterEach(() => api.close());
const describe = (...args: string[]) =>
  cli(['describe', ...args, '-n', 'ai-system', '--api-socket', api.socket]);

const twin = apiAgent('system-digital-twin');
const manager = apiAgent('model-manager', {
  spec: { dependsOn: [{ name: 'system-digital-twin', condition: 'Healthy' }] },
  status: {
    phase: 'RolledBack',
    reason: 'RolledBack',
    message: 'revision 77aa77aa failed',
    restarts: 2,
    address: '10.89.0.3',
    startedAt: ago(60),
    lastExit: { code: 137, oomKilled: true, at: ago(70) },
    lastPlan: ['start container ai-system.model-manager-3f9c21ab-1-0 (rollback)'],
    targetRevision: '77aa77aa',
    revisions: [
      { id: '3f9c21ab', outcome: 'Stable', cause: 'first deploy', createdAt: ago(500) },
      {
        id: '77aa77aa',
        outcome: 'Failed',
        cause: 'env MODE changed good → bad',
        createdAt: ago(90),
        failure: {
          at: '2026-01-01T00:00:00Z',
          reason: 'CrashedTooOften',
          message: 'exited with 1',
          logTail: ['Traceback', '\u001b[31mValueError'],
        },
      },
    ],
    conditions: [
      {
        type: 'Stalled',
        status: 'True',
        reason: 'RolledBack',
        message: 'revision 77aa77aa failed',
        lastTransitionTime: ago(60),
        observedGeneration: 2,
      },
    ],
  },
});
const coordinator = apiAgent('coordinator', { spec: { dependsOn: [{ name: 'model-manager' }] } });

test('describe tells everything about an agent', async () => {
  api = await serveApi({
    [`${AGENTS}/model-manager`]: manager,
    [AGENTS]: listOf([twin, manager, coordinator]),
    [EVENTS]: listOf([
      apiEvent('model-manager', { reason: 'RolledBack', type: 'Warning' }),
      apiEvent('other'),
    ]),
  });
  expect(await describe('agent', 'model-manager')).toEqual({
    code: 0,
    err: '',
    out: `Name:         model-manager
Namespace:    ai-system
Kind:         Agent
Created:      2026-03-01T11:55:00.000Z (5m ago)
Generation:   2 (observed 2)
Layer:        1
Image:        localhost/agent:1
Phase:        RolledBack
Reason:       RolledBack
Message:      revision 77aa77aa failed
Ready:        True
Replicas:     1 running, 1 ready, 1 of the newest revision
Restarts:     2
Address:      10.89.0.3
Started:      2026-03-01T11:59:00.000Z (60s ago)
Last exit:    code 137, out of memory, 70s ago

Depends on:
  NAME                  CONDITION   PHASE     READY
  system-digital-twin   Healthy     Healthy   True

Needed by:
  NAME          PHASE
  coordinator   Healthy

Revisions:
  ID         OUTCOME   AGE     ROLE             SOURCE      CAUSE
  3f9c21ab   Stable    8m20s   current,stable   <unknown>   first deploy
  77aa77aa   Failed    90s     target           <unknown>   env MODE changed good → bad

Revision 77aa77aa failed:
  CrashedTooOften: exited with 1
  its last lines:
    Traceback
    \\u001b[31mValueError

Conditions:
  TYPE      STATUS   REASON       AGE   MESSAGE
  Stalled   True     RolledBack   60s   revision 77aa77aa failed

Last plan:
  start container ai-system.model-manager-3f9c21ab-1-0 (rollback)

Events:
  LAST SEEN   TYPE      REASON       OBJECT                MESSAGE
  30s         Warning   RolledBack   agent/model-manager   serves
`,
  });
});

test('describe tells about any other kind', async () => {
  const volume = {
    ...twin,
    kind: 'Volume',
    metadata: { ...twin.metadata, name: 'logs', labels: { tier: 'shared' } },
    spec: { retention: 'Retain' },
    status: { phase: 'Ready', message: '', observedGeneration: 1, conditions: [] },
  };
  api = await serveApi({ [AGENTS.replace('agents', 'volumes/logs')]: volume, [EVENTS]: listOf([]) });
  expect((await describe('vol/logs')).out).toBe(`Name:         logs
Namespace:    ai-system
Kind:         Volume
Labels:       tier=shared
Created:      2026-03-01T11:55:00.000Z (5m ago)
Phase:        Ready

Spec:
  retention: Retain

Events: none
`);
});

test.each([['agent'], ['agents,volumes']])('describe %s needs a name', async (kind) => {
  api = await serveApi({});
  expect((await describe(kind)).err).toBe(
    'rookery: describe takes one kind and one name, such as: rookery describe agent coordinator\n',
  );
});
