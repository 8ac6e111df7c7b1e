/** An exact preview in words and a table. Knows no protocol. */
import type { Preview, PreviewedRow, TableCounts } from '../model/preview.ts';
import { printRows } from './check-command.ts';
import { printableLine } from './printable-text.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

const MAX_CELL = 40;

export function printPreview(terminal: Terminal, preview: Preview): void {
  const { affected, tables, triggers, durationMs, place, masked, notes, relation } = preview;
  printRows(terminal, [
    ['rows', `${affected.count} of ${relation}`],
    ...tables.map((counts) => ['table', tableText(counts)] as const),
    ...triggers.map(
      ({ name, relation: on, calls }) => ['trigger', `${name} on ${on}, ${calls} times`] as const,
    ),
    [
      'took',
      `${durationMs} ms, on ${place === 'database' ? 'the database itself' : 'the copy for previews'}; rolled back`,
    ],
    ...(masked.length === 0 ? [] : [['masked', masked.join(', ')] as const]),
    ...notes.map((note) => ['note', note] as const),
  ]);
  if (preview.rows.length === 0) return;
  terminal.out();
  printTable(terminal, preview);
}

function tableText({ relation, inserted, updated, deleted }: TableCounts): string {
  const parts = [
    ...(inserted === 0 ? [] : [`${inserted} inserted`]),
    ...(updated === 0 ? [] : [`${updated} updated`]),
    ...(deleted === 0 ? [] : [`${deleted} deleted`]),
  ];
  return `${relation}: ${parts.join(', ')}`;
}

function printTable(terminal: Terminal, { columns, rows, affected }: Preview): void {
  const lines = rows.map((row) => columns.map((_, i) => cellText(row, i)));
  for (const line of tableLines(columns, lines, terminal.width)) terminal.out(line);
  if (rows.length < affected.count) terminal.out(`… and ${affected.count - rows.length} more`);
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
