import type { Context } from './context.ts';

export interface Input {
  /** Positional arguments in their order, the variadic one's last. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

/** Returns the exit code. */
export type Action = (context: Context, input: Input) => Promise<number>;
