/** One thing in a tar archive. Owners are root: what is copied into an image belongs to root anyway. */
export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly sizeBytes: number;
  readonly linkTarget?: string;
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
/** The most that 11 octal digits can say. */
const OCTAL_SIZE_LIMIT = 8 ** 11 - 1;
const TYPE_FLAGS = { file: '0', symlink: '2', directory: '5', extended: 'x' } as const;

export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** What an entry's bytes are filled up with to the next block. */
export const tarPadding = (sizeBytes: number): Buffer =>
  Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);

/** The header of an entry; what ustar cannot say (long or non-ASCII names, huge files) goes into a pax header before it. */
export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.type === 'directory' ? `${entry.path}/` : entry.path;
  const extended = [
    ...(fits(path) ? [] : [paxRecord('path', path)]),
    ...(fits(entry.linkTarget ?? '') ? [] : [paxRecord('linkpath', entry.linkTarget ?? '')]),
    ...(entry.sizeBytes <= OCTAL_SIZE_LIMIT ? [] : [paxRecord('size', String(entry.sizeBytes))]),
  ];
  const header = ustarHeader({ ...entry, path, flag: TYPE_FLAGS[entry.type] });
  return extended.length === 0 ? header : Buffer.concat([paxHeader(entry, extended), header]);
}

const fits = (name: string): boolean => Buffer.byteLength(name) === name.length && name.length <= NAME_BYTES;

function paxHeader(entry: TarEntry, records: readonly Buffer[]): Buffer {
  const body = Buffer.concat(records);
  const header = ustarHeader({
    path: 'PaxHeader',
    flag: TYPE_FLAGS.extended,
    mode: 0o644,
    mtimeSeconds: entry.mtimeSeconds,
    sizeBytes: body.length,
  });
  return Buffer.concat([header, body, tarPadding(body.length)]);
}

/** A record starts with its own length, which includes the digits of that length. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

interface UstarFields {
  readonly path: string;
  readonly flag: string;
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly sizeBytes: number;
  readonly linkTarget?: string;
}

function ustarHeader(fields: UstarFields): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, width: number): void => {
    header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, width, 'latin1');
  };
  header.write(fields.path, 0, NAME_BYTES);
  octal(fields.mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(Math.min(fields.sizeBytes, OCTAL_SIZE_LIMIT), 124, 12);
  octal(Math.max(0, Math.floor(fields.mtimeSeconds)), 136, 12);
  header.write(fields.flag, 156, 1);
  header.write(fields.linkTarget ?? '', 157, NAME_BYTES);
  header.write('ustar\x0000', 257, 8, 'latin1');
  header.fill(' ', 148, 156);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return header;
}
