import type { OptionDefinition } from './option-definition.ts';

export const output = (choices: readonly string[]): OptionDefinition => ({
  flags: '-o, --output <format>',
  description: 'output format',
  choices,
});

export const approvePrune: OptionDefinition = {
  flags: '--approve-prune',
  description: 'allow the deletions that the prune guard holds back',
};
