import { describe, expect, onTestFinished, test } from 'vitest';
import { Reply } from 'zeromq';
import { closedPort, openDescriptors, type ProbeInput, probeOnce, saying, timed } from './fakes/probing.ts';

/** A REP socket that gives each request to `answer`, and never answers when that gives nothing. */
async function agent(answer: (request: string) => string | Buffer | undefined): Promise<number> {
  const socket = new Reply({ linger: 0 });
  await socket.bind('tcp://127.0.0.1:*');
  onTestFinished(() => socket.close());
  void serve(socket, answer);
  return Number(socket.lastEndpoint?.split(':').at(-1));
}

async function serve(socket: Reply, answer: (request: string) => string | Buffer | undefined): Promise<void> {
  for await (const [request] of socket) {
    const reply = answer(request?.toString() ?? '');
    if (reply === undefined) return;
    await socket.send(reply);
  }
}

const ask = (port: number, changes: Partial<NonNullable<ProbeInput['zmq']>> = {}) =>
  probeOnce({ zmq: { port, ...changes } });

describe('zmq probe: the reply decides', () => {
  test('the default request asks for health, and a healthy word in any case is success', async () => {
    const requests: string[] = [];
    const port = await agent((request) => {
      requests.push(request);
      return '{"status": "OK", "uptime": 5}';
    });
    expect(await ask(port)).toEqual({ verdict: 'Success', message: 'OK' });
    expect(requests).toEqual(['{"action":"health_check"}']);
  });

  test('request, key and words are the ones that the manifest declares', async () => {
    const port = await agent((request) =>
      JSON.stringify({ state: (JSON.parse(request) as { say: string }).say }),
    );
    const words = { request: { say: 'gRÜN' }, statusKey: 'state', healthy: ['Grün'] };
    expect((await ask(port, words)).verdict).toBe('Success');
    expect(await ask(port, { ...words, healthy: ['blau'] })).toEqual({
      verdict: 'Failure',
      message: `127.0.0.1:${port}: state is gRÜN, not one of blau`,
    });
  });

  test.each([
    ['an unhealthy word', '{"status":"error"}', 'status is error'],
    ['no status', '{"state":"ok"}', 'the reply has no "status"'],
    ['a status that is no word', '{"status":{"a":1}}', 'status is {"a":1}'],
    ['a list', '["ok"]', 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['no JSON', '\u0007ok', 'not a JSON object'],
    ['an empty reply', '', 'not a JSON object'],
  ])('%s is a failure', async (_, reply, message) => {
    const outcome = await ask(await agent(() => reply));
    expect(outcome).toEqual({ verdict: 'Failure', message: expect.stringContaining(message) });
    expect(outcome.message).not.toMatch(/\p{Cc}/u);
  });

  test('what every object has is no status', async () => {
    const outcome = await ask(await agent(() => '{}'), { statusKey: 'constructor' });
    expect(outcome).toMatchObject({
      verdict: 'Failure',
      message: expect.stringContaining('has no "constructor"'),
    });
  });

  test('a boolean status can be declared healthy', async () => {
    const outcome = await ask(await agent(() => '{"healthy":true}'), {
      statusKey: 'healthy',
      healthy: ['True'],
    });
    expect(outcome.verdict).toBe('Success');
  });
});

describe('zmq probe: programs that misbehave', () => {
  const inTime = async (port: number, message: string) => {
    const { result, elapsedMs } = await timed(() => ask(port));
    expect(result).toEqual({ verdict: 'Failure', message: expect.stringContaining(message) });
    expect(elapsedMs).toBeGreaterThan(900);
    expect(elapsedMs).toBeLessThan(1_600);
  };

  test('refused: the message says that nothing answers there', async () => {
    await inTime(await closedPort(), 'no connection in time: nothing answers there');
  });

  test('an agent that takes the request and never answers', async () => {
    await inTime(await agent(() => undefined), 'did not answer the request in time');
  });

  test('a program that accepts and says nothing', async () => {
    await inTime(await saying('', 'hangs'), 'did not answer the request in time');
  });

  test('a program that speaks no ZeroMQ', async () => {
    await inTime(
      await saying('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(100)),
      'did not answer the request in time',
    );
  });

  test('a reply above the bound is never taken into memory', async () => {
    await inTime(await agent(() => Buffer.alloc(1_000_000, 'x')), 'did not answer the request in time');
  });

  test('a silent agent delays no other probe', async () => {
    const [silent, healthy] = await Promise.all([agent(() => undefined), agent(() => '{"status":"ok"}')]);
    const hanging = Array.from({ length: 20 }, () => ask(silent));
    const { result, elapsedMs } = await timed(() => ask(healthy));
    expect(result.verdict).toBe('Success');
    expect(elapsedMs).toBeLessThan(500);
    await Promise.all(hanging);
  });
});

test('a thousand probes leave no socket behind', async () => {
  const port = await agent(() => '{"status":"ok"}');
  const tenProbes = () => Promise.all(Array.from({ length: 10 }, () => ask(port)));
  await tenProbes();
  const before = openDescriptors();
  for (let round = 0; round < 100; round++) {
    for (const { verdict } of await tenProbes()) expect(verdict).toBe('Success');
  }
  // ZeroMQ's own thread closes a socket a moment after we did.
  await expect.poll(openDescriptors, { timeout: 5_000 }).toBeLessThanOrEqual(before + 2);
});
