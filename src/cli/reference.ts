import { type CommandDefinition, commands, globalOptions, type OptionDefinition } from './definitions.ts';

/** `docs/reference/cli.md`: every command with its options and examples, from what the parser itself is made of. */
export const commandReference = (): string =>
  [
    '# The command line',
    `Every option is also read from the environment: \`--api-socket\` from \`ROOKERY_API_SOCKET\`, and so on; an option on the command line wins. ${inWords(repeatable())} take several values from their variables with colons between them. Podman’s socket is also read from \`CONTAINER_HOST\`; \`NO_COLOR\` turns colours off.`,
    '## Options of every command',
    optionTable(globalOptions),
    ...commands.flatMap(section),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');

const repeatable = (): string[] => {
  const all = [...globalOptions, ...commands.flatMap(({ options = [] }) => options)];
  const names = all
    .filter((option) => option.repeatable)
    .map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] ?? flags);
  return [...new Set(names)].map((name) => `\`${name}\``);
};

const inWords = (names: readonly string[]): string => `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

function section(definition: CommandDefinition): string[] {
  const { name, summary, options = [], examples, exitCodes } = definition;
  const lines = examples.map(([line, purpose]) => `# ${purpose}\n${line}`).join('\n');
  return [
    `## rookery ${name}`,
    `\`${usageOf(definition)}\``,
    `${summary}.`,
    ...argumentLines(definition),
    ...(options.length > 0 ? [optionTable(options)] : []),
    `\`\`\`sh\n${lines}\n\`\`\``,
    ...(exitCodes === undefined ? [] : [`Exit code: ${exitCodes}.`]),
  ];
}

const usageOf = ({ name, arguments: words = [], options = [] }: CommandDefinition): string =>
  ['rookery', name, ...(options.length > 0 ? ['[options]'] : []), ...words.map((word) => word.name)].join(
    ' ',
  );

const argumentLines = ({ arguments: words = [] }: CommandDefinition): string[] =>
  words.length === 0
    ? []
    : [words.map(({ name, description }) => `- \`${name}\`: ${description}`).join('\n')];

function optionTable(options: readonly OptionDefinition[]): string {
  const rows = options.map(({ flags, description, choices }) => {
    const allowed = choices ? `: ${choices.join(', ')}` : '';
    return `| \`${flags}\` | ${description}${allowed} |`;
  });
  return ['| Option | Meaning |', '|---|---|', ...rows].join('\n');
}
