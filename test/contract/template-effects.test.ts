import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDial } from '../../src/podman/dial.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { READY } from './programs.ts';
import { type Bench, eventually, never, realSubjects, untilState } from './subjects.ts';

interface RawInspect {
  readonly Config: {
    readonly Entrypoint: string | readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly Healthcheck: object;
  };
  readonly HostConfig: {
    readonly RestartPolicy: { readonly Name: string };
    readonly LogConfig: { readonly Type: string; readonly Size: string };
    readonly CapAdd: readonly string[];
    readonly MemorySwap: number;
    readonly CpuShares: number;
  };
}

/** Podman 4.3 ignores fields it does not know, so every field of a template is looked for where it must show. */
describe.each(realSubjects())('a template on $name', (subject) => {
  let bench: Bench;
  let directory: string;
  beforeAll(async () => {
    bench = await subject.open();
    directory = mkdtempSync(join(subject.filesDir, 'rookery-template-'));
  });
  afterAll(async () => {
    if (directory) rmSync(directory, { recursive: true, force: true });
    await bench?.cleanUp();
  });

  const started = async (suffix: string, changes: Partial<ContainerTemplate>): Promise<string> => {
    const name = await bench.create(suffix, 'server', changes);
    await bench.podman.startContainer(name);
    return name;
  };

  const inside = async (name: string, script: string): Promise<string> =>
    (await bench.podman.exec(name, ['/bin/sh', '-c', script], never)).output.trim();

  const rawInspect = async (name: string): Promise<RawInspect> => {
    const dial = createDial({ socketPath: subject.socketPath ?? '', callTimeoutMs: 10_000 });
    const path = `/containers/${name}/json`;
    const reply = await dial.call<RawInspect>({ method: 'GET', path, what: 'inspect' });
    if (!reply.body) throw new Error('no reply');
    return reply.body;
  };

  const security = (changes: Partial<ContainerTemplate['security']>) => ({
    security: { ...bench.template('server').security, ...changes },
  });

  const outputOf = async (suffix: string, changes: Partial<ContainerTemplate>): Promise<string[]> => {
    const name = await bench.create(suffix, 'server', changes);
    await bench.podman.startContainer(name);
    await untilState(bench.podman, name, 'exited');
    const lines: string[] = [];
    const options = { follow: false, timestamps: false };
    for await (const line of bench.podman.logs(name, options, never)) lines.push(line.text);
    return lines;
  };

  test('command is the entrypoint and args are its arguments, as in Kubernetes', async () => {
    const { args: _, command: __, ...bare } = bench.template('server');
    const created = async (suffix: string, template: ContainerTemplate) => {
      const name = bench.name(suffix);
      await bench.podman.createContainer({ name, template, labels: bench.labels, annotations: {} });
      const { Config } = await rawInspect(name);
      return [Config.Entrypoint, Config.Cmd].map((value) => [value ?? []].flat().join(' '));
    };
    expect(await outputOf('both', { command: ['/bin/echo', 'a'], args: ['b', 'c'] })).toEqual(['a b c']);
    expect(await created('command', { ...bare, command: ['/bin/true', 'x'] })).toEqual(['/bin/true x', '']);
    expect(await created('args', { ...bare, args: ['/bin/echo', 'x'] })).toEqual(['', '/bin/echo x']);
    expect(await created('neither', bare)).toEqual(['', '/bin/sh']);
  });

  test('environment, working directory, host name', async () => {
    const secret = bench.name('env');
    await bench.podman.createSecret(secret, Buffer.from('hidden'));
    const env = { PROGRAM: 'server', GREETING: 'hello "world" $HOME' };
    const name = await started('env', {
      env,
      secretEnv: { TOKEN: secret },
      workingDir: '/etc',
      hostname: 'rook',
    });
    expect(await inside(name, 'echo "$GREETING|$TOKEN|$(pwd)|$(hostname)"')).toBe(
      'hello "world" $HOME|hidden|/etc|rook',
    );
  });

  test('user, groups, capabilities, no new privileges', async () => {
    const name = await started(
      'user',
      security({ user: '1000:1001', groups: ['44', '45'], addCapabilities: ['NET_BIND_SERVICE'] }),
    );
    expect(await inside(name, 'id -u; id -g; id -G')).toBe('1000\n1001\n1001 44 45');
    const status = await inside(name, 'cat /proc/1/status');
    expect(status).toMatch(/CapBnd:\s+0000000000000400/);
    expect(status).toMatch(/NoNewPrivs:\s+1/);
    const free = await started('privileges', security({ noNewPrivileges: false, dropCapabilities: [] }));
    const freeStatus = await inside(free, 'cat /proc/1/status');
    expect(freeStatus).toMatch(/NoNewPrivs:\s+0/);
    expect(freeStatus).not.toMatch(/CapBnd:\s+0000000000000000/);
  });

  test('a read-only root leaves only the listed tmpfs to write to', async () => {
    const scratch = { type: 'tmpfs', mode: 0o1777, sizeBytes: 1024 * 1024 } as const;
    const mounts = ['/tmp', '/run', '/scratch'].map((target) => ({ ...scratch, target }));
    const name = await started('readonly', { mounts });
    const tries = 'for d in / /etc /dev/shm /tmp /run /scratch; do touch $d/x 2>/dev/null && echo $d; done';
    expect((await inside(name, tries)).split('\n')).toEqual(['/dev/shm', '/tmp', '/run', '/scratch']);
    expect(await inside(name, 'stat -c %a /scratch; df -k /scratch | tail -1')).toMatch(
      /^1777\n\S+\s+1024\s/,
    );
    const writable = await started(
      'writable',
      security({ readOnlyRootFilesystem: false, dropCapabilities: [] }),
    );
    expect(await inside(writable, 'touch /tmp/x && echo yes')).toBe('yes');
  });

  test('a directory of the host that is to be made where it is missing', async () => {
    const source = join(directory, 'new', 'deep');
    await started('made', {
      mounts: [{ type: 'bind', source, target: '/d', readOnly: false, create: true }],
    });
    expect(statSync(source).isDirectory()).toBe(true);
  });

  test('binds and volumes, read-only and not, and a part of a volume', async () => {
    const volume = bench.name('parts');
    await bench.podman.createVolume({ name: volume, driver: 'local', options: {}, labels: bench.labels });
    writeFileSync(join(directory, 'file'), 'from the host');
    const mounts = [
      { type: 'bind', source: directory, target: '/ro', readOnly: true },
      { type: 'bind', source: directory, target: '/rw', readOnly: false },
      { type: 'volume', name: volume, target: '/whole', readOnly: false },
      { type: 'volume', name: volume, target: '/locked', readOnly: true },
    ] as const;
    const name = await started('mounts', { mounts });
    expect(await inside(name, 'cat /ro/file; touch /ro/x 2>/dev/null || echo; touch /rw/x && echo ok')).toBe(
      'from the host\nok',
    );
    await inside(name, 'mkdir -p /whole/a/b; echo deep > /whole/a/b/f; ln -s / /whole/out');
    expect(await inside(name, 'cat /locked/a/b/f; touch /locked/x 2>/dev/null || echo refused')).toBe(
      'deep\nrefused',
    );
    const part = (subPath: string) => ({
      mounts: [{ type: 'volume', name: volume, target: '/part', subPath, readOnly: false }] as const,
    });
    expect(await inside(await started('part', part('a/b')), 'cat /part/f')).toBe('deep');
    for (const escape of ['out/etc', '../..']) {
      await expect(started(`escape${escape.length}`, part(escape))).rejects.toMatchObject({
        name: 'PodmanError',
      });
    }
  });

  test('what was replaced by a link since is not mounted at a restart', async () => {
    const volume = bench.name('swap');
    await bench.podman.createVolume({ name: volume, driver: 'local', options: {}, labels: bench.labels });
    const outside = mkdtempSync(join(directory, 'outside-'));
    writeFileSync(join(outside, 'host'), 'of the host');
    const shared = mkdtempSync(join(directory, 'shared-'));
    mkdirSync(join(shared, 'sub'));
    const mounts = [
      { type: 'volume', name: volume, target: '/whole', readOnly: false },
      { type: 'bind', source: shared, target: '/shared', readOnly: false },
      { type: 'bind', source: join(shared, 'sub'), target: '/sub', readOnly: false },
    ] as const;
    const part = { type: 'volume', name: volume, target: '/part', subPath: 'part', readOnly: false } as const;
    for (const [suffix, place, more] of [
      ['volume', '/whole/part', [part]],
      ['bind', '/shared/sub', []],
    ] as const) {
      const name = await started(`swap-${suffix}`, { mounts: [...mounts, ...more] });
      await inside(name, `mv ${place} ${place}.old && ln -s ${outside} ${place}`);
      await bench.podman.stopContainer(name, 0);
      for (const options of more.length === 0 ? [{}, { binds: [shared, join(shared, 'sub')] }] : [{}])
        await expect(bench.podman.startContainer(name, options)).rejects.toMatchObject({
          kind: 'CannotRun',
          message: expect.stringContaining(outside) as unknown,
        });
      expect((await bench.podman.inspectContainer(name))?.state).toBe('exited');
      await bench.podman.removeContainer(name);
    }
  });

  test('a secret file has its mode and owner', async () => {
    const secret = bench.name('file');
    await bench.podman.createSecret(secret, Buffer.from([0, 255, 10]));
    const mounts = [
      { type: 'secret', secret, target: '/keys/key', mode: 0o440, uid: 1000, gid: 1001 },
    ] as const;
    const name = await started('secret', { mounts, ...security({ user: '1000' }) });
    expect(await inside(name, "stat -c '%a %u %g' /keys/key; od -An -tx1 /keys/key")).toBe(
      '440 1000 1001\n 00 ff 0a',
    );
  });

  test('limits reach the kernel', async () => {
    const resources = { cpus: 0.5, cpuShares: 512, memoryBytes: 64 * 2 ** 20, pids: 33 };
    const name = await started('limits', { resources });
    const files =
      (await bench.podman.info()).cgroupVersion === 'v2'
        ? ['cpu.max', 'memory.max', 'pids.max']
        : ['cpu/cpu.cfs_quota_us', 'memory/memory.limit_in_bytes', 'pids/pids.max'];
    const values = await inside(name, files.map((file) => `cat /sys/fs/cgroup/${file}`).join('; '));
    expect(values.split('\n').map((value) => value.split(' ')[0])).toEqual(['50000', '67108864', '33']);
    expect((await bench.podman.inspectContainer(name))?.resources).toEqual(resources);
    expect((await rawInspect(name)).HostConfig).toMatchObject({ MemorySwap: 64 * 2 ** 20, CpuShares: 512 });
  });

  test('a device is there, an unknown one is told', async () => {
    const name = await started('device', { devices: ['/dev/full:/dev/brimful:rw'] });
    expect(await inside(name, 'ls /dev/brimful')).toBe('/dev/brimful');
    const lost = started('deviceless', { devices: ['/dev/no-such-device'] });
    await expect(lost).rejects.toMatchObject({ kind: 'CannotRun' });
    const noGpu = started('gpuless', { devices: ['example.com/gpu=all'] });
    await expect(noGpu).rejects.toMatchObject({ kind: 'CannotRun' });
  });

  test('its own stop signal is sent', async () => {
    const { podman } = bench;
    const args = [`trap 'exit 42' INT; echo ${READY}; sleep 1000 & wait`];
    const name = await bench.create('signal', 'server', {
      args,
      stopSignal: 'SIGINT',
      stopGraceSeconds: 20,
    });
    await bench.serve(name);
    await podman.stopContainer(name, 20);
    expect((await podman.inspectContainer(name))?.exitCode).toBe(42);
    const unknown = bench.create('nosignal', 'server', { stopSignal: 'SIGNONSENSE' });
    await expect(unknown).rejects.toMatchObject({ kind: 'BadRequest' });
  });

  test('Podman neither restarts nor probes, and keeps a bounded log in a file', async () => {
    const name = await bench.create('policy', 'server', { stopGraceSeconds: 7 });
    const { Config, HostConfig } = await rawInspect(name);
    expect(HostConfig.RestartPolicy.Name).toBe('no');
    expect(HostConfig.LogConfig).toMatchObject({ Type: 'k8s-file', Size: '10.49MB' });
    expect(Config.Healthcheck).toEqual({ Test: ['NONE'] });
    expect(Config).toMatchObject({ StopTimeout: 7, sdNotifyMode: 'ignore' });
  });

  test('a hosts file of ours is left alone, and an edit in place shows at once', async () => {
    const hosts = join(directory, 'hosts');
    writeFileSync(hosts, '127.0.0.1 localhost\n');
    const network = await bench.podman.createNetwork({
      name: bench.name('hosts'),
      driver: 'bridge',
      subnets: [],
      internal: false,
      dns: true,
      options: {},
      labels: bench.labels,
    });
    const name = await started('hosts', {
      mounts: [{ type: 'bind', source: hosts, target: '/etc/hosts', readOnly: true }],
      network: { mode: 'bridge', networks: [{ name: network.name, aliases: ['me'] }] },
    });
    expect(readFileSync(hosts, 'utf8')).toBe('127.0.0.1 localhost\n');
    writeFileSync(hosts, '127.0.0.1 localhost\n10.1.2.3 friend\n');
    expect(await inside(name, 'cat /etc/hosts')).toBe('127.0.0.1 localhost\n10.1.2.3 friend');
    await bench.podman.stopContainer(name, 10);
    await bench.podman.startContainer(name);
    expect(readFileSync(hosts, 'utf8')).toBe('127.0.0.1 localhost\n10.1.2.3 friend\n');
    expect(await inside(name, 'getent hosts friend || grep friend /etc/hosts')).toContain('10.1.2.3');
  });

  test('a command that is aborted does not run on', async () => {
    const name = await started('hang', {});
    const hang = bench.podman.exec(name, ['/bin/sleep', '4242'], AbortSignal.timeout(500));
    await expect(hang).rejects.toThrow();
    await eventually(async () => !(await inside(name, 'ps')).includes('4242'));
  });

  test('long output is cut, and the command still ends', async () => {
    const name = await started('flood', {});
    const result = await bench.podman.exec(
      name,
      ['/bin/sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; exit 5'],
      never,
    );
    expect(result.exitCode).toBe(5);
    expect(result.output).toHaveLength(64 * 1024);
  });
});
