const NEWLINE = 0x0a;

/**
 * Cuts bytes into lines, over the borders of what is pushed. A line longer than the limit comes in pieces: what a
 * container prints must not fill our memory.
 */
export interface LineCutter {
  push(data: Buffer): string[];
  /** What came after the last newline, if anything. */
  end(): string[];
}

export function createLineCutter(limitBytes: number): LineCutter {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(data) {
      rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
      const lines: string[] = [];
      for (;;) {
        const newline = rest.indexOf(NEWLINE);
        if (newline < 0 && rest.length <= limitBytes) return lines;
        const end = newline < 0 || newline > limitBytes ? limitBytes : newline;
        lines.push(textOf(rest.subarray(0, end)));
        rest = rest.subarray(end === newline ? end + 1 : end);
      }
    },
    end() {
      const last = rest;
      rest = Buffer.alloc(0);
      return last.length === 0 ? [] : [textOf(last)];
    },
  };
}

const textOf = (bytes: Buffer): string => bytes.toString('utf8').replace(/\r$/, '');

/** @throws SyntaxError for a line that is no JSON */
export async function* readJsonLines<T>(
  chunks: AsyncIterable<Buffer>,
  limitBytes: number,
): AsyncGenerator<T, void, undefined> {
  const cutter = createLineCutter(limitBytes);
  for await (const chunk of chunks) yield* parsed<T>(cutter.push(chunk));
  yield* parsed<T>(cutter.end());
}

const parsed = <T>(lines: readonly string[]): T[] =>
  lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as T);
