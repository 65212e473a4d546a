import type { Log } from '../../src/manager/reconciler.ts';

interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** Keeps what is said, for tests to read. */
export interface RecordingLog extends Log {
  readonly entries: readonly LogEntry[];
  /** `level message`, in order. */
  lines(): string[];
}

export function createRecordingLog(): RecordingLog {
  const entries: LogEntry[] = [];
  const at =
    (level: LogEntry['level']) =>
    (fields: object, message: string): void => {
      entries.push({ level, fields, message });
    };
  return {
    entries,
    lines: () => entries.map((entry) => `${entry.level} ${entry.message}`),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}
