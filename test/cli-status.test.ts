import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { GitStatus } from '../src/api/source-status.ts';
import type { ConvergeView } from '../src/api/status.ts';
import { ago, cli, NOW_MS, serveApi } from './fakes/cli.ts';
import { viewOf } from './fakes/backend.ts';

const GROUP = '/apis/rookery.dev/v1alpha1';
const id = 'c0ffee0123456789c0ffee0123456789c0ffee01';
const source: GitStatus = {
  type: 'Git',
  origin: 'https://example.org/fleet.git',
  branch: 'main',
  paths: ['base', 'hosts/box'],
  commit: { id, subject: 'Let it be faster\u001b[2J', author: 'Ann', committedAt: ago(300) },
  fetchedAt: ago(20),
  verification: { type: 'ssh', signer: 'ann@example.org' },
};
const failure = { reason: 'Unverified', message: 'commit bad: it has no signature', since: ago(60) } as const;

test('status says where it comes from, what is applied, and what is missing', async () => {
  const waitingFor = [{ object: 'Agent/default/a', phase: 'Verifying', message: 'starting' }];
  const view = { ...viewOf({ healthy: 1, waitingFor }), source: { ...source, failure } };
  const api = await serveApi({ [`GET ${GROUP}/convergence`]: view });
  const { code, out } = await cli(['status', '--api-socket', api.socket]);
  await api.close();
  expect(code).toBe(1);
  expect(out).toBe(
    [
      'Source:    https://example.org/fleet.git, branch main, base, hosts/box',
      'Commit:    c0ffee012345 "Let it be faster\\u001b[2J" by Ann, 5m ago',
      'Fetched:   20s ago',
      'Signature: good (ssh), by ann@example.org',
      'Problem:   Unverified for 60s: commit bad: it has no signature',
      'Agents:    1/2 healthy',
      '',
      'OBJECT            PHASE       MESSAGE',
      'Agent/default/a   Verifying   starting',
      '',
    ].join('\n'),
  );
});

test('status of a directory that is converged', async () => {
  const view = { ...viewOf({ converged: true, healthy: 2 }), source: { type: 'Directory', origin: '/m' } };
  const api = await serveApi({ [`GET ${GROUP}/convergence`]: view });
  const result = await cli(['status', '--api-socket', api.socket]);
  await api.close();
  expect(result).toEqual({ code: 0, out: 'Source: /m\nAgents: 2/2 healthy\n', err: '' });
});

describe('status while something is reconciled', () => {
  const optional = {
    object: 'Agent/default/a',
    phase: 'Failed',
    message: 'no model',
    optional: true,
  } as const;
  /** What a look says, one after the other; the last one stays. */
  const statusOf = async (...views: ConvergeView[]) => {
    const api = await serveApi({
      [`GET ${GROUP}/convergence`]: (_: IncomingMessage, response: ServerResponse) =>
        response.end(JSON.stringify(views.length > 1 ? views.shift() : views[0])),
    });
    const clock = { nowMs: NOW_MS };
    const result = await cli(['status', '--api-socket', api.socket], {
      services: {
        nowMs: () => clock.nowMs,
        setTimer: (delayMs, run) => {
          clock.nowMs += delayMs;
          run();
          return () => undefined;
        },
      },
    });
    await api.close();
    return { ...result, tookMs: clock.nowMs - NOW_MS, looks: api.requests.length };
  };

  test('waits for what comes of it, which says more than the moment', async () => {
    const busy = viewOf({ busy: true, healthy: 2 });
    const { code, looks } = await statusOf(busy, busy, viewOf({ converged: true, healthy: 2 }));
    expect({ code, looks }).toEqual({ code: 0, looks: 3 });
  });

  test('also when an optional agent is down, which holds nothing up', async () => {
    const down = { healthy: 1, waitingFor: [optional] };
    const { code } = await statusOf(viewOf({ ...down, busy: true }), viewOf({ ...down, converged: true }));
    expect(code).toBe(0);
  });

  test('says so after two seconds of it, and exits 1', async () => {
    const { code, out, tookMs } = await statusOf(viewOf({ busy: true, healthy: 2 }));
    expect({ code, out, tookMs }).toEqual({
      code: 1,
      out: 'Agents: 2/2 healthy; something is being reconciled\n',
      tookMs: 2_000,
    });
  });

  test('waits for nothing when it has a cause to tell', async () => {
    const { code, looks } = await statusOf(viewOf({ busy: true, problems: ['frozen: it is gone'] }));
    expect({ code, looks }).toEqual({ code: 1, looks: 1 });
  });
});

test('sync says what is applied, and why something is not', async () => {
  const query = 'approvePrune=false&allowNonFastForward=true&now=false';
  const api = await serveApi({ [`POST ${GROUP}/sync?${query}`]: { source: { ...source, failure } } });
  const result = await cli(['sync', '--allow-non-fast-forward', '--api-socket', api.socket]);
  await api.close();
  expect(result).toEqual({
    code: 1,
    out: 'applied: c0ffee012345 Let it be faster\\u001b[2J\n',
    err: 'Unverified: commit bad: it has no signature\n',
  });
});

test('sync says which objects of what is applied are refused', async () => {
  const query = 'approvePrune=false&allowNonFastForward=false&now=false';
  const refused = ['secret.yaml:6:5: encryptedData.token: it cannot be decrypted:\nit is damaged'];
  const api = await serveApi({ [`POST ${GROUP}/sync?${query}`]: { source, refused } });
  const result = await cli(['sync', '--api-socket', api.socket]);
  await api.close();
  expect(result).toEqual({
    code: 1,
    out: 'applied: c0ffee012345 Let it be faster\\u001b[2J\n',
    err: 'secret.yaml:6:5: encryptedData.token: it cannot be decrypted: it is damaged\n',
  });
});

const closed = {
  open: false,
  until: '2026-01-01T22:00:00.000Z',
  message: 'outside of the sync window "allow 0 22 * * * for 8h in UTC", until 2026-01-01T22:00:00.000Z',
  waiting: ['Agent/default/a'],
  commit: id,
};

test('status says what waits for a sync window, until when, and what is applied meanwhile', async () => {
  const view = { ...viewOf({ healthy: 2 }), source: { type: 'Directory', origin: '/m' }, window: closed };
  const api = await serveApi({ [`GET ${GROUP}/convergence`]: view });
  const { code, out } = await cli(['status', '--api-socket', api.socket]);
  await api.close();
  expect(code).toBe(1);
  expect(out).toContain(
    `Sync window: ${closed.message}; 1 change waits; applied meanwhile: c0ffee012345; at once: rookery sync --now`,
  );
});

test('sync says that what is new waits, and --now does not wait', async () => {
  const query = 'approvePrune=false&allowNonFastForward=false';
  const directory = { type: 'Directory', origin: '/m' };
  const api = await serveApi({
    [`POST ${GROUP}/sync?${query}&now=false`]: { source: directory, window: closed },
    [`POST ${GROUP}/sync?${query}&now=true`]: { source: directory, window: { ...closed, waiting: [] } },
  });
  const waits = await cli(['sync', '--api-socket', api.socket]);
  const atOnce = await cli(['sync', '--now', '--api-socket', api.socket]);
  await api.close();
  expect(waits).toMatchObject({ code: 1, out: '' });
  expect(waits.err).toContain('1 change waits');
  expect(atOnce).toEqual({ code: 0, out: 'the manifests were read again\n', err: '' });
});
