import { stripVTControlCharacters } from 'node:util';
import type { Action, Input } from '../action.ts';
import { kindNames } from '../../api/kind-names.ts';
import { printable } from '../../terminal.ts';
import { createApiClient } from '../api-client.ts';
import { agentLines, type LogLine, type LogQuery } from '../agent-lines.ts';
import type { Context } from '../context.ts';
import { parseDurationMs } from '../duration.ts';
import { CliError, explain } from '../errors.ts';
import { agentName } from '../find-agent.ts';
import { findObject, type ObjectList } from '../find-object.ts';
import { mergeByTime } from '../merge-lines.ts';
import { type Colour, createPaint } from '../paint.ts';
import { objectsPath } from '../paths.ts';
import { pad, displayWidth } from '../width.ts';

export const logs: Action = async (context, { args, options }) => {
  const names = await namesOf(context, args, options['all'] === true);
  const query = queryOf(options, names.length > 1);
  const several = names.length > 1;
  const failures: Error[] = [];
  const streams = names.map((name) => ({ name, lines: agentLines(context, name, query) }));
  const print = printerFor(context, names, {
    several,
    timestamps: options['timestamps'] === true,
    raw: options['raw'] === true,
  });
  const onFailure = (name: string, error: unknown): void => {
    failures.push(error instanceof Error ? error : new Error(String(error)));
    if (several) context.terminal.err(`rookery: ${name}: ${printable(explain(error))}\n`);
  };
  if (query.follow) {
    await Promise.all(
      streams.map(({ name, lines }) =>
        drain(lines, (line) => print(name, line)).catch((error: unknown) => onFailure(name, error)),
      ),
    );
  } else {
    for await (const { name, line } of mergeByTime(streams, onFailure)) print(name, line);
  }
  const [failure] = failures;
  if (failure && !several) throw failure;
  return failures.length > 0 ? 1 : 0;
};

async function drain(lines: AsyncIterable<LogLine>, print: (line: LogLine) => void): Promise<void> {
  for await (const line of lines) print(line);
}

async function namesOf(context: Context, args: readonly string[], all: boolean): Promise<string[]> {
  const { namespace, apiSocketPath } = context.config;
  const api = createApiClient(apiSocketPath);
  if (all) {
    const { items } = await api.get<ObjectList>(objectsPath(kindNames.Agent, namespace));
    if (items.length === 0) throw new CliError(`no agents in namespace "${namespace}"; choose one with -n`);
    return items.map(({ metadata }) => metadata.name).sort();
  }
  if (args.length === 0) throw new CliError('name an agent, or use --all');
  const names = args.map(agentName);
  for (const name of names) await findObject(api, { kind: kindNames.Agent, namespace, name });
  return [...new Set(names)];
}

function queryOf(options: Input['options'], several: boolean): LogQuery {
  const { tail, since } = options;
  if (typeof tail === 'string' && !/^\d+$/.test(tail))
    throw new CliError(`--tail "${tail}": must be a number of lines`);
  const follow = options['follow'] === true;
  return {
    follow,
    previous: options['previous'] === true,
    // To merge by, to go on after a restart, or to show.
    timestamps: follow || several || options['timestamps'] === true,
    ...(typeof tail === 'string' && { tailLines: Number(tail) }),
    ...(typeof since === 'string' && { sinceSeconds: Math.ceil(parseDurationMs(since, '--since') / 1_000) }),
  };
}

interface Shown {
  readonly several: boolean;
  readonly timestamps: boolean;
  /** As the agent wrote it, whatever that does to a terminal. */
  readonly raw: boolean;
}

/** Colours go, so that words stay readable; whatever else could act on a terminal is shown instead. */
const harmless = (text: string): string => printable(stripVTControlCharacters(text));

const COLOURS: readonly Colour[] = ['cyan', 'green', 'yellow', 'magenta', 'blue'];

function printerFor(
  { terminal, config }: Context,
  names: readonly string[],
  { several, timestamps, raw }: Shown,
): (name: string, line: LogLine) => void {
  const paint = createPaint(config.colour);
  const width = Math.max(...names.map(displayWidth));
  const prefixes = new Map(
    names.map((name, index) => [
      name,
      paint(COLOURS[index % COLOURS.length] ?? 'plain', `${pad(name, width)} | `),
    ]),
  );
  return (name, { at, text }) => {
    const prefix = several ? prefixes.get(name) : '';
    const time = timestamps && at !== undefined ? `${at} ` : '';
    terminal.out(`${prefix}${time}${raw ? text : harmless(text)}\n`);
  };
}
