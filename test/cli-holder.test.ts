import { existsSync, renameSync } from 'node:fs';
import { expect, test } from 'vitest';
import { StoreError } from '../src/store/errors.ts';
import { cli, NOW_MS, serveApi } from './fakes/cli.ts';

const locked = () =>
  Promise.reject(new StoreError('Locked', 'the state directory is in use by process 7', { holderPid: 7 }));
const holder = { startController: locked, planOffline: locked };
const nothing = { changes: [], problems: [] };

test.each(['apply', 'plan'])(
  '%s says when the controller that holds the lock does not listen',
  async (command) => {
    let nowMs = NOW_MS;
    const services = { ...holder, nowMs: () => (nowMs += 1_000) };
    const result = await cli([command, '--api-socket', '/tmp/nobody-listens.sock'], { services });
    expect(result).toEqual({
      code: 1,
      out: '',
      err: 'rookery: the state directory is in use by process 7, and it does not listen at /tmp/nobody-listens.sock: name its socket with --api-socket\n',
    });
  },
);

test('plan waits for a controller that has only begun to start', async () => {
  const api = await serveApi({ 'POST /apis/rookery.dev/v1alpha1/plan': nothing });
  const hidden = `${api.socket}.hidden`;
  renameSync(api.socket, hidden);
  let looks = 0;
  const nowMs = () => {
    looks += 1;
    if (looks === 4 && existsSync(hidden)) renameSync(hidden, api.socket);
    return NOW_MS;
  };
  const result = await cli(['plan', '--api-socket', api.socket], { services: { ...holder, nowMs } });
  await api.close();
  expect(result).toEqual({ code: 0, out: 'nothing to do\n', err: '' });
  expect(looks).toBeGreaterThanOrEqual(4);
});

test.each(['apply', 'plan', 'diff'])(
  '%s starts nothing where somebody is seen to hold the lock',
  async (command) => {
    const never = () => Promise.reject(new Error('was started'));
    const api = await serveApi({
      'POST /apis/rookery.dev/v1alpha1/plan': nothing,
      'POST /apis/rookery.dev/v1alpha1/diff': { agents: [], problems: [] },
      'POST /apis/rookery.dev/v1alpha1/sync?approvePrune=false': {},
      'GET /apis/rookery.dev/v1alpha1/convergence': {
        converged: true,
        busy: false,
        healthy: 1,
        total: 1,
        waitingFor: [],
        problems: [],
      },
    });
    const services = {
      findHolder: () => Promise.resolve(new StoreError('Locked', 'held', { holderPid: 7 })),
      startController: never,
      planOffline: never,
      diffOffline: never,
    };
    const result = await cli([command, '--api-socket', api.socket], { services });
    await api.close();
    expect(result).toMatchObject({ code: 0, err: '' });
  },
);
