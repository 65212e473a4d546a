import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { standingsOf } from '../src/notifications.ts';
import { startNotifier } from '../src/notify/notifier.ts';
import { createSend, type Send } from '../src/notify/send.ts';
import { parseSettings } from '../src/notify/settings.ts';
import { afterTelling, newsOf, type Notice, type Standing, type ToldOf } from '../src/notify/trouble.ts';
import { withoutValues } from '../src/redact.ts';
import { apiAgent } from './fakes/api-objects.ts';
import { createFakeBackend, viewOf } from './fakes/backend.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const object = 'Agent/default/page';
const failed: Standing = { object, state: { type: 'Trouble', reason: 'Failed', message: 'exited' } };
const degraded: Standing = { object, state: { type: 'Trouble', reason: 'Degraded', message: 'exits' } };
const well: Standing = { object, state: { type: 'Well' } };
const between: Standing = { object, state: { type: 'Between' } };
const MINUTE_MS = 60_000;

/** The reasons told, look after look, a minute apart. */
function toldOver(looks: readonly Standing[]): string[] {
  let told: ToldOf = {};
  return looks.map((standing, index) => {
    const nowMs = index * MINUTE_MS;
    const [notice] = newsOf([standing], told, nowMs);
    if (notice) told = afterTelling(told, notice, nowMs);
    return notice?.reason ?? '-';
  });
}

describe('what is told', () => {
  test.each<[string, Standing[], string[]]>([
    ['nothing of what is well', [well, well], ['-', '-']],
    ['trouble once, and its end once', [failed, failed, well, well], ['Failed', '-', 'Recovered', '-']],
    ['another trouble', [degraded, failed], ['Degraded', 'Failed']],
    ['nothing on the way', [failed, between, failed, between, well], ['Failed', '-', '-', '-', 'Recovered']],
    ['one that comes and goes', [failed, well, failed, well, failed], ['Failed', 'Recovered', '-', '-', '-']],
  ])('%s', (_, looks, expected) => {
    expect(toldOver(looks)).toEqual(expected);
  });

  test('the same again after its window', () => {
    const looks = [failed, well, ...Array.from({ length: 15 }, () => well), failed];
    expect(toldOver(looks).at(-1)).toBe('Failed');
  });
});

test('agents and the guard of removals are looked at', () => {
  const backend = createFakeBackend([
    apiAgent('bad', { status: { phase: 'RolledBack', message: 'exited 3 times' } }),
    apiAgent('good', { status: { phase: 'Healthy' } }),
    apiAgent('new', { status: { phase: 'Starting' } }),
  ]);
  const view = viewOf({ problems: ['PruneBlocked: 5 of 6 would go'] });
  expect(standingsOf({ ...backend, convergence: () => view }).map(({ state }) => state)).toEqual([
    { type: 'Trouble', reason: 'PruneBlocked', message: 'PruneBlocked: 5 of 6 would go' },
    { type: 'Trouble', reason: 'RolledBack', message: 'exited 3 times' },
    { type: 'Well' },
    { type: 'Between' },
  ]);
});

test('an agent that was not looked at since the start is not gone', () => {
  const backend = createFakeBackend([apiAgent('page', {})]);
  const late = { object: 'Agent/default/late', phase: 'Pending', message: '' };
  const view = viewOf({ waitingFor: [late, { ...late, object: 'Agent/ai-system/page' }] });
  const objects = standingsOf({ ...backend, convergence: () => view }).map(({ object: name }) => name);
  expect(objects.filter((name) => name === late.object)).toHaveLength(1);
  expect(new Set(objects).size).toBe(objects.length);
});

test('a clock that was set back silences nobody', () => {
  const told = afterTelling({}, { object, reason: 'Failed', message: '' }, 60 * MINUTE_MS);
  const recovered = afterTelling(told, { object, reason: 'Recovered', message: '' }, 61 * MINUTE_MS);
  expect(newsOf([failed], recovered, 62 * MINUTE_MS)).toEqual([]);
  expect(newsOf([failed], recovered, 0)).toMatchObject([{ reason: 'Failed' }]);
});

test('the values of secrets are not told, the longest first', () => {
  expect(withoutValues('pass hunter2hunter and hunter2, abc', ['hunter2', 'hunter2hunter', 'abc'])).toBe(
    'pass [redacted] and [redacted], abc',
  );
});

