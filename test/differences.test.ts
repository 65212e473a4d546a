import { describe, expect, test } from 'vitest';
import { differences } from '../src/state/differences.ts';
import type { ContainerTemplate, Mount } from '../src/state/template.ts';
import { aTemplate } from './fakes/templates.ts';

const told = (before: Partial<ContainerTemplate>, after: Partial<ContainerTemplate>): string[] =>
  differences(aTemplate(before), aTemplate(after));

const port = (containerPort: number, hostPort: number, protocol: 'tcp' | 'udp' = 'tcp') => ({
  containerPort,
  hostPort,
  hostIP: '127.0.0.1',
  protocol,
});
const DIGESTS = ['1f'.repeat(32), 'ab'.repeat(32)];
const page = (digest = '', directory = `/state/configmaps/ns.page/${digest.slice(0, 16)}`): Mount => ({
  type: 'bind',
  source: directory,
  target: '/www',
  readOnly: true,
  contentDigest: digest,
});
const models = (name: string): Mount => ({ type: 'volume', name, target: '/models', readOnly: false });
const token = (secret: string): Mount => ({
  type: 'secret',
  secret,
  target: '/run/token',
  mode: 0o400,
  uid: 0,
  gid: 0,
});

describe('what differs between two templates', () => {
  test.each<[string, Partial<ContainerTemplate>, Partial<ContainerTemplate>, string[]]>([
    ['nothing', { env: { A: '1' } }, { env: { A: '1' } }, []],
    [
      'variables',
      { env: { LEVEL: 'INFO', OLD: '1', SAME: 'x' } },
      { env: { LEVEL: 'DEBUG', NEW: '2', SAME: 'x' } },
      ['env LEVEL changed INFO → DEBUG', 'env NEW added 2', 'env OLD removed'],
    ],
    [
      'secrets, without a word of them',
      { secretEnv: { KEY: 'rookery-s-1' } },
      { secretEnv: { KEY: 'rookery-s-2', TOKEN: 'rookery-s-3' } },
      ['env KEY changed (secret) → (secret)', 'env TOKEN added (secret)'],
    ],
    [
      'an image behind the same name',
      { image: { reference: 'localhost/agent:1', id: `sha256:${'a'.repeat(64)}` } },
      { image: { reference: 'localhost/agent:1', id: `sha256:${'b'.repeat(64)}` } },
      ['image changed localhost/agent:1 (aaaaaaaaaaaa) → localhost/agent:1 (bbbbbbbbbbbb)'],
    ],
    [
      'one port among several',
      { ports: [port(80, 8080), port(53, 53, 'udp'), port(81, 8081)] },
      { ports: [port(80, 8090), port(53, 53, 'udp'), port(82, 8082)] },
      [
        'port 80/tcp changed 127.0.0.1:8080 → 127.0.0.1:8090',
        'port 81/tcp removed',
        'port 82/tcp added 127.0.0.1:8082',
      ],
    ],
    [
      'the content of a directory that is named by it',
      { mounts: [page(DIGESTS[0]), models('m')] },
      { mounts: [page(DIGESTS[1]), models('m')] },
      ['mount /www has new content'],
    ],
    [
      'the content of a directory that keeps its path',
      { mounts: [page(DIGESTS[0], '/srv/a')] },
      { mounts: [page(DIGESTS[1], '/srv/a')] },
      ['mount /www has new content'],
    ],
    [
      'another directory',
      { mounts: [page(DIGESTS[0], '/srv/1')] },
      { mounts: [page(DIGESTS[1], '/srv/a')] },
      [expect.stringMatching(/^mount \/www changed .*\/srv\/1.* → .*\/srv\/a/) as string],
    ],
    [
      'a secret in a file',
      { mounts: [token('s-1')] },
      { mounts: [token('s-2')] },
      ['mount /run/token has new content'],
    ],
    [
      'mounts that come and go',
      { mounts: [models('m')] },
      { mounts: [token('s-1')] },
      ['mount /models removed', expect.stringMatching(/^mount \/run\/token added \{/) as string],
    ],
    ['a first command', {}, { command: ['sh'] }, ['command changed none → ["sh"]']],
    [
      'the end of a long command',
      { command: ['python3', '-c', 'x'.repeat(100), 'first'] },
      { command: ['python3', '-c', 'x'.repeat(100), 'second'] },
      ['command changed …xxxxxxx","first"] → …xxxxxxx","second"]'],
    ],
    [
      'a long value that is cut off at its end',
      { env: { TEXT: 'a' } },
      { env: { TEXT: `b${'c'.repeat(100)}` } },
      [`env TEXT changed a → b${'c'.repeat(59)}…`],
    ],
    [
      'a value of just the greatest length is told whole, one more is cut',
      { env: { A: 'a'.repeat(60), B: 'b' } },
      { env: { A: 'b'.repeat(60), B: `${'b'.repeat(60)}c` } },
      [`env A changed ${'a'.repeat(60)} → ${'b'.repeat(60)}`, `env B changed b → ${'b'.repeat(60)}…`],
    ],
    [
      'where a long value differs, whichever of the two it is',
      { env: { A: `${'x'.repeat(50)}1${'y'.repeat(50)}`, B: `${'x'.repeat(50)}1` } },
      { env: { A: `${'x'.repeat(50)}2`, B: `${'x'.repeat(50)}2${'y'.repeat(50)}` } },
      [
        `env A changed …${'x'.repeat(10)}1${'y'.repeat(49)}… → …${'x'.repeat(10)}2`,
        `env B changed …${'x'.repeat(10)}1 → …${'x'.repeat(10)}2${'y'.repeat(49)}…`,
      ],
    ],
    [
      'the rest of a value that grew',
      { env: { A: 'x'.repeat(70) } },
      { env: { A: 'x'.repeat(71) } },
      [`env A changed …${'x'.repeat(10)} → …${'x'.repeat(11)}`],
    ],
    [
      'a secret in a file that is another file too',
      { mounts: [token('s-1')] },
      { mounts: [{ ...token('s-2'), mode: 0o440 } as Mount] },
      [expect.stringMatching(/^mount \/run\/token changed /) as string],
    ],
    [
      'another directory without content of ours',
      { mounts: [{ type: 'bind', source: '/a', target: '/www', readOnly: true }] },
      { mounts: [{ type: 'bind', source: '/b', target: '/www', readOnly: true }] },
      [expect.stringMatching(/^mount \/www changed /) as string],
    ],
    [
      'a volume of another name',
      { mounts: [models('m')] },
      { mounts: [models('n')] },
      [expect.stringMatching(/^mount \/models changed /) as string],
    ],
    [
      'an image by another algorithm',
      { image: { reference: 'a', id: 'sha256:1' } },
      { image: { reference: 'a', id: 'x-sha256:2' } },
      ['image changed a (1) → a (x-sha256:2)'],
    ],
    ['limits', { resources: { pids: 64 } }, { resources: { pids: 65 } }, ['resources pids changed 64 → 65']],
    ['a start', { stopGraceSeconds: 1 }, { stopGraceSeconds: 2 }, ['stopGraceSeconds changed 1 → 2']],
  ])('%s', (_name, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });
});
