import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holderRootfs } from '../src/podman/holder-program.ts';
import { runNft } from '../src/traffic/nft.ts';
import { rulesetOf, targetsIn } from '../src/traffic/rules.ts';
import { HOLDER_PROGRAM } from '../src/state/names.ts';
import { createTraffic } from '../src/traffic/traffic.ts';
import { aContainer } from './fakes/templates.ts';

const HOLDER = ['10.0.0.250', '10.1.0.250'];

describe('the rules of a holder', () => {
  test('send what comes to any of its addresses to the one that answers', () => {
    expect(rulesetOf({ from: HOLDER, to: ['10.0.0.2'] })).toMatchInlineSnapshot(`
      "table ip rookery
      delete table ip rookery
      table ip rookery {
        set targets {
          type ipv4_addr
          elements = { 10.0.0.2 }
        }
        chain zone-in { type filter hook prerouting priority -300; ip daddr { 10.0.0.250, 10.1.0.250 } meta l4proto udp ct original zone set 789; }
        chain zone-out { type filter hook output priority -300; ip daddr { 10.0.0.250, 10.1.0.250 } meta l4proto udp ct original zone set 789; }
        chain in { type nat hook prerouting priority -100; ip daddr { 10.0.0.250, 10.1.0.250 } meta l4proto { tcp, udp } dnat to 10.0.0.2; }
        chain out { type nat hook output priority -100; ip daddr { 10.0.0.250, 10.1.0.250 } meta l4proto { tcp, udp } dnat to 10.0.0.2; }
        chain back { type nat hook postrouting priority 100; ct status dnat masquerade; }
      }
      "
    `);
  });

  test('share it among several, whatever order they are told in', () => {
    const rules = rulesetOf({ from: HOLDER, to: ['10.0.0.3', '10.0.0.2'] });
    expect(rules).toContain('dnat to numgen inc mod 2 map { 0 : 10.0.0.2, 1 : 10.0.0.3 };');
    expect(rules).toBe(rulesetOf({ from: HOLDER, to: ['10.0.0.2', '10.0.0.3'] }));
  });

  test('are none when nobody answers, and still say so', () => {
    const rules = rulesetOf({ from: HOLDER, to: [] });
    expect(rules).toContain('set targets');
    expect(rules).not.toMatch(/chain|elements/);
  });

  test('are read back', () => {
    const set = { family: 'ip', table: 'rookery', name: 'targets', elem: ['10.0.0.3', '10.0.0.2'] };
    const other = { family: 'ip', table: 'somebody', name: 'targets', elem: ['10.9.9.9'] };
    const listing = { nftables: [{ metainfo: {} }, { set: other }, { set }] };
    expect(targetsIn(JSON.stringify(listing))).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(targetsIn(JSON.stringify({ nftables: [{ set: { ...set, elem: undefined } }] }))).toEqual([]);
    expect(targetsIn(JSON.stringify({ nftables: [] }))).toEqual([]);
  });
});

describe('what cannot be done says what to do', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-nft-'));
  beforeAll(() => {
    const nsenter = execFileSync('sh', ['-c', 'command -v nsenter'], { encoding: 'utf8' }).trim();
    symlinkSync(nsenter, join(directory, 'nsenter'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('nft is missing', async () => {
    await expect(runNft({ enter: [], args: ['list', 'ruleset'] }, directory)).rejects.toThrow(
      'install the package nftables',
    );
  });

  test('nsenter is missing', async () => {
    await expect(runNft({ enter: [], args: [] }, '/nowhere')).rejects.toThrow(
      'install the package util-linux',
    );
  });

  test('a process that is no holder any more is left alone', async () => {
    const traffic = createTraffic({ enter: () => [], searchPath: '/nowhere' });
    const holder = aContainer('', 0, { name: 'ns.twin-holder', pid: process.pid });
    await expect(traffic.route(holder, ['10.0.0.2'])).rejects.toThrow('--pid=host');
  });

  test('a process that has yet to become a holder is waited for', async () => {
    const becomesOne = `sleep 0.2; exec -a ${HOLDER_PROGRAM} sleep 60`;
    const child = spawn('bash', ['-c', becomesOne], { stdio: 'ignore' });
    try {
      const traffic = createTraffic({ enter: () => [], searchPath: '/nowhere' });
      const routed = traffic.route(aContainer('', 0, { pid: child.pid ?? 0 }), ['10.0.0.2']);
      await expect(routed).rejects.toThrow('install the package util-linux');
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('a process that is gone is not', async () => {
    const traffic = createTraffic({ enter: () => [], searchPath: '/nowhere' });
    const gone = aContainer('', 0, { pid: 2 ** 22 + 1 });
    await expect(traffic.read(gone)).rejects.toThrow('--pid=host');
  });

  test('a machine that there is no program for', () => {
    expect(() => holderRootfs('vax')).toThrow('no holder program for vax, only for x64 and arm64');
  });
});
