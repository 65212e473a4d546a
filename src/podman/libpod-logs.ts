import type { Dial, Query } from './dial.ts';
import { type Frame, readFrames } from './frames.ts';
import { containerPath } from './inspect-container.ts';
import { createLineCutter, type LineCutter } from './lines.ts';
import type { LogLine, LogOptions, Podman } from './podman.ts';

/** A longer line comes in pieces. */
const LINE_LIMIT_BYTES = 64 * 1024;

export function logCalls(dial: Dial): Pick<Podman, 'logs'> {
  return { logs: (name, options, signal) => readLogs(dial, name, options, signal) };
}

/** Ends with the log, with the container when it follows, or when the signal says so. */
async function* readLogs(
  dial: Dial,
  name: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  // A followed log of a silent container has no head before its first line: no timeout but the caller's.
  const chunks = dial.stream({
    method: 'GET',
    path: `${containerPath(name)}/logs`,
    query: logQuery(options),
    what: `read the log of container ${name}`,
    signal,
  });
  try {
    yield* logLines(readFrames(chunks), options.timestamps);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const logQuery = (options: LogOptions): Query => ({
  stdout: true,
  stderr: true,
  follow: options.follow,
  timestamps: options.timestamps,
  ...(options.tailLines === undefined ? {} : { tail: options.tailLines }),
  ...(options.sinceMs === undefined ? {} : { since: (options.sinceMs / 1_000).toFixed(3) }),
});

/** The two streams are cut apart: a line that is not yet whole on one must not swallow a line of the other. */
export async function* logLines(
  frames: AsyncIterable<Frame>,
  timestamps: boolean,
): AsyncGenerator<LogLine, void, undefined> {
  const streams = { stdout: newStream(), stderr: newStream() };
  for await (const frame of frames) {
    const stream = streams[frame.stream];
    const { data, atMs } = timestamps ? splitTimestamp(frame.data) : { data: frame.data, atMs: undefined };
    // A line's time is that of its first piece.
    stream.atMs ??= atMs;
    for (const text of stream.cutter.push(data)) {
      yield logLine(frame.stream, text, stream.atMs);
      stream.atMs = undefined;
    }
  }
  for (const name of ['stdout', 'stderr'] as const) {
    for (const text of streams[name].cutter.end()) yield logLine(name, text, streams[name].atMs);
  }
}

interface LineStream {
  readonly cutter: LineCutter;
  atMs: number | undefined;
}

const newStream = (): LineStream => ({ cutter: createLineCutter(LINE_LIMIT_BYTES), atMs: undefined });

const logLine = (stream: LogLine['stream'], text: string, atMs: number | undefined): LogLine => ({
  stream,
  text,
  ...(atMs === undefined ? {} : { atMs }),
});

const BLANK = 0x20;

/** Podman writes `2026-01-02T03:04:05Z ` before each frame, also before the later pieces of one long line. */
function splitTimestamp(data: Buffer): { readonly data: Buffer; readonly atMs: number | undefined } {
  const blank = data.indexOf(BLANK);
  const atMs = Date.parse(data.subarray(0, Math.max(0, blank)).toString('latin1'));
  return Number.isNaN(atMs) ? { data, atMs: undefined } : { data: data.subarray(blank + 1), atMs };
}
