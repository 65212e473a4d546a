import { printable } from '../terminal.ts';
import { displayWidth, pad } from './width.ts';

const GAP = '   ';

/** One line of safe text: a cell may hold anything a container or a manifest said. */
export const oneLine = (text: string): string => printable(text.replace(/\s*\n\s*/g, ' ').trim());

export const widthsOf = (rows: readonly (readonly string[])[]): number[] => {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(oneLine(cell)));
  return widths;
};

/** As kubectl prints: no borders, three spaces between columns, nothing after the last one. */
export const formatRow = (row: readonly string[], widths: readonly number[]): string =>
  row
    .map((cell, column) => pad(oneLine(cell), widths[column] ?? 0))
    .join(GAP)
    .trimEnd();

export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  return rows.map((row) => `${formatRow(row, widths)}\n`).join('');
}
