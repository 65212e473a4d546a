import { describe, expect, test } from 'vitest';
import { check, examine } from '../src/doctor/examine.ts';
import * as judge from '../src/doctor/judge.ts';
import { type Finding, type Verdict } from '../src/doctor/verdict.ts';
import { cli } from './fakes/cli.ts';

const me = { name: 'me', uid: 1000 };
const root = { name: 'root', uid: 0 };
const ids = 'me:100000:65536\n';
const disk = (freeBytes: number) => ({ path: '/home', freeBytes, totalBytes: 100e9 });

/** What is found, its level, and what the message or the fix says. */
const TABLE: readonly (readonly [string, Verdict, Verdict['level'], RegExp])[] = [
  ['linger', judge.judgeLinger({ user: me, lingers: true }), 'OK', /me/],
  ['no linger', judge.judgeLinger({ user: me, lingers: false }), 'WARN', /sudo loginctl enable-linger me/],
  ['no linger of root', judge.judgeLinger({ user: root, lingers: false }), 'OK', /root/],
  ['subids by name', judge.judgeSubids({ user: me, subuid: ids, subgid: ids }), 'OK', /65536/],
  ['subids by number', judge.judgeSubids({ user: me, subuid: '1000:1:70000', subgid: ids }), 'OK', /70000/],
  [
    'no subgids',
    judge.judgeSubids({ user: me, subuid: ids, subgid: 'other:1:65536' }),
    'FAIL',
    /usermod --add-subuids/,
  ],
  [
    'all controllers',
    judge.judgeCgroups({ user: me, controllers: 'cpuset cpu io memory pids\n' }),
    'OK',
    /v2/,
  ],
  [
    'two missing',
    judge.judgeCgroups({ user: me, controllers: 'memory' }),
    'WARN',
    /cpu and pids are not delegated.*Delegate=/s,
  ],
  ['cgroup v1', judge.judgeCgroups({ user: me, controllers: undefined }), 'WARN', /unified_cgroup_hierarchy/],
  ['cgroup v1 as root', judge.judgeCgroups({ user: root, controllers: undefined }), 'OK', /v1/],
  [
    'a socket',
    judge.judgeSocket({ user: me, tried: ['/s'], answers: { path: '/s', ownerUid: 1000, version: '5.4.2' } }),
    'OK',
    /5\.4\.2/,
  ],
  [
    "root's socket",
    judge.judgeSocket({ user: me, tried: ['/s'], answers: { path: '/s', ownerUid: 0, version: '5.4.2' } }),
    'WARN',
    /uid 0/,
  ],
  [
    'no socket',
    judge.judgeSocket({ user: me, tried: ['/s', '/t'] }),
    'FAIL',
    /\/s or \/t.*systemctl --user enable --now podman.socket/s,
  ],
  ['a new Podman', judge.judgePodman('5.4.2'), 'OK', /5\.4\.2/],
  ['an old Podman', judge.judgePodman('4.3.1'), 'WARN', /DNS stalls.*out of memory/],
  ['a too old Podman', judge.judgePodman('4.2.0'), 'FAIL', /older than 4\.3/],
  ['an unreadable version', judge.judgePodman(''), 'WARN', /no version/],
  ['overlay', judge.judgeStorage({ driver: 'overlay' }), 'OK', /overlay/],
  ['vfs', judge.judgeStorage({ driver: 'vfs' }), 'WARN', /fuse-overlayfs/],
  ['a DNS server', judge.judgeDns({ backend: 'netavark', hasServer: true }), 'OK', /aardvark/],
  [
    'no DNS server',
    judge.judgeDns({ backend: 'netavark', hasServer: false }),
    'FAIL',
    /install the package aardvark-dns/,
  ],
  ['CNI', judge.judgeDns({ backend: 'cni', hasServer: false }), 'WARN', /dnsname/],
  ['free ports', judge.judgePorts({ user: me, firstPort: 1024, wanted: [8080] }), 'OK', /1 wanted/],
  [
    'low ports',
    judge.judgePorts({ user: me, firstPort: 1024, wanted: [443, 80, 8080] }),
    'FAIL',
    /80, 443 are wanted.*port_start=80 /s,
  ],
  ['low ports of root', judge.judgePorts({ user: root, firstPort: 1024, wanted: [80] }), 'OK', /1 wanted/],
  ['the right time', judge.judgeTime({ synchronized: true }), 'OK', /synchronized/],
  ['a free-running clock', judge.judgeTime({ synchronized: false }), 'WARN', /set-ntp true/],
  ['nobody tells', judge.judgeTime({ synchronized: undefined }), 'WARN', /timesyncd/],
  ['room', judge.judgeDisks([disk(50e9), disk(20e9)]), 'OK', /20\.0 GB free of 100 at \/home/],
  ['little room', judge.judgeDisks([disk(50e9), disk(2e9)]), 'WARN', /2\.0 GB/],
  ['no room', judge.judgeDisks([disk(0.2e9)]), 'FAIL', /podman system df/],
  ['all programs', judge.judgePrograms({ nft: true, nsenter: true }), 'OK', /nft, nsenter/],
  [
    'no nft',
    judge.judgePrograms({ nft: false, nsenter: true }),
    'WARN',
    /nft, for moving a name.*install nft/s,
  ],
  [
    'apart',
    judge.judgeSubnets({
      networks: [
        { name: 'a', cidr: '10.1.0.0/24' },
        { name: 'b', cidr: '10.1.1.0/24' },
      ],
      routes: [{ name: 'eth0', cidr: '0.0.0.0/0' }],
    }),
    'OK',
    /2 networks/,
  ],
  [
    'on one another',
    judge.judgeSubnets({
      networks: [
        { name: 'a', cidr: '10.1.0.0/16' },
        { name: 'b', cidr: '10.1.1.0/24' },
      ],
      routes: [],
    }),
    'WARN',
    /a \(10\.1\.0\.0\/16\) and b/,
  ],
  [
    "on the host's",
    judge.judgeSubnets({
      networks: [{ name: 'a', cidr: '192.168.1.0/24' }],
      routes: [{ name: 'eth0', cidr: '192.168.0.0/16' }],
    }),
    'WARN',
    /and eth0/,
  ],
  ['no stranger', judge.judgeForeign([]), 'OK', /no foreign/],
  ['a stranger', judge.judgeForeign(['default.a-12345678-1-0']), 'WARN', /Conflict.*podman rename/s],
];

