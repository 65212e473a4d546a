import type { Log } from '../manager/reconciler.ts';
import type { Context } from './context.ts';

/** For a person who waits: warnings on a terminal, everything that was asked for in a file or pipe. */
export function createWarningLog({ terminal, services, config }: Context): Promise<Log> {
  const quiet = terminal.errIsTTY && config.logLevel === 'info';
  return services.createLog({
    level: quiet ? 'warn' : config.logLevel,
    format: config.logFormat,
    colour: config.colour,
    write: (text) => terminal.err(terminal.errIsTTY ? `\r\u001b[K${text}` : text),
  });
}
