import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request of the controller on its way to Podman. */
export interface PodmanCall {
  readonly method: string;
  /** Below `/libpod`, without the query. */
  readonly path: string;
  /** The name that a create gives, where it is not in the path. */
  readonly name: string;
  /** It changes something; the rest is looking. */
  readonly isWrite: boolean;
}

/** What may become of a call. `onBreak` happens where its connection breaks, and before it does. */
export type Fault =
  | { readonly type: 'DropBefore'; readonly onBreak?: () => void }
  | { readonly type: 'CutDuring'; readonly afterMs: number; readonly onBreak?: () => void }
  | { readonly type: 'CutAfterEffect'; readonly onBreak?: () => void }
  | { readonly type: 'Refuse' }
  | { readonly type: 'Delay'; readonly ms: number }
  | { readonly type: 'HalfAnswer' }
  | { readonly type: 'SlowBody'; readonly pauseMs: number };

export type FaultRule = (call: PodmanCall) => Fault | undefined;

/** Stands between a controller and Podman's own socket. */
export interface FaultyPodman {
  readonly url: string;
  /** From the next call on. */
  setRule(rule: FaultRule): void;
  close(): Promise<void>;
}

interface Proxy {
  readonly podmanSocket: string;
  readonly rule: FaultRule;
  readonly onAway: () => void;
}

/** @param onAway Podman's service does not take a connection: the place to start it, as its socket unit would. */
export async function openFaultyPodman(
  podmanSocket: string,
  socket: string,
  onAway: () => void = () => undefined,
): Promise<FaultyPodman> {
  const proxy: { podmanSocket: string; rule: FaultRule; onAway: () => void } = {
    podmanSocket,
    rule: () => undefined,
    onAway,
  };
  const server = createServer(
    (incoming, outgoing) => void pass(proxy, incoming, outgoing).catch(() => outgoing.destroy()),
  );
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  return {
    url: `unix://${socket}`,
    setRule: (rule) => {
      proxy.rule = rule;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function callOf({ method = 'GET', url = '/' }: IncomingMessage, body: Buffer | undefined): PodmanCall {
  const { pathname, searchParams } = new URL(url, 'http://podman');
  const path = pathname.replace(/^.*?\/libpod/, '');
  return {
    method,
    path,
    name: searchParams.get('name') ?? searchParams.get('t') ?? (body ? nameIn(body) : ''),
    isWrite: method !== 'GET' && method !== 'HEAD' && !/\/exec(\/|$)/.test(path),
  };
}

function nameIn(body: Buffer): string {
  const { name = '', Name = name } = JSON.parse(body.toString() || '{}') as { name?: string; Name?: string };
  return Name;
}

/** What is said in JSON is short; archives go through as they come. */
const bodyOf = async (incoming: IncomingMessage): Promise<Buffer | undefined> =>
  incoming.headers['content-type'] === 'application/json' ? whole(incoming) : undefined;

async function pass(proxy: Proxy, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.on('error', () => undefined);
  const body = await bodyOf(incoming);
  const fault = proxy.rule(callOf(incoming, body));
  if (fault?.type === 'Refuse') return refuse(incoming, outgoing);
  if (fault?.type === 'DropBefore') return cut(outgoing, fault);
  if (fault?.type === 'Delay') await sleep(fault.ms);
  const { method, url, headers } = incoming;
  const onward = request({ socketPath: proxy.podmanSocket, method, path: url, headers, agent: false });
  onward.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall === 'connect') proxy.onAway();
    outgoing.destroy();
  });
  onward.on('response', (reply) => answer(reply, outgoing, fault));
  // A client that goes away is one that goes away from Podman, too.
  outgoing.once('close', () => onward.destroy());
  if (body) onward.end(body);
  else pipeline(incoming, onward, () => undefined);
  if (fault?.type === 'CutDuring') cutDuring(outgoing, fault);
}

/** At the latest when it is over: nobody may be surprised by it later. */
function cutDuring(outgoing: ServerResponse, fault: Extract<Fault, { type: 'CutDuring' }>): void {
  const atEnd = (): void => {
    clearTimeout(timer);
    fault.onBreak?.();
  };
  const timer = setTimeout(() => {
    outgoing.off('close', atEnd);
    cut(outgoing, fault);
  }, fault.afterMs);
  outgoing.once('close', atEnd);
}

function cut(outgoing: ServerResponse, { onBreak }: { readonly onBreak?: () => void }): void {
  onBreak?.();
  outgoing.destroy();
}

/** As Podman words its own refusals. */
function refuse(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const text = 'the fault proxy refuses';
  incoming.resume();
  outgoing.writeHead(500, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify({ cause: text, message: text, response: 500 }));
}

function answer(reply: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): void {
  reply.on('error', () => outgoing.destroy());
  const headers = told(reply.headers);
  switch (fault?.type) {
    case 'CutAfterEffect':
      reply.resume().once('end', () => cut(outgoing, fault));
      return;
    case 'HalfAnswer':
      void whole(reply).then((body) => {
        if (body.length === 0) return outgoing.destroy();
        outgoing.writeHead(reply.statusCode ?? 0, headers);
        outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
      });
      return;
    default:
      outgoing.writeHead(reply.statusCode ?? 0, headers);
      outgoing.flushHeaders();
      void copy(reply, outgoing, fault?.type === 'SlowBody' ? fault.pauseMs : 0);
  }
}

/** What is about the connection is between its two ends. */
const told = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name !== 'connection' && name !== 'transfer-encoding'),
  );

async function whole(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of reply) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Byte by byte where it is to be slow: no boundary of a chunk may mean anything to who reads. */
async function copy(reply: IncomingMessage, outgoing: ServerResponse, pauseMs: number): Promise<void> {
  try {
    for await (const chunk of reply) {
      if (pauseMs > 0) await trickle(chunk as Buffer, outgoing, pauseMs);
      else outgoing.write(chunk);
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

const MOST_PIECES = 20;

async function trickle(chunk: Buffer, outgoing: ServerResponse, pauseMs: number): Promise<void> {
  const size = Math.max(1, Math.ceil(chunk.length / MOST_PIECES));
  for (let start = 0; start < chunk.length; start += size) {
    outgoing.write(chunk.subarray(start, start + size));
    await sleep(pauseMs);
  }
}
