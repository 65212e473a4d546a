import type { Command, Option } from 'commander';
import { CliError } from './errors.ts';
import type { Input } from './action.ts';

const TRUE = new Set(['1', 'true', 'yes']);
const FALSE = new Set(['0', 'false', 'no']);

/** A command's own options, with `ROOKERY_…` for those the command line does not give. Throws `CliError`. */
export function readVariables(
  command: Command,
  variable: (name: string) => string | undefined,
): Input['options'] {
  const options: Record<string, string | boolean | readonly string[] | undefined> = { ...command.opts() };
  for (const option of command.options) {
    const name = variableOf(option);
    const text = variable(name);
    if (options[option.attributeName()] === undefined && text !== undefined)
      options[option.attributeName()] = parse(option, name, text);
  }
  return options;
}

export const variableOf = (option: Option): string =>
  `ROOKERY_${option.name().toUpperCase().replaceAll('-', '_')}`;

function parse(option: Option, name: string, text: string): string | boolean | readonly string[] {
  if (option.isBoolean()) {
    if (TRUE.has(text.toLowerCase())) return true;
    if (FALSE.has(text.toLowerCase())) return false;
    throw new CliError(`${name} "${text}": must be true or false`);
  }
  if (option.argChoices && !option.argChoices.includes(text))
    throw new CliError(`${name} "${text}": must be one of ${option.argChoices.join(', ')}`);
  // A parser that is not there for the choices adds values up: the option may be repeated.
  if (option.parseArg && !option.argChoices) return text.split(':').filter((part) => part !== '');
  return text;
}
