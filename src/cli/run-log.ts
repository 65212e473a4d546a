import type { Log } from '../manager/reconciler.ts';
import type { Context } from './context.ts';

export interface RunLog {
  readonly log: Log;
  readonly warnings: Warnings;
  /** The live table is gone: what comes now goes to standard error. */
  settle(): void;
}

export interface Warnings {
  newest(): readonly string[];
  onChange(callback: () => void): void;
}

const MOST_KEPT = 20;
const NONE: Warnings = { newest: () => [], onChange: () => undefined };

/** The log of `run`: to standard error; beneath a live table that shares its terminal only warnings, as part of it. */
export async function createRunLog(context: Context, live: boolean): Promise<RunLog> {
  const { terminal, services, config } = context;
  const toStandardError = await services.createLog({
    level: config.logLevel,
    format: config.logFormat,
    colour: config.colour && terminal.errIsTTY,
    write: (text) => terminal.err(text),
  });
  if (!live) return { log: toStandardError, warnings: NONE, settle: () => undefined };

  const kept: string[] = [];
  let isLive = true;
  let changed: () => void = () => undefined;
  const beneath = await services.createLog({
    level: 'warn',
    format: 'human',
    colour: false,
    write: (text) => {
      kept.push(text.split('\n')[0] ?? '');
      kept.splice(0, kept.length - MOST_KEPT);
      changed();
    },
  });
  const log = (level: keyof Log) => (fields: object, message: string) => {
    if (isLive) beneath[level](fields, message);
    if (!isLive || !terminal.errIsTTY) toStandardError[level](fields, message);
  };
  return {
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    warnings: { newest: () => kept, onChange: (callback) => void (changed = callback) },
    settle: () => void (isLive = false),
  };
}
