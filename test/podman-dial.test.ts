import { mkdtempSync, rmSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDial, type Dial } from '../src/podman/dial.ts';

let directory: string;
let server: Server;
let answer: RequestListener;
let dial: Dial;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-dial-'));
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(join(directory, 'sock'), resolve));
  dial = createDial({ socketPath: join(directory, 'sock'), callTimeoutMs: 5_000 });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

const get = { method: 'GET', path: '/things', what: 'list things' } as const;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Answers with what it was asked. */
const echo = (request: IncomingMessage, response: ServerResponse): void => {
  void bodyOf(request).then((body) => {
    const { method, url, headers } = request;
    response.end(
      JSON.stringify({ method, url, body, type: headers['content-type'], length: headers['content-length'] }),
    );
  });
};

describe('a call', () => {
  test('keeps query and body apart, and loses nothing', async () => {
    answer = echo;
    const query = { all: true, t: ['a b', 'c&d'], n: 0 };
    const { body } = await dial.call({ ...get, method: 'POST', query, body: { name: 'x' } });
    expect(body).toMatchObject({
      method: 'POST',
      url: '/v4.0.0/libpod/things?all=true&t=a%20b&t=c%26d&n=0',
      body: '{"name":"x"}',
      type: 'application/json',
    });
  });

  test('without a query keeps the last letter of its path, without a body sends none', async () => {
    answer = echo;
    const { body } = await dial.call<{ url: string }>({ ...get, method: 'POST' });
    expect(body).toMatchObject({ body: '' });
    expect(body?.url.replace(/\?$/, '')).toBe('/v4.0.0/libpod/things');
    expect((await dial.call<object>(get)).body).toMatchObject({ method: 'GET', body: '' });
  });

  test('sends raw bytes as they are', async () => {
    answer = echo;
    const bytes = { data: Buffer.from('raw=1&x'), contentType: 'application/octet-stream' };
    const upload = { ...get, method: 'POST', query: { name: 's' }, upload: bytes } as const;
    expect((await dial.call(upload)).body).toMatchObject({
      body: 'raw=1&x',
      type: bytes.contentType,
      length: '7',
    });
    const stream = { data: Readable.from(['a', 'b']), contentType: 'application/x-tar' };
    expect((await dial.call({ ...upload, upload: stream })).body).toMatchObject({ body: 'ab' });
  });

  test.each([
    ['null', undefined],
    ['', undefined],
    ['OK', undefined],
    ['[]', []],
    ['{"a":1}', { a: 1 }],
  ])('reads the reply %j', async (text, body) => {
    answer = (_, response) => response.end(text);
    expect((await dial.call(get)).body).toEqual(body);
  });

  test.each([
    ['cut off', 'application/json', '[{"Id":"a'],
    ['of something else', 'text/html', '<html>'],
  ])('does not take a reply %s for an empty one', async (_, type, text) => {
    answer = (_request, response) => response.writeHead(200, { 'content-type': type }).end(text);
    const error = await dial.call(get).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'Unreachable' });
    expect(String(error)).toContain(`its answer is no JSON: ${text}`);
  });

  test.each([204, 304])('takes %i as success, with its status and headers', async (statusCode) => {
    answer = (_, response) => response.writeHead(statusCode, { 'Libpod-Api-Version': '4.3.1' }).end();
    const reply = await dial.call(get);
    expect(reply.statusCode).toBe(statusCode);
    expect(reply.headers['libpod-api-version']).toBe('4.3.1');
  });

  test('that is not answered in time is a Timeout, and its connection is closed', async () => {
    const closed = new Promise((resolve) => {
      answer = (request) => request.socket.once('close', resolve);
    });
    const error = await dial.call({ ...get, timeoutMs: 50 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'Timeout' });
    expect(String(error)).toContain('list things within 50 ms');
    await closed;
  });

  test('whose reply stops in the middle is a Timeout too', async () => {
    answer = (_, response) => void response.write('{"a":');
    await expect(dial.call({ ...get, timeoutMs: 50 })).rejects.toMatchObject({ kind: 'Timeout' });
  });

  test('ends with the caller’s reason, and leaves no listener on its signal', async () => {
    answer = () => {};
    const stop = new AbortController();
    const call = dial.call({ ...get, signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await expect(dial.call({ ...get, signal: stop.signal })).rejects.toThrow('enough');
  });

  test.each([
    ['no socket', () => rmSync(join(directory, 'sock')), 'ENOENT'],
    ['a connection that is cut', () => (answer = (request) => request.socket.destroy()), 'hang up'],
  ])('with %s is Unreachable', async (_, arrange, words) => {
    arrange();
    const error = await dial.call(get).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'Unreachable' });
    expect(String(error)).toContain(words);
  });

  test('is not led elsewhere by DOCKER_HOST', async () => {
    answer = echo;
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    try {
      const led = createDial({ socketPath: join(directory, 'sock'), callTimeoutMs: 1_000 });
      expect((await led.call(get)).statusCode).toBe(200);
    } finally {
      delete process.env['DOCKER_HOST'];
    }
  });

  test('whose upload fails tells that', async () => {
    answer = echo;
    const data = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        throw new Error('the disk is broken');
      })(),
    );
    const upload = { data, contentType: 'application/x-tar' };
    await expect(dial.call({ ...get, method: 'POST', upload })).rejects.toThrow('the disk is broken');
  });
});

describe('a stream', () => {
  test('hands over bytes as they come, and is closed by a reader who leaves', async () => {
    const closed = new Promise((resolve) => {
      answer = (request, response) => {
        request.socket.once('close', resolve);
        response.write('first');
      };
    });
    for await (const chunk of dial.stream(get)) {
      expect(chunk.toString()).toBe('first');
      break;
    }
    await closed;
  });

  test('that is refused says why', async () => {
    answer = (_, response) =>
      response
        .writeHead(404)
        .end('{"cause":"no such container","message":"no container a: no such container"}');
    await expect(dial.stream(get).next()).rejects.toMatchObject({ kind: 'NotFound' });
  });

  test('that is aborted says so, even where an end would look complete', async () => {
    answer = (_, response) => {
      response.shouldKeepAlive = false;
      response.removeHeader('transfer-encoding');
      response.write('x');
    };
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of dial.stream({ ...get, signal: stop.signal })) stop.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
  });

  test('that breaks is Unreachable', async () => {
    answer = (request, response) => {
      response.write('x', () => request.socket.destroy());
    };
    const reading = (async () => {
      for await (const _ of dial.stream(get));
    })();
    await expect(reading).rejects.toMatchObject({ kind: 'Unreachable' });
  });
});
