import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { cgroupValue, type HostContainer } from './podman-host.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';

const LIMITS = 'resources: {limits: {cpu: 500m, memory: 64Mi, pids: 32}}';

describe('an agent that asks for nothing', () => {
  let site: Site;
  let container: HostContainer;
  let controller: Controller;

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    site.write('agent.yaml', agentText({ name: 'plain', namespace: site.namespace, more: LIMITS }));
    controller = site.start();
    await untilStable(site, 1);
    const [found] = await site.host.containers(site.namespace);
    if (!found) throw new Error('nothing runs');
    container = found;
  });
  afterAll(() => site?.cleanUp());

  test('has a controller that listens on no port', () => {
    const found = listeners(controller.pid);
    expect(found.unix).toContain(site.apiSocket);
    expect(found.tcp).toEqual([]);
  });

  const inside = (script: string): Promise<string> =>
    site.host.podman('exec', container.Id, 'sh', '-c', script);

  test('has no capability and cannot get one', async () => {
    const status = await inside('cat /proc/1/status');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\\t0{16}$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test('writes to scratch space alone', async () => {
    expect(await inside('touch /file 2>&1 || echo refused')).toMatch(/Read-only file system\s+refused/);
    expect(await inside('echo kept >/tmp/file && cat /tmp/file && touch /run/file && echo done')).toBe(
      'kept\ndone',
    );
  });

  // As an ordinary user Podman sets none on cgroup v1, and warns.
  const hasLimits =
    process.env['ROOKERY_TEST_ROOTFUL'] !== '0' || existsSync('/sys/fs/cgroup/cgroup.controllers');
  test.runIf(hasLimits)('has the limits it was given', async () => {
    expect(container.HostConfig).toMatchObject({ Memory: 64 * 1024 * 1024, PidsLimit: 32 });
    const { Pid } = container.State;
    expect(cgroupValue(Pid, 'memory', ['memory.limit_in_bytes', 'memory.max'])).toBe(
      String(64 * 1024 * 1024),
    );
    expect(cgroupValue(Pid, 'pids', ['pids.max'])).toBe('32');
    expect(cgroupValue(Pid, 'cpu', ['cpu.cfs_quota_us', 'cpu.max'])).toMatch(/^50000/);
  });
});

/** What a process and its children listen on, as the kernel has it. */
function listeners(pid: number): { readonly tcp: readonly string[]; readonly unix: readonly string[] } {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const inodes = new Set([pid, ...children.map(Number)].flatMap(socketsOf));
  const rows = (file: string): string[][] =>
    readFileSync(`/proc/${pid}/net/${file}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/));
  const tcp = ['tcp', 'tcp6'].flatMap((file) =>
    rows(file).filter((row) => row[3] === TCP_LISTEN && inodes.has(row[9] ?? '')),
  );
  const unix = rows('unix').filter((row) => inodes.has(row[6] ?? '') && row[7] !== undefined);
  return { tcp: tcp.map((row) => row[1] ?? ''), unix: unix.map((row) => row[7] ?? '') };
}

const TCP_LISTEN = '0A';

/** None of a process, or by a descriptor, that has gone meanwhile. */
const socketsOf = (pid: number): string[] =>
  ifThere(() => readdirSync(`/proc/${pid}/fd`)).flatMap(
    (fd) =>
      /^socket:\[(\d+)\]$/.exec(ifThere(() => [readlinkSync(`/proc/${pid}/fd/${fd}`)]).join())?.[1] ?? [],
  );

function ifThere(look: () => string[]): string[] {
  try {
    return look();
  } catch {
    return [];
  }
}
