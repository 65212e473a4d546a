import type { OptionDefinition } from './option-definition.ts';
import { interval, sourceOptions, webhook } from './source-options.ts';

const notify: OptionDefinition = {
  flags: '--notify <file>',
  description: 'whom to tell when an agent is in trouble and when it is well again, as JSON',
};

const maxConcurrentRollouts: OptionDefinition = {
  flags: '--max-concurrent-rollouts <number>',
  description: 'updates of serving agents that may be under way at once in a namespace (default: 4)',
};

const syncWindow: OptionDefinition = {
  flags: '--sync-window <window>',
  repeatable: true,
  description:
    'when what is new is applied, such as "allow 0 22 * * 1-5 for 8h in Europe/Berlin"; deny beats allow; may be repeated (default: always)',
};

/** Of `run` alone, and of the service that is to run it. */
export const runOptions: readonly OptionDefinition[] = [
  ...sourceOptions,
  interval,
  ...webhook,
  syncWindow,
  notify,
  maxConcurrentRollouts,
];
