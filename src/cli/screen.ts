import type { Terminal } from './context.ts';

const ESCAPE = '\u001b';
const HIDE_CURSOR = `${ESCAPE}[?25l`;
const SHOW_CURSOR = `${ESCAPE}[?25h`;
const CLEAR_DOWN = `${ESCAPE}[J`;
const CLEAR_TO_END_OF_LINE = `${ESCAPE}[K`;
const CLEAR_SCREEN = `${ESCAPE}[H${ESCAPE}[2J`;

export interface Screen {
  draw(lines: readonly string[]): void;
  /** After a resize nobody knows where the old lines went: start on an empty screen. */
  clear(): void;
  /** Leaves the last picture where it is. */
  end(): void;
}

/** Rewrites the same lines in place; everything above them stays in the terminal's history. */
export function createScreen(terminal: Terminal): Screen {
  let height = 0;
  let isHidden = false;
  return {
    draw: (lines) => {
      const start = isHidden ? '' : HIDE_CURSOR;
      const back = height > 0 ? `${ESCAPE}[${height}A` : '';
      const body = lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('');
      isHidden = true;
      height = lines.length;
      terminal.out(`${start}\r${back}${body}${CLEAR_DOWN}`);
    },
    clear: () => {
      height = 0;
      terminal.out(CLEAR_SCREEN);
    },
    end: () => {
      if (isHidden) terminal.out(SHOW_CURSOR);
      isHidden = false;
    },
  };
}
