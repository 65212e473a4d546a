import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Probe } from '../api/probe.ts';
import { failure, success } from './outcome.ts';
import type { CheckContext, ProbeOutcome } from './probe.ts';
import { decodeHealthResponse, encodeHealthRequest } from './protobuf.ts';
import { dial, portOf } from './route.ts';

const MAX_REPLY_BYTES = 64 * 1024;
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;
const UNIMPLEMENTED = '12';

interface Reply {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** `grpc.health.v1.Health/Check` without TLS, as the kubelet: only `SERVING` is success. */
export async function checkGrpc(
  check: NonNullable<Probe['grpc']>,
  { target, open, signal }: CheckContext,
): Promise<ProbeOutcome> {
  // Here and not at the top: only agents with gRPC probes pay for HTTP/2's memory.
  const http2 = await import('node:http2');
  const route = await open(target, portOf(target, check.port), signal);
  try {
    const socket = await dial(route, signal);
    const session = http2.connect(`http://${route.where}`, { createConnection: () => socket });
    const stop = (): void => session.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return judge(await callHealth(session, check.service), route.where);
    } finally {
      signal.removeEventListener('abort', stop);
      session.destroy();
      socket.destroy();
    }
  } finally {
    route.close();
  }
}

function judge({ headers, body }: Reply, where: string): ProbeOutcome {
  const code = headers['grpc-status'];
  if (code === UNIMPLEMENTED) return failure(`${where} does not implement grpc.health.v1.Health`);
  if (code === undefined)
    return failure(`${where}: HTTP ${String(headers[':status'])} without a gRPC status`);
  if (code !== '0')
    return failure(`${where}: gRPC status ${String(code)}: ${String(headers['grpc-message'] ?? '')}`);
  const status = decodeHealthResponse(body);
  if (status === undefined) return failure(`${where}: the reply is not a HealthCheckResponse`);
  return status === SERVING
    ? success('SERVING')
    : failure(`${where}: ${STATUSES[status] ?? `status ${status}`}`);
}

function callHealth(session: ClientHttp2Session, service: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', reject);
    collect(stream, resolve, reject);
    stream.end(encodeHealthRequest(service));
  });
}

function collect(
  stream: ClientHttp2Stream,
  resolve: (reply: Reply) => void,
  reject: (error: Error) => void,
): void {
  let headers: IncomingHttpHeaders = {};
  let bytes = 0;
  const chunks: Buffer[] = [];
  stream.on('response', (initial) => (headers = { ...headers, ...initial }));
  stream.on('trailers', (trailers) => (headers = { ...headers, ...trailers }));
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > MAX_REPLY_BYTES)
      reject(Object.assign(new Error(`a reply above ${MAX_REPLY_BYTES} bytes`), { code: 'EMSGSIZE' }));
  });
  stream.on('close', () =>
    headers[':status'] === undefined
      ? reject(closedEarly())
      : resolve({ headers, body: Buffer.concat(chunks) }),
  );
}

const closedEarly = (): Error => Object.assign(new Error('closed before the answer'), { code: 'ECONNRESET' });
