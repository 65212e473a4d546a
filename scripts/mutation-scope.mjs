/** What a change touched, as Stryker wants it: `src/plan/graph.ts:12-15`. @param {string} diff @returns {string[]} */
export function rangesOf(diff) {
  let file = '';
  return diff.split('\n').flatMap((line) => {
    file = /^\+\+\+ b\/(.*\.ts)$/.exec(line)?.[1] ?? file;
    const [, start, count = '1'] = /^@@ \S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    return start === undefined || count === '0'
      ? []
      : [`${file}:${start}-${Number(start) + Number(count) - 1}`];
  });
}

/**
 * Files one after the other, in rounds of so many bytes at most; one that is larger is a round of its own.
 * @param {readonly { readonly file: string, readonly bytes: number }[]} sized
 * @param {number} roundBytes
 * @returns {string[][]}
 */
export function roundsOf(sized, roundBytes) {
  /** @type {string[][]} */
  const rounds = [];
  let left = 0;
  for (const { file, bytes } of sized) {
    const round = rounds.at(-1);
    if (round && bytes <= left) round.push(file);
    else {
      rounds.push([file]);
      left = roundBytes;
    }
    left -= bytes;
  }
  return rounds;
}
