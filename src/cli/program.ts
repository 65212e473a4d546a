import { Command, CommanderError, Option } from 'commander';
import type { Flags } from '../config.ts';
import { printable } from '../terminal.ts';
import type { Services, Terminal } from './context.ts';
import { type CommandDefinition, commands, globalOptions, type OptionDefinition } from './definitions.ts';
import { actions } from './actions.ts';
import { CliError, explain } from './errors.ts';
import { readVariables } from './variables.ts';
import packageJson from '../../package.json' with { type: 'json' };

/** The whole command line: parses `argv`, runs one command, returns the exit code. Never throws. */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal,
  services: Services,
): Promise<number> {
  const outcome = { exitCode: 0 };
  const program = createProgram(async (definition, command) => {
    outcome.exitCode = await carryOut(definition, command, { terminal, services });
  });
  program.exitOverride().configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    if (argv[0] === 'complete') return await complete(program, argv, services);
    await program.parseAsync(argv.length === 0 ? ['help'] : argv, { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    terminal.err(`${printable(explain(error)).replace(/^/, 'rookery: ')}\n`);
    return 1;
  }
}

type Perform = (definition: CommandDefinition, command: Command) => Promise<void>;

export function createProgram(perform: Perform): Command {
  const program = new Command('rookery')
    .description('Keeps the containers of a directory of manifests running on Podman, as Kubernetes would.')
    .version(`rookery ${packageJson.version}`, '-V, --version', 'print the version')
    .usage('[options] <command>')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError(true)
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'rookery: ')) });
  for (const definition of globalOptions) program.addOption(optionOf(definition));
  program.addHelpText('after', `\n${VARIABLES_HINT}`);
  for (const definition of commands) addCommand(program, definition, perform);
  return addDelete(program);
}

const VARIABLES_HINT =
  'Every option is also read from the environment: --api-socket from ROOKERY_API_SOCKET, and so on.';

function optionOf({ flags, description, choices, repeatable }: OptionDefinition): Option {
  const option = new Option(flags, description);
  if (repeatable) option.argParser((value, given: string[] | undefined) => [...(given ?? []), value]);
  return choices ? option.choices(choices) : option;
}

function addCommand(program: Command, definition: CommandDefinition, perform: Perform): void {
  const command = program.command(definition.name).description(definition.summary);
  for (const { name, description } of definition.arguments ?? []) command.argument(name, description);
  for (const option of definition.options ?? []) command.addOption(optionOf(option));
  command.addHelpText('after', examplesOf(definition));
  command.action(() => perform(definition, command));
}

export const examplesOf = ({ examples, exitCodes }: CommandDefinition): string =>
  [
    '\nExamples:',
    ...examples.flatMap(([line, purpose]) => [`  # ${purpose}`, `  ${line}`]),
    ...(exitCodes === undefined ? [] : [`\nExit code: ${exitCodes}.`]),
  ].join('\n');

/** What a kubectl user reaches for: the files are the truth here. */
function addDelete(program: Command): Command {
  program
    .command('delete', { hidden: true })
    .argument('[anything...]')
    .allowUnknownOption()
    .action(() => {
      throw new CliError(
        'there is no delete: remove the object from its manifest file (or remove the file), and the controller removes it from Podman',
      );
    });
  return program;
}

interface Surroundings {
  readonly terminal: Terminal;
  readonly services: Services;
}

async function carryOut(
  definition: CommandDefinition,
  command: Command,
  { terminal, services }: Surroundings,
): Promise<number> {
  const options = readVariables(command, await services.variables());
  const config = await services.loadConfig(command.optsWithGlobals<Flags>());
  const action = await actions[definition.name]();
  return action({ terminal, services, config }, { args: command.args, options });
}

async function complete(program: Command, argv: readonly string[], services: Services): Promise<number> {
  const { answerCompletion } = await import('./commands/completion.ts');
  return answerCompletion(program, argv.slice(1), services);
}
