import { describe, expect, test } from 'vitest';
import { createSyncWindows, parseSyncWindow, syncWindowAt } from '../src/schedule/sync-windows.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

const at = (iso: string): number => Date.parse(iso);
const MINUTE_MS = 60_000;

/** `open until 06:00Z`-like words for what holds at an instant. */
function said(rules: readonly string[], iso: string): string {
  const { open, untilMs } = syncWindowAt(rules.map(parseSyncWindow), at(iso));
  const until = untilMs === undefined ? 'for good' : new Date(untilMs).toISOString();
  return `${open ? 'open' : 'closed'} ${until}`;
}

describe('a sync window', () => {
  test.each([
    ['no rule', [], '2026-06-01T12:00Z', 'open for good'],
    ['before', ['allow 0 22 * * * for 8h in UTC'], '2026-06-01T21:59Z', 'closed 2026-06-01T22:00:00.000Z'],
    [
      'at its start',
      ['allow 0 22 * * * for 8h in UTC'],
      '2026-06-01T22:00Z',
      'open 2026-06-02T06:00:00.000Z',
    ],
    [
      'at its end',
      ['allow 0 22 * * * for 8h in UTC'],
      '2026-06-02T06:00Z',
      'closed 2026-06-02T22:00:00.000Z',
    ],
    [
      'a denied hour',
      ['deny 0 12 * * * for 1h in UTC'],
      '2026-06-01T12:30Z',
      'closed 2026-06-01T13:00:00.000Z',
    ],
    [
      'outside a denied hour',
      ['deny 0 12 * * * for 1h in UTC'],
      '2026-06-01T13:00Z',
      'open 2026-06-02T12:00:00.000Z',
    ],
    [
      'deny beats allow',
      ['allow 0 22 * * * for 8h in UTC', 'deny 0 23 * * * for 2h in UTC'],
      '2026-06-01T23:30Z',
      'closed 2026-06-02T01:00:00.000Z',
    ],
    [
      'windows that overlap are one',
      ['allow 0 22 * * * for 2h in UTC', 'allow 0 23 * * * for 3h in UTC'],
      '2026-06-01T22:30Z',
      'open 2026-06-02T02:00:00.000Z',
    ],
    ['one that never ends', ['allow * * * * * for 2m in UTC'], '2026-06-01T22:30Z', 'open for good'],
    [
      'longer than its period',
      ['allow 0 0 * * * for 36h in UTC', 'deny 0 9 * * 3 for 30m in UTC'],
      '2026-06-02T09:00Z',
      'open 2026-06-03T09:00:00.000Z',
    ],
    [
      'weekdays of its own time zone: Friday 23:30 in Tokyo is still Friday in UTC',
      ['allow 30 23 * * 5 for 1h in Asia/Tokyo'],
      '2026-06-05T14:30Z',
      'open 2026-06-05T15:30:00.000Z',
    ],
  ])('%s', (_name, rules, iso, expected) => {
    expect(said(rules, iso)).toBe(expected);
  });

  test('follows the clocks of its time zone: summer and winter', () => {
    const rules = ['allow 0 22 * * * for 8h in Europe/Berlin'];
    expect(said(rules, '2026-07-01T19:00Z')).toBe('closed 2026-07-01T20:00:00.000Z');
    expect(said(rules, '2026-12-01T19:00Z')).toBe('closed 2026-12-01T21:00:00.000Z');
  });

  test('lasts as a stopwatch tells it when the clocks change', () => {
    const rules = ['allow 0 22 * * * for 8h in Europe/Berlin'];
    // 22:00 CET to 07:00 CEST, and 22:00 CEST to 05:00 CET.
    expect(said(rules, '2026-03-28T23:00Z')).toBe('open 2026-03-29T05:00:00.000Z');
    expect(said(rules, '2026-10-24T22:00Z')).toBe('open 2026-10-25T04:00:00.000Z');
  });

  test('at a time that the clocks leave out opens at the next that there is, and at a doubled one once', () => {
    const rules = ['allow 30 2 * * * for 15m in Europe/Berlin'];
    expect(said(rules, '2026-03-28T12:00Z')).toBe('closed 2026-03-29T01:00:00.000Z');
    expect(said(rules, '2026-10-24T12:00Z')).toBe('closed 2026-10-25T00:30:00.000Z');
    expect(said(rules, '2026-10-25T00:45Z')).toBe('closed 2026-10-26T01:30:00.000Z');
  });

  test.each([
    ['sometimes', 'must be allow or deny'],
    ['allow 0 22 * * * for 8h', 'a time zone'],
    ['allow 0 22 * * for 8h in UTC', 'five fields'],
    ['allow 0 99 * * * for 8h in UTC', '99'],
    ['allow 0 0 31 2 * for 8h in UTC', 'never comes'],
    ['allow 0 22 * * * for 8h in Mars/Olympus', 'no time zone that is known here'],
    ['allow 0 22 * * * for soon in UTC', 'must be a duration'],
    ['allow 0 22 * * * for 40d in UTC', 'from 1m to 31d'],
  ])('"%s" is refused', (text, words) => {
    expect(() => parseSyncWindow(text)).toThrow(words);
  });

  test('a remembered answer holds until it ends, and not before it began', () => {
    const window = createSyncWindows([parseSyncWindow('allow 0 22 * * * for 8h in UTC')]);
    expect(window(at('2026-06-01T22:00Z')).open).toBe(true);
    expect(window(at('2026-06-02T05:59Z')).open).toBe(true);
    expect(window(at('2026-06-02T06:00Z')).open).toBe(false);
    expect(window(at('2026-06-01T23:00Z')).open).toBe(true);
  });
});

