import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFrames } from '../src/podman/frames.ts';
import { logLines } from '../src/podman/libpod-logs.ts';
import { createLineCutter, readJsonLines } from '../src/podman/lines.ts';
import type { LogLine } from '../src/podman/podman.ts';

const frame = (stream: number, text: string): Buffer => {
  const data = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
};

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    yield bytes.subarray(offset, offset + size);
    offset += size;
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const linesOf = (
  bytes: Buffer,
  timestamps = false,
  sizes: readonly number[] = [bytes.length],
): Promise<LogLine[]> => collect(logLines(readFrames(inPieces(bytes, sizes)), timestamps));

describe('a container’s output', () => {
  const output = Buffer.concat([
    frame(1, 'ein'),
    frame(2, 'fehler\n'),
    frame(1, 's: üñí\nzwei\n\n'),
    frame(3, 'Error: runc\n'),
    frame(1, 'ohne Ende'),
  ]);
  const lines = [
    { stream: 'stderr', text: 'fehler' },
    { stream: 'stdout', text: 'eins: üñí' },
    { stream: 'stdout', text: 'zwei' },
    { stream: 'stdout', text: '' },
    { stream: 'stderr', text: 'Error: runc' },
    { stream: 'stdout', text: 'ohne Ende' },
  ];

  test('comes in lines, wherever the network cut it', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(sizes, async (pieces) => {
        expect(await linesOf(output, false, pieces)).toEqual(lines);
      }),
      { numRuns: 50 },
    );
  });

  test('a long line that Podman stamps piece by piece has the first time, and no other', async () => {
    const bytes = Buffer.concat([
      frame(1, '2026-01-02T03:04:05Z begin'),
      frame(1, '2026-01-02T03:04:06Z , end\n'),
      frame(1, '2026-01-02T03:04:07.5Z next\n'),
    ]);
    expect(await linesOf(bytes, true)).toEqual([
      { stream: 'stdout', text: 'begin, end', atMs: Date.UTC(2026, 0, 2, 3, 4, 5) },
      { stream: 'stdout', text: 'next', atMs: Date.UTC(2026, 0, 2, 3, 4, 7, 500) },
    ]);
  });

  test('an endless line does not fill the memory: it comes in pieces', async () => {
    const bytes = Buffer.concat(Array.from({ length: 20 }, () => frame(1, 'x'.repeat(8_192))));
    const texts = (await linesOf(bytes)).map((line) => line.text);
    expect(texts.map((text) => text.length)).toEqual([65_536, 65_536, 32_768]);
  });

  test('bytes that are no frames are an error, not nonsense', async () => {
    await expect(linesOf(Buffer.from('plain text of a terminal'))).rejects.toThrow('terminal');
  });
});

describe('lines', () => {
  test('are cut at newlines, with and without carriage return', () => {
    const cutter = createLineCutter(100);
    expect(cutter.push(Buffer.from('a\r\nb'))).toEqual(['a']);
    expect(cutter.push(Buffer.from('c\n\nd'))).toEqual(['bc', '']);
    expect(cutter.end()).toEqual(['d']);
    expect(cutter.end()).toEqual([]);
  });

  test('of exactly the limit are whole', () => {
    const cutter = createLineCutter(3);
    expect(cutter.push(Buffer.from('abc\nabcd\n'))).toEqual(['abc', 'abc', 'd']);
  });

  test('of JSON are decoded over borders', async () => {
    const bytes = Buffer.from('{"a":"ü"}\n\n{"a":2}\n{"a":3}');
    expect(await collect(readJsonLines(inPieces(bytes, [1]), 100))).toEqual([{ a: 'ü' }, { a: 2 }, { a: 3 }]);
  });
});
