import { expect, test } from 'vitest';
import type { ConvergeView } from '../src/api/status.ts';
import { viewOf } from './fakes/backend.ts';
import { cli, serveApi } from './fakes/cli.ts';

const GROUP = '/apis/rookery.dev/v1alpha1';
const objects = ['Agent/default/old', 'Volume/data/old'];
const blocked: Partial<ConvergeView> = { pruneBlocked: { message: '2 of 3 objects are gone', objects } };

async function prune(argv: readonly string[], view: Partial<ConvergeView> = blocked) {
  const approved = objects.map((object) => `approve=${object}`);
  const api = await serveApi({
    [`GET ${GROUP}/convergence`]: viewOf(view),
    ...Object.fromEntries(
      [...approved, approved.join('&')].map((query) => [`POST ${GROUP}/sync?${query}`, {}]),
    ),
  });
  const result = await cli(['prune', ...argv, '-n', 'default', '--api-socket', api.socket]);
  await api.close();
  return { ...result, asked: api.requests.filter((request) => request.startsWith('POST')) };
}

test('list shows what waits, and how to agree', async () => {
  const { code, out, err } = await prune(['list']);
  expect([code, out]).toEqual([2, 'OBJECT\nAgent/default/old\nVolume/data/old\n']);
  expect(err).toBe('2 of 3 objects are gone\n');
  expect(await prune(['list'], {})).toMatchObject({ code: 0, out: 'nothing waits for consent\n' });
  expect(JSON.parse((await prune(['list', '-o', 'json'])).out)).toEqual({
    message: '2 of 3 objects are gone',
    objects,
  });
});

test('list says how to agree in git, where that is the source', async () => {
  const source = {
    type: 'Git',
    origin: 'https://example.org/fleet.git',
    branch: 'main',
    paths: [''],
  } as const;
  const { err } = await prune(['list'], { ...blocked, source });
  expect(err).toContain('--trailer "Rookery-Approve-Prune: Agent/default/old, Volume/data/old"');
});

test('approve takes names as people write them, or everything', async () => {
  const one = await prune(['approve', 'agent/old']);
  expect(one).toMatchObject({ code: 0, out: 'Agent/default/old may be removed\n' });
  expect(one.asked).toEqual([`POST ${GROUP}/sync?approve=Agent/default/old`]);
  expect((await prune(['approve', 'vol/data/old'])).asked).toHaveLength(1);
  expect((await prune(['approve', '--all'])).out.split('\n')).toHaveLength(3);
});

test.each([
  [['approve'], 'or --all'],
  [['approve', 'agent/old', '--all'], 'or --all'],
  [['approve', 'agent/other'], 'does not wait for consent; these do: Agent/default/old'],
  [['approve', 'old'], 'must be KIND/NAME'],
  [['approve', 'agent/a/old/more'], 'must be KIND/NAME'],
  [['approve', 'agnt/old'], 'unknown kind "agnt"'],
  [['forget'], 'write list or approve'],
])('%j is refused', async (argv, words) => {
  const { code, err, asked } = await prune(argv);
  expect([code, asked]).toEqual([1, []]);
  expect(err).toContain(words);
});
