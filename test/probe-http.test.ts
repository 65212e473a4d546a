import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { describe, expect, test } from 'vitest';
import {
  aTarget,
  closedPort,
  listening,
  type ProbeInput,
  probeOnce,
  saying,
  timed,
} from './fakes/probing.ts';
import { SELF_SIGNED } from './fakes/self-signed.ts';

const serving = (listener: RequestListener): Promise<number> => listening(createServer(listener));
const answering = (status: number, body = '', headers: Record<string, string> = {}): Promise<number> =>
  serving((_, response) => response.writeHead(status, headers).end(body));
const get = (port: number, changes: Partial<NonNullable<ProbeInput['httpGet']>> = {}) =>
  probeOnce({ httpGet: { port, ...changes } });

describe('http probe: the status decides', () => {
  test.each([
    [200, 'Success'],
    [204, 'Success'],
    [304, 'Success'],
    [399, 'Success'],
    [400, 'Failure'],
    [404, 'Failure'],
    [503, 'Failure'],
  ])('%i is %s', async (status, verdict) => {
    expect(await get(await answering(status))).toMatchObject({ verdict });
  });

  test('the message of a failure has the status, the address and the beginning of the body', async () => {
    const port = await answering(503, 'warming\nup\u001b[31m');
    expect((await get(port, { path: '/health?deep=1' })).message).toBe(
      `HTTP 503 from http://127.0.0.1:${port}/health?deep=1: warming up\\u{1b}[31m`,
    );
  });

  test('path, query, headers and host arrive as declared', async () => {
    const seen: unknown[] = [];
    const port = await serving((request, response) => {
      seen.push(request.url, request.headers.host, request.headers['x-token'], request.headers['user-agent']);
      response.end();
    });
    await get(port, {
      path: '//double?q=a b',
      httpHeaders: [
        { name: 'Host', value: 'agent.example' },
        { name: 'X-Token', value: 't' },
      ],
    });
    expect(seen).toEqual(['//double?q=a%20b', 'agent.example', 't', 'rookery-probe']);
  });

  test('a named port is looked up among the container ports, and an unknown name is no failure of the container', async () => {
    const port = await answering(200);
    const target = aTarget({ namedPorts: { health: port } });
    expect(await probeOnce({ httpGet: { port: 'health' } }, { target })).toMatchObject({
      verdict: 'Success',
    });
    expect(await probeOnce({ httpGet: { port: 'helth' } }, { target })).toEqual({
      verdict: 'Unknown',
      message: expect.stringContaining('"helth" is not among the named ports (health)'),
    });
  });

  test('without an address of its own the container answers on 127.0.0.1', async () => {
    const { ip: _, ...hostNetwork } = aTarget();
    const outcome = await probeOnce({ httpGet: { port: await answering(200) } }, { target: hostNetwork });
    expect(outcome.verdict).toBe('Success');
  });
});

describe('http probe: redirects', () => {
  test('are followed on the same host, also to another port', async () => {
    const last = await answering(503);
    const first = await answering(302, '', { location: `http://127.0.0.1:${last}/elsewhere` });
    expect((await get(first)).message).toBe(`HTTP 503 from http://127.0.0.1:${last}/elsewhere`);
  });

  test('to another host are not followed and count as success', async () => {
    const port = await answering(301, '', { location: 'http://localhost:1/' });
    expect(await get(port)).toEqual({
      verdict: 'Success',
      message: 'HTTP 301 to another host, not followed: localhost:1',
    });
  });

  test('in a circle end', async () => {
    const port = await answering(302, '', { location: '/' });
    expect(await get(port)).toMatchObject({
      verdict: 'Failure',
      message: expect.stringContaining('stopped after 10 redirects'),
    });
  });
});

describe('http probe: programs that misbehave', () => {
  test('refused', async () => {
    const port = await closedPort();
    expect(await get(port)).toEqual({
      verdict: 'Failure',
      message: `http 127.0.0.1:${port}: connection refused: nothing listens there`,
    });
  });

  test.each([
    ['no HTTP at all', '\u0000\u0001 nonsense\r\n\r\n'],
    ['nothing', ''],
    ['headers above every bound', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(40_000)}`],
    ['a body that breaks off', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ])('%s is a failure', async (_, bytes) => {
    const outcome = await get(await saying(bytes));
    expect(outcome.verdict).toBe('Failure');
    expect(outcome.message).not.toMatch(/\p{Cc}/u);
  });

  test('an endless body is read to its bound, and is a success as for the kubelet', async () => {
    let sentBytes = 0;
    const port = await serving((_, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) sentBytes += chunk.length;
      };
      response.on('drain', more);
      more();
    });
    expect(await get(port)).toMatchObject({ verdict: 'Success' });
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
  });

  test.each([
    ['that never answers', '', 0],
    ['that stops in the middle of its headers', 'HTTP/1.1 200 OK\r\nx: ', 0],
    ['that trickles its headers', 'HTTP/1.1 200 OK\r\nx: ', 20],
    ['that trickles its body', 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n', 20],
  ])('a program %s times out', async (_, bytes, everyMs) => {
    const port = await trickling(bytes, everyMs);
    const { result, elapsedMs } = await timed(() => get(port));
    expect(result).toEqual({ verdict: 'Failure', message: `http 127.0.0.1:${port}: no answer within 1 s` });
    expect(elapsedMs).toBeLessThan(1_600);
  });
});

test('https probe: a certificate that nobody signed is accepted', async () => {
  const server = createTlsServer(SELF_SIGNED, (_, response) => response.end('ok'));
  const port = await listening(server);
  expect(await get(port, { scheme: 'HTTPS' })).toEqual({ verdict: 'Success', message: 'HTTP 200' });
  expect(await get(port)).toMatchObject({ verdict: 'Failure' });
});

async function trickling(bytes: string, everyMs: number): Promise<number> {
  const { createServer: createTcpServer } = await import('node:net');
  return listening(
    createTcpServer((socket) => {
      socket.write(bytes);
      if (everyMs === 0) return;
      const timer = setInterval(() => socket.write('a'), everyMs);
      socket.on('close', () => clearInterval(timer));
    }),
  );
}
