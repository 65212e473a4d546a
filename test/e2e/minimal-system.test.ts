import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HostContainer, stopBehindItsBack } from './podman-host.ts';
import { type Controller, copyExample, openSite, REPOSITORY, type Site, untilAgents } from './site.ts';
import { conditionOf, isStable } from './status.ts';
import { until } from './until.ts';

/** Agent → those it waits for, as manifests/mvs says it. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'system-digital-twin': [],
  'model-manager': ['system-digital-twin'],
  coordinator: ['system-digital-twin', 'model-manager'],
  'self-training-orchestrator': ['system-digital-twin', 'model-manager'],
  'chain-of-thought': ['model-manager'],
  'got-tot': ['model-manager'],
  'emotion-engine': ['system-digital-twin'],
  'audio-capture': ['system-digital-twin'],
};
const NAMES = Object.keys(NEEDS);

const IMAGES = [
  'base:rootfs: {tar: TAR}',
  'zmq:build: {context: CONTEXT}',
  'http:build: {context: CONTEXT, containerfile: Containerfile.http}',
]
  .map((line) => line.split(/:(.*)/))
  .map(
    ([name, source]) => `
apiVersion: rookery.dev/v1alpha1
kind: Image
metadata: {name: ${name}}
spec:
  tag: localhost/ai-system/${name}:1
  ${source}
`,
  )
  .join('---')
  .replace('TAR', join(REPOSITORY, 'images/base/rootfs.tar'))
  .replaceAll('CONTEXT', join(REPOSITORY, 'images/agent'));

interface Running {
  readonly id: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly name: string;
}

describe('the minimal viable system', () => {
  let site: Site;
  let controller: Controller;

  beforeAll(async () => {
    site = openSite();
    await buildImages(site);
    await copyExample(site, 'mvs');
    controller = site.start();
  });
  afterAll(() => site?.cleanUp());

  /** What runs, by agent; two running containers of one agent are an error at any time. */
  async function running(): Promise<Record<string, Running>> {
    const containers = await site.host.containers(site.namespace);
    const live = containers.filter(({ State }) => State.Status === 'running');
    const byAgent = Object.fromEntries(live.map((container) => [agentOf(container), runningOf(container)]));
    expect(Object.keys(byAgent), 'one running container an agent').toHaveLength(live.length);
    return byAgent;
  }

  const one = async (name: string): Promise<Running> => {
    const { [name]: found } = await running();
    if (!found) throw new Error(`${name} does not run`);
    return found;
  };

  const revisionOf = async (name: string): Promise<string | undefined> =>
    (await site.status(name)).currentRevision;

  const stable = (limitMs?: number): Promise<void> => untilAgents(site, NAMES.length, isStable, limitMs);

  test('is available within 10 s, each agent after those it needs', async () => {
    await untilAgents(site, NAMES.length, ({ ready }) => ready);
    const tookMs = Date.now() - controller.startedAtMs;
    console.log(`eight agents ready ${tookMs} ms after the start of the command`);
    const startedAt = await running();
    for (const [name, needs] of Object.entries(NEEDS))
      for (const need of needs)
        expect(millis(startedAt[name]), `${name} after ${need}`).toBeGreaterThan(millis(startedAt[need]));
    expect(tookMs).toBeLessThan(10_000);
  });

  test('tells a person and a script that all is well', async () => {
    await stable();
    const table = await site.rookery('get', 'agents');
    expect(table.exitCode).toBe(0);
    for (const name of NAMES)
      expect(table.stdout).toMatch(new RegExp(`^${name} +[01] +Healthy +True +0 `, 'm'));
    const told = await site.rookery('describe', 'agent', 'coordinator');
    expect(told.stdout).toMatch(/Depends on:\n.*\n +system-digital-twin +Healthy +Healthy +True/);
    expect(told.stdout).toMatch(/Ready +True/);
    expect(await site.rookery('plan')).toMatchObject({ exitCode: 0, stdout: 'nothing to do\n' });
    const apply = await site.rookery('apply');
    expect(apply).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('converged: 8/8 healthy') });
    console.log(`apply with nothing to do took ${Math.round(apply.tookMs)} ms`);
  });

  test('recreates exactly the agent whose environment changed, and says why', async () => {
    const before = await running();
    const revision = await revisionOf('coordinator');
    const preview = 'LOG_LEVEL changed INFO → DEBUG';
    site.edit('coordinator.yaml', '{name: LOG_LEVEL, value: INFO}', '{name: LOG_LEVEL, value: DEBUG}');
    await until('a new revision serves', async () => {
      const status = await site.status('coordinator');
      return status.currentRevision !== revision && isStable(status);
    });
    const { coordinator: old, ...others } = before;
    const { coordinator: fresh, ...othersNow } = await running();
    expect(othersNow).toEqual(others);
    expect(fresh?.id).not.toBe(old?.id);
    expect((await inspect('coordinator')).Config.Env).toContain('LOG_LEVEL=DEBUG');
    expect((await site.rookery('describe', 'agent', 'coordinator')).stdout).toContain(preview);
    expect((await site.rookery('events', '--for', 'agent/coordinator')).stdout).toContain(preview);
    await until(
      'the old container is collected',
      async () => (await site.host.containers(site.namespace)).length === NAMES.length,
    );
  });

  test('goes back by itself from an update that crashes', async () => {
    const before = await running();
    const editedAtMs = Date.now();
    site.edit('model-manager.yaml', '  env:\n', '  env:\n    - {name: CRASH_AT_START, value: "true"}\n');
    const status = await until('it is rolled back', async () => {
      const now = await site.status('model-manager');
      return now.phase === 'RolledBack' && now.ready && now;
    });
    console.log(`a crashing update was rolled back ${Date.now() - editedAtMs} ms after the edit`);
    const after = await running();
    expect(after['model-manager']?.id, 'the kept container').toBe(before['model-manager']?.id);
    expect(others(after)).toEqual(others(before));
    expect(conditionOf(status, 'Stalled')).toMatchObject({ status: 'True' });
    expect(conditionOf(status, 'Available')).toMatchObject({ status: 'True' });
    expect(conditionOf(status, 'Synced')).toMatchObject({ status: 'False' });
    const failed = status.revisions.find(({ outcome }) => outcome === 'Failed');
    expect(failed?.failure?.logTail?.join('\n')).toContain('crashing at the start, as told');
    const told = await site.rookery('describe', 'agent', 'model-manager');
    expect(told.stdout).toMatch(/Stalled +True/);
    expect(told.stdout).toContain('crashing at the start, as told');
    const apply = await site.rookery('apply', '--timeout', '20s');
    expect(apply.exitCode).toBe(1);
    expect(`${apply.stdout}${apply.stderr}`).toMatch(
      /not converged: a person must act[^]*7\/8 healthy|RolledBack/,
    );
    expect(apply.stderr).toContain('RolledBack');
  });

  test('takes a good edit after a failed one', async () => {
    const before = await running();
    site.edit(
      'model-manager.yaml',
      '    - {name: CRASH_AT_START, value: "true"}\n',
      '    - {name: GOOD, value: "1"}\n',
    );
    await until('the good edit is stable', async () => isStable(await site.status('model-manager')));
    expect((await inspect('model-manager')).Config.Env).toContain('GOOD=1');
    expect(others(await running())).toEqual(others(before));
    expect(await site.rookery('apply', '--timeout', '20s')).toMatchObject({ exitCode: 0 });
  });

  test('never stops what serves for an image that is not there', async () => {
    const before = await running();
    const build = /  build:\n    context: .*\n/;
    const [good = ''] = build.exec(readFileSync(join(site.manifests, 'chain-of-thought.yaml'), 'utf8')) ?? [];
    const bad = '  image: localhost/none:1\n  imagePullPolicy: Never\n';
    site.edit('chain-of-thought.yaml', good, bad);
    await until(
      'it is told',
      async () => conditionOf(await site.status('chain-of-thought'), 'Stalled')?.status === 'True',
    );
    expect(await running()).toEqual(before);
    expect((await site.rookery('get', 'agent', 'chain-of-thought', '-o', 'wide')).stdout).toContain(
      'localhost/none:1',
    );
    site.edit('chain-of-thought.yaml', bad, good);
    await until('it follows its manifest again', async () => isStable(await site.status('chain-of-thought')));
    expect(await running()).toEqual(before);
  });

  describe('heals what is done to a container behind its back:', () => {
    test('its process is killed', async () => {
      await stable();
      const before = await one('emotion-engine');
      const killedAtMs = performance.now();
      try {
        process.kill(before.pid, 'SIGKILL');
      } catch {
        // An ordinary user may not signal the user ids of a container.
        await site.host.podman('kill', '--signal', 'KILL', before.id);
      }
      await until('it runs again', async () => {
        const { pid, id } = await one('emotion-engine');
        return id === before.id && pid !== before.pid;
      });
      console.log(`a killed container ran again after ${Math.round(performance.now() - killedAtMs)} ms`);
    });

    test('it is removed', async () => {
      const before = await one('audio-capture');
      await site.host.podman('rm', '--force', '--time', '0', before.id);
      await until('there is another', async () => (await one('audio-capture')).id !== before.id);
      expect((await one('audio-capture')).name).toBe(before.name);
    });

    test('it is stopped', async () => {
      const before = await one('got-tot');
      await stopBehindItsBack(site.host, before.id);
      await until('it runs again', async () => (await one('got-tot')).startedAt !== before.startedAt);
      expect((await one('got-tot')).id).toBe(before.id);
    });

    test('it is renamed', async () => {
      const before = await one('coordinator');
      await site.host.podman('rename', before.id, `${site.namespace}-nonsense`);
      await until('it has its name back', async () => (await one('coordinator')).name === before.name);
      expect(await one('coordinator')).toEqual(before);
    });

    test('and says so once it has watched them', async () => {
      await stable();
      expect(await site.status('emotion-engine')).toMatchObject({ restarts: 1 });
      expect(await site.rookery('plan')).toMatchObject({ exitCode: 0 });
    });
  });

  describe('outlives its controller:', () => {
    test('Ctrl-C ends the controller alone, and the next one restarts nothing', async () => {
      const before = await running();
      const { exitCode, tookMs } = await controller.end('SIGINT');
      expect(exitCode).toBe(0);
      expect(tookMs).toBeLessThan(5_000);
      expect(controller.output()).toContain('stopped; the agents keep running');
      expect(await running()).toEqual(before);
      controller = site.start();
      await stable();
      expect(await running()).toEqual(before);
    });

    test('a second controller is turned away and told who runs', async () => {
      const second = await site.rookery('run');
      expect(second.exitCode).toBe(1);
      expect(second.stderr).toContain(String(controller.pid));
      expect(second.stderr.trim().split('\n')).toHaveLength(1);
    });

    test('kill -9 of the controller loses nothing', async () => {
      const before = await running();
      await controller.end('SIGKILL');
      controller = site.start();
      await stable();
      expect(await running()).toEqual(before);
      expect(await site.rookery('plan')).toMatchObject({ exitCode: 0 });
    });

    test('a lost state directory is found again in what runs', async () => {
      const before = await running();
      const addresses = await addressesNow();
      await controller.end('SIGKILL');
      rmSync(site.stateDir, { recursive: true });
      controller = site.start();
      await stable();
      expect(await running()).toEqual(before);
      expect(await addressesNow()).toEqual(addresses);
      expect(await site.rookery('plan')).toMatchObject({ exitCode: 0, stdout: 'nothing to do\n' });
    });
  });

  const addressesNow = async (): Promise<Record<string, string | undefined>> =>
    Object.fromEntries((await site.agents()).map(({ metadata, status }) => [metadata.name, status?.address]));
  const inspect = async (name: string): Promise<HostContainer> =>
    site.host.api<HostContainer>(`/containers/${(await one(name)).id}/json`);
  const others = (all: Record<string, Running>): Record<string, Running> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'model-manager'));
});

const agentOf = ({ Config }: HostContainer): string => Config.Labels['rookery.dev/name'] ?? '';
const runningOf = ({ Id, Name, State }: HostContainer): Running => ({
  id: Id,
  name: Name,
  pid: State.Pid,
  startedAt: State.StartedAt,
});
const millis = (container: Running | undefined): number => Date.parse(container?.startedAt ?? '');

/** The examples' images, so that what is timed is the start. */
async function buildImages(site: Site): Promise<void> {
  site.write('images.yaml', IMAGES);
  const built = await site.rookery('apply', '--timeout', '100s');
  if (built.exitCode !== 0) throw new Error(`the images cannot be built: ${built.stdout}${built.stderr}`);
  site.remove('images.yaml');
  rmSync(site.stateDir, { recursive: true });
}
