import { Agent, request } from 'node:http';

/** As thin as a client of Podman's API can be: what is measured against must not pay for ours. */
export interface Api {
  call(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  /** @throws when the answer is no success */
  ok(method: string, path: string, body?: unknown): Promise<string>;
  close(): void;
}

export function createApi(socketPath: string, concurrency = 8): Api {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const call: Api['call'] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const outgoing = request({ socketPath, agent, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  return {
    call,
    ok: async (method, path, body) => {
      const { status, text } = await call(method, path, body);
      if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
      return text;
    },
    close: () => agent.destroy(),
  };
}

export const LIBPOD = '/v4.0.0/libpod';

/** Runs the tasks with at most `width` of them at once. */
export async function atOnce<T>(
  width: number,
  items: readonly T[],
  task: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = [...items];
  const work = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: width }, work));
}
