/**
 * The two messages of grpc.health.v1, by hand: `HealthCheckRequest {string service = 1}` and
 * `HealthCheckResponse {ServingStatus status = 1}`, in gRPC's frame of one flag byte and four bytes of length.
 */
const FRAME_HEADER_BYTES = 5;
const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0
      ? name
      : Buffer.concat([Buffer.from([(1 << 3) | WIRE_BYTES, ...varint(name.length)]), name]);
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** The serving status (0 when the message leaves it out), or undefined when the bytes are no such reply. */
export function decodeHealthResponse(frame: Buffer): number | undefined {
  if (frame.length < FRAME_HEADER_BYTES || frame[0] !== 0) return undefined;
  const end = FRAME_HEADER_BYTES + frame.readUInt32BE(1);
  return end <= frame.length ? statusIn(frame.subarray(FRAME_HEADER_BYTES, end)) : undefined;
}

function statusIn(message: Buffer): number | undefined {
  let status = 0;
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    if (tag === undefined) return undefined;
    const wire = tag.value & 7;
    const value = wire === WIRE_VARINT || wire === WIRE_BYTES ? readVarint(message, tag.end) : undefined;
    if (wire === WIRE_VARINT && value !== undefined && tag.value >>> 3 === 1) status = value.value;
    const end = fieldEnd(wire, tag.end, value);
    if (end === undefined || end > message.length) return undefined;
    at = end;
  }
  return status;
}

/** Unknown fields are skipped: a newer server may send more. */
function fieldEnd(wire: number, start: number, value: Varint | undefined): number | undefined {
  const fixed = FIXED_BYTES[wire];
  if (fixed !== undefined) return start + fixed;
  if (value === undefined) return undefined;
  return wire === WIRE_BYTES ? value.end + value.value : value.end;
}

interface Varint {
  readonly value: number;
  /** Index after its last byte. */
  readonly end: number;
}

/** At most 5 bytes: a status, a tag or a length beyond 32 bits is garbage here. */
function readVarint(bytes: Buffer, start: number): Varint | undefined {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  return undefined;
}
