import type { OptionDefinition } from './option-definition.ts';

export type CommandName =
  | 'run'
  | 'service'
  | 'doctor'
  | 'apply'
  | 'plan'
  | 'validate'
  | 'get'
  | 'describe'
  | 'rollout'
  | 'why'
  | 'diff'
  | 'suspend'
  | 'resume'
  | 'logs'
  | 'events'
  | 'graph'
  | 'crds'
  | 'secrets'
  | 'status'
  | 'sync'
  | 'prune'
  | 'volume'
  | 'version'
  | 'completion';

export interface CommandDefinition {
  readonly name: CommandName;
  readonly summary: string;
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options?: readonly OptionDefinition[];
  /** A command line, and what it is good for. */
  readonly examples: readonly (readonly [string, string])[];
  readonly exitCodes?: string;
}
