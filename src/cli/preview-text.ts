/** An exact preview in words and a table. Knows no protocol. */
import type { TextRow } from '../approvals/fact-rows.ts';
import { printableLine } from '../html/visible-text.ts';
import type { Preview, PreviewedRow, TableCounts } from '../model/preview.ts';
import { printRows } from './check-command.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

const MAX_CELL = 40;

export function printPreview(terminal: Terminal, preview: Preview): void {
  printRows(terminal, previewRows(preview));
  if (preview.rows.length === 0) return;
  terminal.out();
  for (const line of previewTable(preview, terminal.width)) terminal.out(line);
}

/** What it came to, a line each. */
export function previewRows(preview: Preview): readonly TextRow[] {
  const { affected, tables, triggers, durationMs, place, masked, notes, relation } = preview;
  const where = place === 'database' ? 'the database itself' : 'the copy for previews';
  return [
    ['rows', `${affected.count} of ${relation}`],
    ...tables.map((counts): TextRow => ['table', tableText(counts)]),
    ...triggers.map(
      ({ name, relation: on, calls }): TextRow => ['trigger', `${name} on ${on}, ${calls} times`],
    ),
    ['took', `${durationMs} ms, on ${where}; rolled back`],
    ...(masked.length === 0 ? [] : [['masked', masked.join(', ')] as const]),
    ...notes.map((note): TextRow => ['note', note]),
  ];
}

/** The rows, before and after in one. */
export function previewTable(
  { columns, rows, affected }: Preview,
  width: number | undefined,
): readonly string[] {
  const cells = rows.map((row) => columns.map((_, i) => cellText(row, i)));
  const more = affected.count - rows.length;
  return [...tableLines(columns, cells, width), ...(more > 0 ? [`… and ${more} more`] : [])];
}

function tableText({ relation, inserted, updated, deleted }: TableCounts): string {
  const parts = [
    ...(inserted === 0 ? [] : [`${inserted} inserted`]),
    ...(updated === 0 ? [] : [`${updated} updated`]),
    ...(deleted === 0 ? [] : [`${deleted} deleted`]),
  ];
  return `${relation}: ${parts.join(', ')}`;
}

/** `before → after`, or the one there is. */
function cellText({ before, after }: PreviewedRow, column: number): string {
  const [was, becomes] = [before?.[column], after?.[column]].map((value) =>
    value === undefined ? undefined : value === null ? 'NULL' : printableLine(value, MAX_CELL),
  );
  if (was === undefined) return `+ ${becomes}`;
  if (after === undefined) return was;
  return was === becomes ? was : `${was} → ${becomes}`;
}
