import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startWebhook, type Webhook } from '../src/server/webhook.ts';

const SECRET = 'a-secret-of-some-length';
const BODY = '{"ref":"refs/heads/main"}';
const state = { pushes: 0, nowMs: 1_000_000 };
let webhook: Webhook;

beforeEach(async () => {
  Object.assign(state, { pushes: 0, nowMs: 1_000_000 });
  webhook = await startWebhook({
    host: '127.0.0.1',
    port: 0,
    secret: SECRET,
    onPush: () => (state.pushes += 1),
    nowMs: () => state.nowMs,
    log: { warn: () => undefined },
  });
});
afterEach(() => webhook.close());

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly method?: string;
  readonly path?: string;
}

/** Its status code; `cut` when the connection ends without one. */
const send = ({
  headers = {},
  body = BODY,
  method = 'POST',
  path = '/webhook',
}: Sent): Promise<number | string> =>
  new Promise((resolve) => {
    const sent = request({ port: webhook.port, path, method, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', () => resolve('cut'));
    sent.end(body);
  });

const hex = (body: string, secret = SECRET): string =>
  createHmac('sha256', secret).update(body).digest('hex');
const github = (body = BODY, secret = SECRET) => ({ 'x-hub-signature-256': `sha256=${hex(body, secret)}` });
const gitlab = (timestamp: number, secret = SECRET) => ({
  'webhook-id': 'msg-1',
  'webhook-timestamp': String(timestamp),
  'webhook-signature': `v1,AAAA v1,${createHmac('sha256', secret).update(`msg-1.${timestamp}.${BODY}`).digest('base64')}`,
});

describe('a push is believed', () => {
  test.each<[string, Sent['headers']]>([
    ['as GitHub signs it', github()],
    ['as Gitea signs it', { 'x-gitea-signature': hex(BODY) }],
    ['as GitLab signs it', gitlab(1_000)],
    ['with the token of an older GitLab', { 'x-gitlab-token': SECRET }],
  ])('%s', async (_how, headers = {}) => {
    expect(await send({ headers })).toBe(202);
    expect(state.pushes).toBe(1);
  });

  test('twice: a replay is one more look, and no more', async () => {
    expect([await send({ headers: github() }), await send({ headers: github() })]).toEqual([202, 202]);
    expect(state.pushes).toBe(2);
  });
});

describe('a push is not believed', () => {
  test.each<[string, Sent, number]>([
    ['unsigned', {}, 401],
    ['signed with another secret', { headers: github(BODY, 'another-secret') }, 401],
    ['with another body', { headers: github(), body: '{}' }, 401],
    ['with half a signature', { headers: { 'x-hub-signature-256': 'sha256=abcd' } }, 401],
    ['with another token', { headers: { 'x-gitlab-token': `${SECRET}x` } }, 401],
    ['with a signature of long ago', { headers: gitlab(1) }, 401],
    ['signed by another GitLab', { headers: gitlab(1_000, 'another-secret') }, 401],
    ['by GET', { headers: github(''), body: '', method: 'GET' }, 405],
    ['elsewhere', { headers: github(), path: '/' }, 404],
  ])('%s', async (_what, sent, code) => {
    expect(await send(sent)).toBe(code);
    expect(state.pushes).toBe(0);
  });

  test('with a body without end', async () => {
    const body = Buffer.alloc(26 * 2 ** 20);
    // The refusal may come while the sender still sends.
    expect([413, 'cut']).toContain(await send({ headers: github(), body }));
    expect(state.pushes).toBe(0);
  });

  test('by clients that never end what they send: nobody waits for them', async () => {
    const slow = Array.from({ length: 10 }, () => connect(webhook.port, '127.0.0.1'));
    for (const [index, socket] of slow.entries())
      socket.write(`POST /webhook HTTP/1.1\r\nhost: x\r\n${index % 2 ? '' : 'content-length: 99\r\n\r\n{'}`);
    await expect.poll(() => slow.every(({ bytesWritten }) => bytesWritten > 0)).toBe(true);
    expect(await send({ headers: github() })).toBe(202);
    expect(state.pushes).toBe(1);
    for (const socket of slow) socket.destroy();
  });

  test('more often than anybody pushes', async () => {
    const codes: (number | string)[] = [];
    for (let count = 0; count < 31; count += 1) codes.push(await send({}));
    expect(codes.slice(-2)).toEqual([401, 429]);
    state.nowMs += 1_000;
    expect(await send({ headers: github() })).toBe(202);
  });
});
