import { writeSync } from 'node:fs';
import type { Terminal } from './context.ts';

const DEFAULT_SIZE = { columns: 80, rows: 24 };
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The process's own streams and signals. */
export function createTerminal(): Terminal {
  const { stdout, stderr } = process;
  // A reader that has seen enough (`rookery logs x | head`) is no failure; a full disk ends no controller.
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0);
    if (process.listenerCount('SIGTERM') === 0) process.exit(1);
  });
  stderr.on('error', () => undefined);
  return {
    out: (text) => write(stdout, text),
    err: (text) => write(stderr, text),
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
      const handlers = SIGNALS.map((signal) => [signal, () => callback(signal)] as const);
      for (const [signal, handler] of handlers) process.on(signal, handler);
      return () => {
        for (const [signal, handler] of handlers) process.off(signal, handler);
      };
    },
    exit: (code) => process.exit(code),
  };
}

type Output = Pick<typeof process.stdout, 'writable' | 'write'> & { readonly fd: number };

/** A stream takes nothing more after its first error; the disk that was full may have room again. */
function write(stream: Output, text: string): void {
  if (stream.writable) return void stream.write(text);
  try {
    writeSync(stream.fd, text);
  } catch {
    // There is no place left to tell it.
  }
}
