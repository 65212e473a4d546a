import { createServer, type Http2Server } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { decodeHealthResponse, encodeHealthRequest } from '../src/probe/protobuf.ts';
import { closedPort, listening, probeOnce, saying, timed } from './fakes/probing.ts';

const frame = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

interface Health {
  readonly status?: number;
  readonly body?: Buffer;
  readonly code?: string;
  readonly received?: Buffer[];
}

/** A gRPC health server of one method, as much of it as a probe sees. */
function healthServer({
  status = 1,
  body = frame(8, status),
  code = '0',
  received = [],
}: Health): Http2Server {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => received.push(Buffer.from(`${headers[':path']} `), chunk));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code, 'grpc-message': 'why' }));
    stream.end(body);
  });
  return server;
}

const check = async (health: Health, service = '') =>
  probeOnce({ grpc: { port: await listening(healthServer(health)), service } });

describe('grpc probe', () => {
  test('SERVING is success, and the service is named in the request', async () => {
    const received: Buffer[] = [];
    expect(await check({ received }, 'agent.v1')).toEqual({ verdict: 'Success', message: 'SERVING' });
    expect(Buffer.concat(received)).toEqual(
      Buffer.concat([
        Buffer.from('/grpc.health.v1.Health/Check '),
        frame(0x0a, 8, ...Buffer.from('agent.v1')),
      ]),
    );
  });

  test.each([
    ['NOT_SERVING', { status: 2 }, 'NOT_SERVING'],
    ['SERVICE_UNKNOWN', { status: 3 }, 'SERVICE_UNKNOWN'],
    ['a status that leaves the field out', { body: frame() }, 'UNKNOWN'],
    ['an unknown service', { code: '5' }, 'gRPC status 5: why'],
    ['no health service', { code: '12' }, 'does not implement grpc.health.v1.Health'],
    ['garbage in the frame', { body: Buffer.from('garbage!') }, 'not a HealthCheckResponse'],
    ['a huge reply', { body: Buffer.alloc(1_000_000) }, 'a reply above 65536 bytes'],
  ])('%s is a failure', async (_, health, message) => {
    expect(await check(health)).toEqual({ verdict: 'Failure', message: expect.stringContaining(message) });
  });

  test('a server that answers without a body at all is a failure', async () => {
    const server = createServer();
    server.on('stream', (stream) => stream.respond({ ':status': 404 }, { endStream: true }));
    const outcome = await probeOnce({ grpc: { port: await listening(server) } });
    expect(outcome).toMatchObject({ verdict: 'Failure', message: expect.stringContaining('HTTP 404') });
  });

  test.each([
    ['an HTTP/1 server', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a server that closes at once', ''],
  ])('%s is a failure', async (_, bytes) => {
    const outcome = await probeOnce({ grpc: { port: await saying(bytes) } });
    expect(outcome.verdict).toBe('Failure');
  });

  test('refused', async () => {
    const outcome = await probeOnce({ grpc: { port: await closedPort() } });
    expect(outcome).toMatchObject({ verdict: 'Failure', message: expect.stringContaining('refused') });
  });

  test.each(['before', 'after'])('a server that hangs %s the HTTP/2 preface times out', async (when) => {
    const port = when === 'before' ? await saying('', 'hangs') : await listening(createServer());
    const { result, elapsedMs } = await timed(() => probeOnce({ grpc: { port } }));
    expect(result).toMatchObject({
      verdict: 'Failure',
      message: expect.stringContaining('no answer within 1 s'),
    });
    expect(elapsedMs).toBeLessThan(1_600);
  });
});

describe('the two messages of grpc.health.v1', () => {
  test('a long service name has its length in two bytes', () => {
    expect([...encodeHealthRequest('x'.repeat(200)).subarray(0, 8)]).toEqual([
      0, 0, 0, 0, 203, 0x0a, 0xc8, 1,
    ]);
    expect([...encodeHealthRequest('')]).toEqual([0, 0, 0, 0, 0]);
  });

  test.each<[string, Buffer, number | undefined]>([
    ['the status', frame(8, 1), 1],
    ['the last of two', frame(8, 2, 8, 1), 1],
    [
      'unknown fields of every wire type before it',
      frame(0x10, 0x96, 1, 0x1a, 2, 8, 9, 0x25, 1, 2, 3, 4, 0x29, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1),
      1,
    ],
    ['an empty message', frame(), 0],
    ['a compressed frame', Buffer.from([1, 0, 0, 0, 2, 8, 1]), undefined],
    ['a frame longer than the body', Buffer.from([0, 0, 0, 0, 9, 8, 1]), undefined],
    ['a frame shorter than its header', Buffer.from([0, 0]), undefined],
    ['a varint without an end', frame(8, 0xff), undefined],
    ['a varint of more than 32 bits', frame(8, 0xff, 0xff, 0xff, 0xff, 0xff, 1), undefined],
    ['a field longer than the message', frame(0x1a, 200), undefined],
    ['a wire type that does not exist', frame(0x0f, 1), undefined],
  ])('%s', (_, bytes, status) => {
    expect(decodeHealthResponse(bytes)).toBe(status);
  });
});
