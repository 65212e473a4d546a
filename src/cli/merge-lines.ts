import type { LogLine } from './agent-lines.ts';

export interface NamedLines {
  readonly name: string;
  readonly lines: AsyncIterable<LogLine>;
}

interface NamedLine {
  readonly name: string;
  readonly line: LogLine;
}

/** Several ended logs as one in the order of their times, holding one line of each. */
export async function* mergeByTime(
  streams: readonly NamedLines[],
  onFailure: (name: string, error: unknown) => void,
): AsyncIterable<NamedLine> {
  const pull = async (name: string, iterator: AsyncIterator<LogLine>) => {
    try {
      const next = await iterator.next();
      return next.done === true ? undefined : { name, line: next.value, iterator };
    } catch (error) {
      onFailure(name, error);
      return undefined;
    }
  };
  const started = await Promise.all(
    streams.map(({ name, lines }) => pull(name, lines[Symbol.asyncIterator]())),
  );
  let heads = started.filter((head) => head !== undefined);
  while (heads.length > 0) {
    const oldest = heads.reduce((best, head) => ((head.line.at ?? '') < (best.line.at ?? '') ? head : best));
    yield { name: oldest.name, line: oldest.line };
    const next = await pull(oldest.name, oldest.iterator);
    heads = heads.flatMap((head) => (head === oldest ? (next ? [next] : []) : [head]));
  }
}
