import { pino } from 'pino';
import type { LogFormat, LogLevel } from './config.ts';
import type { Log } from './manager/reconciler.ts';
import { redact } from './redact.ts';
import { printable } from './terminal.ts';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly colour: boolean;
  /** Whole lines, as they come: `process.stderr.write` is synchronous for files, terminals and pipes on Linux. */
  readonly write: (text: string) => void;
}

/** One line an entry; nothing in it is a secret's value, and no character of it acts on a terminal. */
export function createLog({ level, format, colour, write }: LogOptions): Log {
  const show = SHOWN[format];
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
    },
    { write: (line: string) => write(show(line, colour)) },
  );
}

const SHOWN: Readonly<Record<LogFormat, (line: string, colour: boolean) => string>> = {
  json: printable,
  human: humanLine,
  journal: journalLine,
};

/** As pino writes it with the options above. */
interface Entry {
  readonly level: LogLevel;
  readonly time: string;
  readonly msg: string;
  readonly err?: unknown;
  readonly [field: string]: unknown;
}

const COLOUR_BY_LEVEL: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 };

/**
 * `14:03:07 WARN  message  object=Agent/ai-system/coordinator`, then the stack of an error. Only an entry starts at the
 * margin: what others say cannot pass for one.
 */
function humanLine(line: string, colour: boolean): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Entry;
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const details = detailsOf(fields);
  const head = [
    paint(90, time.slice(11, 19)),
    paint(COLOUR_BY_LEVEL[level], level.toUpperCase().padEnd(5)),
    printable(msg).replace(/\n/g, '\n  '),
    ...(details.length > 0 ? [paint(90, printable(details.join(' ')))] : []),
  ];
  return `${head.join(' ')}\n${stackText(err)}`;
}

/** syslog's numbers, as sd-daemon(3) wants them before a line. */
const PRIORITY_BY_LEVEL: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** `<4>message object=Agent/ai-system/coordinator`, every line with its level: the journal takes each by itself. */
function journalLine(line: string): string {
  const { level, time: _, msg, err, ...fields } = JSON.parse(line) as Entry;
  const text = `${[msg, ...detailsOf(fields)].map(printable).join(' ')}\n${stackText(err)}`;
  return text.replaceAll(/^(?=.)/gm, `<${PRIORITY_BY_LEVEL[level]}>`);
}

const detailsOf = (fields: object): string[] =>
  Object.entries(fields).map(([field, value]) => `${field}=${fieldText(value)}`);

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function stackText(err: unknown): string {
  if (typeof err !== 'object' || err === null || !('stack' in err)) return '';
  return String(err.stack)
    .split('\n')
    .map((line) => `  ${printable(line.trimStart())}\n`)
    .join('');
}
