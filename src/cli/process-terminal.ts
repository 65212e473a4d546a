import type { Terminal } from './context.ts';

const DEFAULT_SIZE = { columns: 80, rows: 24 };
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The process's own streams and signals. */
export function createTerminal(): Terminal {
  const { stdout, stderr } = process;
  // A reader that has seen enough (`rookery logs x | head`) is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTTY: stdout.isTTY,
    errIsTTY: stderr.isTTY,
    size: () =>
      stdout.isTTY
        ? { columns: stdout.columns || DEFAULT_SIZE.columns, rows: stdout.rows || DEFAULT_SIZE.rows }
        : DEFAULT_SIZE,
    onResize: (callback) => {
      stdout.on('resize', callback);
      return () => void stdout.off('resize', callback);
    },
    onInterrupt: (callback) => {
      for (const signal of SIGNALS) process.on(signal, callback);
      return () => {
        for (const signal of SIGNALS) process.off(signal, callback);
      };
    },
    exit: (code) => process.exit(code),
  };
}
