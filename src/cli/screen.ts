import type { Terminal } from './context.ts';
import { displayWidth } from './width.ts';

const ESCAPE = '\u001b';
const HIDE_CURSOR = `${ESCAPE}[?25l`;
const SHOW_CURSOR = `${ESCAPE}[?25h`;
const CLEAR_DOWN = `${ESCAPE}[J`;
const CLEAR_TO_END_OF_LINE = `${ESCAPE}[K`;
/** Our own colours: everything else of this kind has been made printable. */
const COLOURS = new RegExp(`${ESCAPE}\\[\\d+m`, 'g');

export interface Screen {
  draw(lines: readonly string[]): void;
  /** Leaves the last picture where it is. */
  end(): void;
}

/** Rewrites the same lines in place; everything above them stays in the terminal's history. */
export function createScreen(terminal: Terminal): Screen {
  let drawn: readonly string[] = [];
  let isHidden = false;
  return {
    draw: (lines) => {
      const up = heightOf(drawn, terminal.size().columns);
      const start = isHidden ? '' : HIDE_CURSOR;
      isHidden = true;
      drawn = lines;
      const back = up > 0 ? `${ESCAPE}[${up}A` : '';
      const body = lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('');
      terminal.out(`${start}\r${back}${body}${CLEAR_DOWN}`);
    },
    end: () => {
      if (isHidden) terminal.out(SHOW_CURSOR);
      isHidden = false;
    },
  };
}

/** After a narrower resize the old lines take more rows than they had. */
const heightOf = (lines: readonly string[], columns: number): number =>
  lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line.replace(COLOURS, '')) / columns)),
    0,
  );
