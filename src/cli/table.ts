/** Lays out rows in columns for people. */

/**
 * The rows under their heads, columns two spaces apart. With `width`, the last column is cut so that no line is longer; it is
 * expected to be the long one. Takes texts of one line without escape sequences.
 */
export function tableLines(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  width?: number,
): readonly string[] {
  const all = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => {
    const line = row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
    return width === undefined ? line : fitted(line, width);
  });
}

/**
 * A line cut so that no terminal breaks it: what comes after a break would stand where only we write. What is not ASCII may take two columns, and
 * counts for as many.
 */
export function fitted(line: string, width: number): string {
  if (line.length * 2 <= width) return line;
  let [columns, fitting] = [0, 0];
  for (const character of line) {
    columns += character <= '\u007f' ? 1 : 2;
    if (columns > width) return `${line.slice(0, fitting)}…`;
    if (columns < width) fitting += character.length;
  }
  return line;
}

/** `2026-11-21 00:28:03` in UTC: every log of every machine has the same. */
export function timeText(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** `in 5m`, `2h ago`: the largest whole unit. */
export function relativeTime(atMs: number, nowMs: number): string {
  const seconds = Math.round(Math.abs(atMs - nowMs) / 1000);
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
  ] as const;
  const [size, unit] = units.find(([least]) => seconds >= least) ?? [1, 's'];
  const amount = `${Math.floor(seconds / size)}${unit}`;
  return atMs >= nowMs ? `in ${amount}` : `${amount} ago`;
}
