import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { type CliResult, type Controller, openSite, type Site } from './site.ts';
import { conditionOf, isStable } from './status.ts';
import { until } from './until.ts';

const LIMIT_MS = 120_000;

let site: Site;
let controller: Controller;

beforeAll(async () => {
  site = openSite();
  await ensureBusybox(site.host);
  site.write('web.yaml', agentText({ name: 'web', namespace: site.namespace, more: versionText(0) }));
  controller = site.start();
  await untilRuns('0');
}, LIMIT_MS);
afterAll(() => site?.cleanUp());

const versionText = (version: number): string => `env: [{name: V, value: "v${version}"}]`;
const edit = (from: number, to: number): void =>
  site.edit('web.yaml', `value: "v${from}"`, `value: "v${to}"`);
const SLOW = 'minHealthySeconds: 600, healthyDeadlineSeconds: 900';
const QUICK = 'minHealthySeconds: 0, healthyDeadlineSeconds: 20';

const running = async () =>
  (await site.host.containers(site.namespace)).filter(({ State }) => State.Status === 'running');
const versions = async (): Promise<string[]> => {
  const containers = await running();
  const env = await Promise.all(
    containers.map(({ Id }) => site.host.podman('inspect', '--format', '{{.Config.Env}}', Id)),
  );
  return env.map((text) => /\bV=v(\d+)/.exec(text)?.[1] ?? '?');
};
const untilRuns = (version: string): Promise<boolean> =>
  until(`version ${version} is stable`, async () => {
    const isThere = (await versions()).join() === version;
    return isThere && isStable(await site.status('web'));
  });
const untilPhase = (phase: string): Promise<boolean> =>
  until(phase, async () => (await site.status('web')).phase === phase);
const rollout = (...args: string[]): Promise<CliResult> => site.rookery('rollout', ...args);
async function succeeds(answer: Promise<CliResult>): Promise<string> {
  const { exitCode, stdout, stderr } = await answer;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}
async function dieAndComeBack(): Promise<void> {
  await controller.end('SIGKILL');
  controller = site.start();
  await until('it answers again', () => site.status('web'));
}

test('status, history and why tell of an update', { timeout: LIMIT_MS }, async () => {
  edit(0, 1);
  await until('it begins', async () => (await site.status('web')).revisions.length === 2);
  expect(await succeeds(rollout('status', 'web', '--timeout', '60s'))).toMatch(
    /successfully rolled out: revision/,
  );
  const history = await succeeds(rollout('history', 'web'));
  expect(history).toMatch(/Stable +current,target,stable +\w+ +web\.yaml:2 +env V changed v0 → v1/);
  const why = await succeeds(site.rookery('why', 'web'));
  expect(why).toMatch(/\(nothing\) → \w{8} {2}Manifest: Stable/);
  expect(why).toMatch(
    /\w{8} → \w{8} {2}Manifest: Stable after \d+s\n {2}env V changed v0 → v1\n {2}from \S*web\.yaml:2/,
  );
});

test('undo goes back, holds when the controller dies, and resume follows the manifest again', {
  timeout: LIMIT_MS,
}, async () => {
  expect(await succeeds(rollout('undo', 'web'))).toMatch(/^agent\/web goes back to revision/);
  await untilRuns('0');
  const [before] = await running();
  await dieAndComeBack();
  await until('it was looked at', async () => (await site.status('web')).reason === 'UndoneByUser');
  expect(conditionOf(await site.status('web'), 'Synced')).toMatchObject({
    status: 'False',
    reason: 'UndoneByUser',
  });
  expect((await running()).map(({ Id }) => Id)).toEqual([before?.Id]);
  expect(await succeeds(site.rookery('describe', 'agent', 'web'))).toContain('rookery.dev/undo-to-revision=');
  await succeeds(rollout('resume', 'web'));
  await untilRuns('1');
});

test('pause holds across a crash, abort goes back, retry tries again', { timeout: LIMIT_MS }, async () => {
  site.edit('web.yaml', QUICK, SLOW);
  edit(1, 2);
  await untilPhase('Verifying');
  await succeeds(rollout('pause', 'web'));
  await untilPhase('Paused');
  await dieAndComeBack();
  await untilPhase('Paused');
  expect((await rollout('status', 'web', '--watch=false')).exitCode).toBe(2);
  await succeeds(rollout('resume', 'web'));
  await untilPhase('Verifying');
  expect(await succeeds(rollout('abort', 'web'))).toMatch(/^agent\/web goes back to revision/);
  const ended = await rollout('status', 'web', '--timeout', '60s');
  expect(ended).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('RolledBack: aborted by a person'),
  });
  expect(await versions()).toEqual(['1']);
  const failed = (await site.status('web')).targetRevision ?? '';
  expect(await succeeds(rollout('history', 'web', '--revision', failed))).toMatch(
    /AbortedByUser: aborted by a person/,
  );
  await succeeds(rollout('retry', 'web'));
  await untilPhase('Verifying');
  site.edit('web.yaml', SLOW, QUICK);
  await untilRuns('2');
  expect(await succeeds(site.rookery('why', 'web'))).toContain('Retry: Stable');
});

test('restart makes one new container of the same', { timeout: LIMIT_MS }, async () => {
  const [before] = await running();
  await succeeds(rollout('restart', 'web'));
  await until('another one runs', async () => (await running()).every(({ Id }) => Id !== before?.Id));
  await untilRuns('2');
  const { rollouts = [] } = await site.status('web');
  expect(rollouts.at(-1)).toMatchObject({ trigger: 'Restart', outcome: 'Stable' });
  const [after] = await running();
  await dieAndComeBack();
  await untilRuns('2');
  expect((await running()).map(({ Id }) => Id)).toEqual([after?.Id]);
});

test('suspend changes nothing for its time, also when the controller dies', {
  timeout: LIMIT_MS,
}, async () => {
  const suspended = await succeeds(site.rookery('suspend', 'web', '--for', '20s', '--reason', 'a look'));
  expect(suspended).toMatch(/^agent\/web is suspended until 2/);
  const [container] = await running();
  await site.host.podman('rm', '--force', '--time', '0', container?.Id ?? '');
  await dieAndComeBack();
  expect(await site.status('web')).toMatchObject({ phase: 'Suspended', reason: 'SuspendedByUser' });
  expect(await running()).toEqual([]);
  expect((await rollout('restart', 'web')).stderr).toContain(
    'web is suspended, so nothing is changed for it',
  );
  await untilRuns('2');
});

test('diff compares the file with what runs, with and without a controller', {
  timeout: LIMIT_MS,
}, async () => {
  expect(await site.rookery('diff', 'web')).toMatchObject({ exitCode: 0, stdout: '' });
  await controller.end('SIGTERM');
  edit(2, 3);
  const changed = await site.rookery('diff', 'web');
  expect(changed.stdout).toMatch(/^-\s+V: v2$/m);
  expect(changed.stdout).toMatch(/^\+\s+V: v3$/m);
  expect(changed.exitCode).toBe(1);
  controller = site.start();
  await untilRuns('3');
  expect((await rollout('pause', 'web')).stderr).toContain('has no rollout under way');
});
