/** Lays out a result for reading: columns as wide as needed, numbers to the right, long texts cut. Pure. */

const MAX_CELL_CHARS = 44;

export interface ResultTable {
  readonly columns: readonly string[];
  /** Cells as the database sent them, in text form; null is NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** The lines of the table: header, rule, rows. */
export function tableLines(table: ResultTable): string[] {
  const cells = table.rows.map((row) => row.map(shown));
  const widths = table.columns.map((name, column) =>
    Math.max(width(name), ...cells.map((row) => width(row[column] ?? ''))),
  );
  const numeric = table.columns.map((_, column) =>
    table.rows.every((row) => row[column] === null || /^-?[\d.]+$/.test(row[column] ?? '')),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => padded(cell, widths[column] ?? 0, numeric[column] === true))
      .join(' │ ')
      .trimEnd();
  return [line(table.columns), widths.map((chars) => '─'.repeat(chars)).join('─┼─'), ...cells.map(line)];
}

function shown(cell: string | null): string {
  if (cell === null) return 'NULL';
  const oneLine = cell.replace(/\s+/g, ' ');
  return width(oneLine) <= MAX_CELL_CHARS
    ? oneLine
    : `${[...oneLine].slice(0, MAX_CELL_CHARS - 1).join('')}…`;
}

const width = (text: string): number => [...text].length;

function padded(text: string, chars: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, chars - width(text)));
  return right ? space + text : text + space;
}