describe('the notifier', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-notify-'));
  const file = join(directory, 'notifications.json');
  afterEach(() => rmSync(file, { force: true }));

  async function setUp(send: Send, standings: Standing[]) {
    const clock = createSimulatedClock(0);
    const warnings: object[] = [];
    const options = {
      sends: [send],
      standings: () => standings,
      redact: (text: string) => text.replaceAll('secret', '[redacted]'),
      file,
      clock,
      warn: (fields: object) => void warnings.push(fields),
    };
    return { clock, warnings, options, notifier: await startNotifier(options) };
  }

  test('repeats nothing after a restart, and hides secrets', async () => {
    const sent: Notice[] = [];
    const send: Send = (notice) => Promise.resolve(void sent.push(notice));
    const trouble: Standing = { object, state: { type: 'Trouble', reason: 'Failed', message: 'a secret' } };
    const { notifier, options } = await setUp(send, [trouble]);
    await notifier.close();
    await (await startNotifier(options)).close();
    expect(sent).toEqual([{ object, reason: 'Failed', message: 'a [redacted]' }]);
  });

  test('tries again with growing pauses, then gives up and says so', async () => {
    let tries = 0;
    const send: Send = () => {
      tries += 1;
      return Promise.reject(new Error('refused'));
    };
    const { clock, warnings, notifier } = await setUp(send, [failed]);
    await clock.advance(2_900);
    expect(tries).toBe(2);
    await clock.advance(60_000);
    expect(tries).toBe(6);
    expect(warnings).toEqual([{ object, notice: 'Failed', reason: 'refused' }]);
    await notifier.close();
  });

  test('keeps no more than a hundred for a target that hangs', async () => {
    const many = Array.from({ length: 150 }, (_, index) => ({
      ...failed,
      object: `Agent/default/a${index}`,
    }));
    const { warnings, notifier } = await setUp(() => new Promise(() => undefined), many);
    expect(warnings).toHaveLength(49);
    await notifier.close();
  });
});

describe('sending', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-send-'));
  const notice: Notice = { object, reason: 'Failed', message: 'exited; $(touch x)' };
  const signal = new AbortController().signal;

  async function listen(status: number) {
    const requests: { headers: IncomingMessage['headers']; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        requests.push({ headers: request.headers, body });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/topic`;
    return { url, requests, close: () => void server.close() };
  }

  test('to a webhook goes JSON, with the token of a file', async () => {
    const { url, requests, close } = await listen(200);
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, 'abc\n');
    await createSend({ webhook: url, tokenFile })(notice, signal);
    close();
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual(notice);
    expect(requests[0]?.headers.authorization).toBe('Bearer abc');
  });

  test('to ntfy goes a text with a title', async () => {
    const { url, requests, close } = await listen(200);
    await createSend({ ntfy: url })(notice, signal);
    close();
    expect(requests[0]).toMatchObject({
      body: notice.message,
      headers: { title: 'Failed: Agent/default/page', priority: 'high' },
    });
  });

  test('a refusal is an error', async () => {
    const { url, close } = await listen(403);
    await expect(createSend({ webhook: url })(notice, signal)).rejects.toThrow(/answered 403/);
    close();
  });

  test('a command gets arguments and no shell', async () => {
    const out = join(directory, 'out');
    const program = `require('fs').writeFileSync(${JSON.stringify(out)}, JSON.stringify(process.argv.slice(1)))`;
    await createSend({ command: [process.execPath, '-e', program] })(notice, signal);
    await vi.waitFor(() =>
      expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(['Failed', object, notice.message]),
    );
    await expect(createSend({ command: ['/bin/false'] })(notice, signal)).rejects.toThrow(/failed/);
  });
});

test.each([
  ['{"targets": [{"webhook": "https://a.example/x"}, {"command": ["/bin/true"]}]}', undefined],
  ['{"targets": [{"webhook": "file:///etc/passwd"}]}', /targets/],
  ['{"targets": [{"command": []}]}', /targets/],
  ['{"target": []}', /target/],
])('the file %s', (text, problem) => {
  if (problem) expect(() => parseSettings(text)).toThrow(problem);
  else expect(parseSettings(text)).toHaveLength(2);
});
