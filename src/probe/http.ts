import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Probe } from '../api/probe.ts';
import { failure, success } from './outcome.ts';
import type { CheckContext, ProbeOutcome, Route } from './probe.ts';
import { hostAndPort, LOOPBACK, portOf } from './route.ts';

type HttpGet = NonNullable<Probe['httpGet']>;

/** As the kubelet: the rest of a longer body is not read. */
const MAX_BODY_BYTES = 10 * 1024;
const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Reply {
  readonly status: number;
  readonly location?: string;
  readonly body: string;
}

/**
 * 200 to 399 is success. Redirects are followed on the same host only: one that leaves it is a success by itself, and
 * certificates are not verified (kubernetes `pkg/probe/http`).
 */
export async function checkHttp(check: HttpGet, context: CheckContext): Promise<ProbeOutcome> {
  let url = firstUrl(check, context);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const reply = await get(url, check, context);
    const next = redirectOf(reply, url);
    if (next === undefined) return judge(reply, url);
    if (next.hostname !== url.hostname)
      return success(`HTTP ${reply.status} to another host, not followed: ${next.host}`);
    url = next;
  }
  return failure(`${url.href}: stopped after ${MAX_REDIRECTS} redirects`);
}

function firstUrl(check: HttpGet, { target }: CheckContext): URL {
  const host = check.host ?? target.ip ?? LOOPBACK;
  // Joined as text: resolved as a reference, a path of `//name` would choose another host.
  return new URL(
    `${check.scheme.toLowerCase()}://${hostAndPort(host, portOf(target, check.port))}${check.path}`,
  );
}

function redirectOf({ status, location }: Reply, from: URL): URL | undefined {
  if (!REDIRECTS.has(status) || location === undefined || !URL.canParse(location, from.href))
    return undefined;
  const next = new URL(location, from);
  return next.protocol === 'http:' || next.protocol === 'https:' ? next : undefined;
}

const judge = (reply: Reply, url: URL): ProbeOutcome =>
  reply.status >= 200 && reply.status < 400
    ? success(`HTTP ${reply.status}`)
    : failure(`HTTP ${reply.status} from ${url.href}${reply.body === '' ? '' : `: ${reply.body}`}`);

async function get(url: URL, check: HttpGet, context: CheckContext): Promise<Reply> {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const route = await context.open(context.target, port, context.signal, check.host);
  try {
    const response = await send(url, requestOptions(url, check, route, context.signal));
    const { location } = response.headers;
    const body = await readBody(response);
    return { status: response.statusCode ?? 0, ...(location === undefined ? {} : { location }), body };
  } finally {
    route.close();
  }
}

const requestOptions = (url: URL, check: HttpGet, route: Route, signal: AbortSignal): RequestOptions => ({
  ...('path' in route.connect ? { socketPath: route.connect.path } : route.connect),
  path: url.pathname + url.search,
  // One connection a probe: a kept one would hide that the program accepts no new ones.
  agent: false,
  headers: headersOf(url, check),
  signal,
});

function headersOf(url: URL, check: HttpGet): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    host: url.host,
    'user-agent': 'rookery-probe',
    accept: '*/*',
    connection: 'close',
  };
  for (const { name, value } of check.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return headers;
}

const send = (url: URL, options: RequestOptions): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? requestHttps({ ...options, rejectUnauthorized: false }, resolve)
        : requestHttp(options, resolve);
    request.on('error', reject);
    request.end();
  });

/** A body that breaks off or trickles past the timeout throws; one that is too long is cut. */
async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    // Leaving the loop destroys the response and its connection.
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_BODY_BYTES);
}
