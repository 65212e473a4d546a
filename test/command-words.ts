/** What a person is told instead: how to ask, and what was wrong with the words. */
export interface Help {
  readonly type: 'Help';
  readonly complaint?: string;
}

export const helpAfter = (error: unknown): Help => ({
  type: 'Help',
  complaint: error instanceof Error ? error.message : String(error),
});

/** Returns the exit code. */
export function explain(usage: string, { complaint }: Help): number {
  if (complaint === undefined) console.log(usage);
  else console.error(`${complaint}\n${usage}`);
  return complaint === undefined ? 0 : 2;
}

/** Throws with words for a person. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`"${text}" is not a whole number`);
}