test.each(TABLE)('%s', (_, verdict, level, says) => {
  expect(verdict.level).toBe(level);
  expect([verdict.message, 'fix' in verdict ? verdict.fix : ''].join('\n')).toMatch(says);
});

describe('examining', () => {
  const fine = check(
    'fine',
    () => Promise.resolve(true),
    () => ({ level: 'OK', message: 'fine' }),
  );

  test('a look that fails, and one that never ends, are warnings and hold no other up', async () => {
    const fails = check('fails', () => Promise.reject(new Error('no such file')), judge.judgeTime);
    const hangs = check('hangs', () => new Promise<never>(() => undefined), judge.judgeTime, 20);
    expect(await examine([fails, hangs, fine])).toEqual([
      expect.objectContaining({
        check: 'fails',
        level: 'WARN',
        message: 'could not be checked: no such file',
      }),
      expect.objectContaining({
        check: 'hangs',
        level: 'WARN',
        message: 'could not be checked: no answer within 20 ms',
      }),
      { check: 'fine', level: 'OK', message: 'fine' },
    ]);
  });
});

describe('rookery doctor', () => {
  const OK: Finding = { check: 'dns', level: 'OK', message: 'netavark' };
  const WARN: Finding = { check: 'linger', level: 'WARN', message: 'does not', fix: 'loginctl' };
  const FAIL: Finding = { check: 'socket', level: 'FAIL', message: 'none', fix: 'systemctl' };
  const doctor = (findings: readonly Finding[], ...words: string[]) =>
    cli(['doctor', ...words], { services: { examine: () => Promise.resolve(findings) } });

  test.each([
    [[OK], 0],
    [[OK, WARN], 1],
    [[FAIL, WARN, OK], 2],
  ])('the worst finding is the exit code', async (findings, code) => {
    expect((await doctor(findings)).code).toBe(code);
  });

  test('says how to mend what is not well', async () => {
    expect((await doctor([OK, WARN])).out).toBe(
      'LEVEL   CHECK    FOUND\nOK      dns      netavark\nWARN    linger   does not\n\nlinger: loginctl\n',
    );
  });

  test('answers a program in JSON', async () => {
    expect(JSON.parse((await doctor([OK, FAIL], '-o', 'json')).out)).toEqual({ findings: [OK, FAIL] });
  });
});
