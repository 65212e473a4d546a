/**
 * C0 without tab and newline, DEL, C1, and the characters that reorder a line: a container's output or a manifest's
 * text could move the cursor, set the title or disguise a word with them.
 */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text of others made safe for a terminal: what could act on it shows as `\u001b`, also valid within JSON. */
export const printable = (text: string): string =>
  text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
