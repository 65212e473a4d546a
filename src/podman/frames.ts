/** One piece of a container's output, as Podman multiplexes it: 8 bytes of header (stream, length), then the bytes. */
export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

const HEADER_BYTES = 8;
/** conmon hands over at most 32 KiB at once; a longer frame means that the stream is not what we think. */
const FRAME_LIMIT_BYTES = 16 * 1024 * 1024;
const STDOUT = 1;
/** Podman's own errors come on a stream of their own, 3. */
const LAST_STREAM = 3;

/** @throws Error when the bytes are no frames */
export async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + frameLength(rest);
      if (rest.length < end) break;
      yield {
        stream: (rest[0] ?? 0) <= STDOUT ? 'stdout' : 'stderr',
        data: rest.subarray(HEADER_BYTES, end),
      };
      rest = rest.subarray(end);
    }
  }
}

function frameLength(header: Buffer): number {
  const length = header.readUInt32BE(4);
  if ((header[0] ?? 0) > LAST_STREAM || length > FRAME_LIMIT_BYTES) {
    throw new Error("Podman's output stream is not made of frames; was the container made with a terminal?");
  }
  return length;
}
