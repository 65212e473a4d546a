import { createServer, request, type IncomingMessage } from 'node:http';

/** One call as it passed. Streams are told when they begin. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly reply: string;
  readonly atMs: number;
  readonly tookMs: number;
}

export interface Recorder {
  readonly calls: readonly Call[];
  close(): Promise<void>;
}

const LONGEST_REPLY_BYTES = 65_536;

/** A proxy before Podman's socket that writes down what is asked of it. Never in the way of a measured run. */
export async function record(listenOn: string, forwardTo: string): Promise<Recorder> {
  const calls: Call[] = [];
  const server = createServer((incoming, outgoing) => {
    const atMs = performance.now();
    const { method = 'GET', url: path = '/', headers } = incoming;
    void readBody(incoming).then((body) => {
      const onward = request(
        { socketPath: forwardTo, method, path, headers: { ...headers, connection: 'close' } },
        (response) => {
          let reply = '';
          outgoing.writeHead(response.statusCode ?? 502, response.headers);
          response.on('data', (chunk: Buffer) => {
            if (reply.length < LONGEST_REPLY_BYTES) reply += chunk.toString();
            outgoing.write(chunk);
          });
          const done = (): void => {
            outgoing.end();
            const tookMs = performance.now() - atMs;
            calls.push({ method, path, body: body.toString(), reply, atMs, tookMs });
          };
          response.on('end', done);
          response.on('error', done);
        },
      );
      onward.on('error', () => outgoing.destroy());
      outgoing.on('close', () => onward.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(listenOn, resolve));
  return {
    calls,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** `GET /containers/{}/json`: which call, not whom it is about. */
export function callName({ method, path }: Call): string {
  const bare = path.replace(/^\/v[0-9.]+\/libpod/, '').replace(/\?.*/, '');
  const known = new Set(['json', 'create', 'start', 'stop', 'exists', 'prune', 'info', 'events', '_ping']);
  const parts = bare.split('/').map((part, index) => (index < 2 || known.has(part) ? part : '{}'));
  return `${method} ${parts.join('/')}`;
}