describe('outside of the sync window', () => {
  /** The clock stands at 00:00 UTC of New Year's Day, within a window of ten minutes. */
  const deploy = async (...more: readonly object[]): Promise<SimulatedHost> => {
    const host = await createSimulatedHost();
    host.syncWindow = createSyncWindows([parseSyncWindow('allow 0 * * * * for 10m in UTC')]);
    await host.apply(web('1'), ...more);
    await host.start();
    await host.until(() => host.status('web')?.phase === 'Healthy', 120_000);
    await host.clock.advance(10 * MINUTE_MS);
    return host;
  };
  const web = (version: string): object => agentManifest('web', {}, { VERSION: version });
  const isUpdated = (host: SimulatedHost): boolean => {
    const { phase, revisions = [], currentRevision } = host.status('web') ?? {};
    return phase === 'Healthy' && revisions.length === 2 && revisions[1]?.id === currentRevision;
  };
  const untilOpen = (host: SimulatedHost): Promise<void> =>
    host.clock.advance(at('2026-01-01T01:00Z') - host.clock.now());

  test('a change waits, says until when, and is applied when the window opens', async () => {
    const host = await deploy();
    const before = host.running();
    await host.apply(web('2'), agentManifest('new'));
    await host.clock.advance(20 * MINUTE_MS);
    expect(host.running()).toEqual(before);
    expect(host.status('web')).toMatchObject({ phase: 'Healthy', reason: 'OutsideSyncWindow' });
    expect(host.status('web')?.message).toContain('until 2026-01-01T01:00:00.000Z');
    expect(host.status('web')?.conditions.find(({ type }) => type === 'Synced')).toMatchObject({
      status: 'False',
      reason: 'OutsideSyncWindow',
    });
    const view = host.engine().backend.convergence();
    expect(view.converged).toBe(false);
    expect(view.window).toMatchObject({
      open: false,
      until: '2026-01-01T01:00:00.000Z',
      waiting: [`Agent/${NAMESPACE}/new`, `Agent/${NAMESPACE}/web`],
    });
    const plan = await host.engine().backend.plan();
    expect(plan.changes.map(({ object }) => object)).toContain(`Agent/${NAMESPACE}/web`);
    expect(plan.window?.open).toBe(false);
    await untilOpen(host);
    await host.until(() => host.status('new')?.phase === 'Healthy', 120_000);
    expect(isUpdated(host)).toBe(true);
    expect(host.status('web')?.conditions.find(({ type }) => type === 'Synced')?.status).toBe('True');
    expect(host.engine().backend.convergence().converged).toBe(true);
  });

  test('what runs is kept as it was: a crash is restarted, and what somebody removed is made again', async () => {
    const host = await deploy();
    await host.apply(web('2'));
    const before = host.running();
    host.podman.controls.kill(before[0] ?? '', 1);
    expect(host.running()).toEqual([]);
    await host.until(() => host.status('web')?.phase === 'Healthy', 120_000);
    expect(host.running()).toEqual(before);
    await host.podman.removeContainer(before[0] ?? '');
    expect(host.running()).toEqual([]);
    await host.until(() => host.status('web')?.phase === 'Healthy', 120_000);
    expect(host.running()).toHaveLength(1);
    expect(host.status('web')?.revisions).toHaveLength(1);
  });

  test('an update that began goes on, also back', async () => {
    const host = await deploy();
    await untilOpen(host);
    host.programs.set('web', ({ env }) => (env['VERSION'] === '2' ? { exitAfterMs: 50, exitCode: 1 } : {}));
    await host.apply(web('2'));
    host.syncWindow = () => ({ open: false, message: 'closed' });
    expect(host.status('web')?.phase).not.toBe('Healthy');
    await host.until(() => host.status('web')?.phase === 'RolledBack', 120_000);
    expect(host.running()).toHaveLength(1);
  });

  test('nothing is removed, and a removal that began goes on', async () => {
    const host = await deploy(agentManifest('old'));
    await host.remove('Agent', 'old');
    await host.clock.advance(20 * MINUTE_MS);
    expect(host.running()).toHaveLength(2);
    expect(host.engine().backend.convergence().window?.waiting).toEqual([`Agent/${NAMESPACE}/old`]);
    await untilOpen(host);
    await host.until(() => host.running().length === 1, 120_000);
  });

  test('an edit that is taken back waits for nothing', async () => {
    const host = await deploy();
    await host.apply(web('2'));
    await host.apply(web('1'));
    expect(host.engine().backend.convergence()).toMatchObject({ converged: true, window: { waiting: [] } });
    expect(host.status('web')?.message).toBe('');
  });

  test('a person may have it at once, and only what is there by then', async () => {
    const host = await deploy();
    await host.apply(web('2'));
    await host.engine().backend.sync({ approvePrune: false, now: true });
    await host.until(() => isUpdated(host), 120_000);
    await host.apply(web('3'));
    await host.clock.advance(20 * MINUTE_MS);
    expect(isUpdated(host)).toBe(true);
  });

  test('a restart of the controller lets nothing through, Secrets and what they hold included', async () => {
    const secret = (token: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'api', namespace: NAMESPACE },
      stringData: { token },
    });
    const user = agentManifest('user', {
      env: [{ name: 'T', valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } }],
    });
    const host = await deploy(secret('one'), user);
    await host.until(() => host.status('user')?.phase === 'Healthy', 120_000);
    const before = host.podman.controls.containers().map(({ id }) => id);
    await host.apply(web('2'));
    await host.stop();
    await host.start();
    await host.clock.advance(20 * MINUTE_MS);
    expect(host.podman.controls.containers().map(({ id }) => id)).toEqual(before);
    expect(host.engine().backend.convergence().window?.waiting).toEqual([`Agent/${NAMESPACE}/web`]);
    await host.apply(secret('two'));
    await host.stop();
    await host.start();
    await host.clock.advance(20 * MINUTE_MS);
    expect(host.podman.controls.containers().map(({ id }) => id)).toEqual(before);
    const name = host.running().find((each) => each.includes('user')) ?? '';
    host.podman.controls.kill(name, 1);
    await host.until(() => host.running().length === 2, 60_000);
    await untilOpen(host);
    await host.until(() => isUpdated(host) && host.status('user')?.revisions.length === 2, 300_000);
  });
});
