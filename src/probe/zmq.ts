import type { Request } from 'zeromq';
import type { Probe } from '../api/probe.ts';
import { failure, success } from './outcome.ts';
import type { CheckContext, ProbeOutcome, Route } from './probe.ts';
import { dial, hostAndPort, portOf } from './route.ts';

type ZmqCheck = NonNullable<Probe['zmq']>;

const MAX_REPLY_BYTES = 64 * 1024;

/** The AI system's own health protocol: a JSON request, and a status among the healthy ones in the JSON reply. */
export async function checkZmq(
  check: ZmqCheck,
  { target, open, signal }: CheckContext,
): Promise<ProbeOutcome> {
  const route = await open(target, portOf(target, check.port), signal);
  try {
    const reply = await ask(route, check, signal);
    return reply === undefined ? failure(await whySilent(route)) : judge(reply, check, route.where);
  } finally {
    route.close();
  }
}

/** `undefined` when the signal came before the reply. */
async function ask(route: Route, check: ZmqCheck, signal: AbortSignal): Promise<string | undefined> {
  const socket = await newSocket(route);
  // The signal is the only clock: it covers connect, send and receive, and closing ends whichever waits.
  const close = (): void => socket.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) return undefined;
    socket.connect('path' in route.connect ? `ipc://${route.connect.path}` : tcpEndpoint(route.connect));
    await socket.send(JSON.stringify(check.request));
    const [reply] = await socket.receive();
    return reply?.toString('utf8') ?? '';
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
    socket.close();
  }
}

const tcpEndpoint = ({ host, port }: { host: string; port: number }): string =>
  `tcp://${hostAndPort(host, port)}`;

/** Fresh for every probe: a REQ socket whose request got no reply refuses the next one for ever (EFSM). */
async function newSocket(route: Route): Promise<Request> {
  // Here and not at the top: the native library costs 11 ms and 8 MB, and most commands never probe.
  const zeromq = await import('zeromq');
  const ipv6 = 'host' in route.connect && route.connect.host.includes(':');
  return new zeromq.Request({ linger: 0, maxMessageSize: MAX_REPLY_BYTES, ipv6 });
}

function judge(reply: string, { statusKey, healthy }: ZmqCheck, where: string): ProbeOutcome {
  const fields = parse(reply);
  if (fields === undefined) return failure(`${where}: the reply is not a JSON object: ${reply}`);
  const status = Object.hasOwn(fields, statusKey) ? fields[statusKey] : undefined;
  if (status === undefined) return failure(`${where}: the reply has no "${statusKey}": ${reply}`);
  const word = typeof status === 'string' ? status : JSON.stringify(status);
  const accepted = healthy.some((one) => one.toLowerCase() === word.toLowerCase());
  return accepted
    ? success(word)
    : failure(`${where}: ${statusKey} is ${word}, not one of ${healthy.join(', ')}`);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** ZeroMQ keeps a refused connection to itself and tries again; a person wants to know which it was. */
async function whySilent(route: Route): Promise<string> {
  const silent = `${route.where} did not answer the request in time`;
  if ('path' in route.connect) return silent;
  try {
    (await dial(route, AbortSignal.timeout(100))).destroy();
    return silent;
  } catch {
    return `${route.where}: no connection in time: nothing answers there`;
  }
}
