import { Session } from 'node:inspector';

/** Blocks of code by the places where they start and end; V8 counts them itself, so nothing is instrumented. */
export interface Coverage {
  /** From now on; V8 runs code that it counts in without optimizing it, five times as slowly. */
  start(): void;
  stop(): void;
  /** Blocks that ran since the last question. */
  blocks(): string[];
  /** Those of them that never ran before. */
  fresh(): Set<string>;
  /** All so far. */
  total(): number;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

/** Counts in the script whose address ends so. */
export function createCoverage(end: string): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  const seen = new Set<string>();
  const read = (): readonly ScriptCoverage[] => {
    let result: readonly ScriptCoverage[] = [];
    session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error;
      result = answer.result;
    });
    return result;
  };
  const blocks = (): string[] =>
    read()
      .filter(({ url }) => url.endsWith(end))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .flatMap(({ startOffset, endOffset, count }) => (count > 0 ? [`${startOffset}:${endOffset}`] : []));
  return {
    start: () => session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true }),
    stop: () => session.post('Profiler.stopPreciseCoverage'),
    blocks,
    fresh: () => {
      const fresh = new Set(blocks().filter((block) => !seen.has(block)));
      for (const block of fresh) seen.add(block);
      return fresh;
    },
    total: () => seen.size,
  };
}
