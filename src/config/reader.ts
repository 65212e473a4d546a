import { withoutUserinfo } from '../api/git-url.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting {
  readonly flag: string;
  readonly value: string | undefined;
  /** In the order in which they are asked; an empty one counts as unset. */
  readonly variables: readonly string[];
}

export type Read = <T, F>(setting: Setting, parse: (text: string) => T, fallback: F) => T | F;

/** Several values of one variable have colons between them. */
export const severalOf = (text = ''): string[] => text.split(':').filter((part) => part !== '');

/** Collects what is wrong instead of throwing, so that a person sees all of it at once. */
export const createReader =
  (env: Environment, problems: string[]): Read =>
  ({ flag, value, variables }, parse, fallback) => {
    const variable = variables.find((name) => env[name]);
    const text = value ?? (variable && env[variable]);
    if (text === undefined) return fallback;
    try {
      if (text === '') throw new Error('must not be empty');
      return parse(text);
    } catch (error) {
      const name = value === undefined ? variable : flag;
      problems.push(`${name} "${withoutUserinfo(text)}": ${(error as Error).message}`);
      return fallback;
    }
  };

export const oneOf =
  <T extends string>(choices: readonly T[]) =>
  (text: string): T => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new Error(`must be one of ${choices.join(', ')}`);
    return choice;
  };

export const wholeNumber =
  ({ from, to }: { readonly from: number; readonly to: number }) =>
  (text: string): number => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= from && number <= to)) throw new Error(`must be a whole number from ${from} to ${to}`);
    return number;
  };
