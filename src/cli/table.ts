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
    return width !== undefined && line.length > width ? `${line.slice(0, width - 1)}…` : line;
  });
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
