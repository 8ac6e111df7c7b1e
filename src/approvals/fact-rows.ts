/** Facts in words, a line each: `[what, text]`. Knows no colours and no dialect. */
import { lettersOf, looksLikeAnother } from '../html/lookalikes.ts';
import type { BlastRadius } from '../model/blast-radius.ts';
import type { Facts, RelationUse } from '../model/facts.ts';

/** A labelled line. */
export type TextRow = readonly [label: string, text: string];

/** What a statement does. */
export function factRows(facts: Facts): TextRow[] {
  const rows: TextRow[] = [['does', [facts.command, ...facts.actions.map(String)].join(', ')]];
  for (const use of facts.relations) rows.push(['touches', relationText(use)]);
  for (const { action, type, name } of facts.objects) rows.push(['touches', `${action} ${type} ${name}`]);
  const functions = facts.functions.filter(({ transparent }) => !transparent);
  if (functions.length > 0) rows.push(['calls', functions.map(({ name }) => name).join(', ')]);
  for (const { name, value, local } of facts.settings) {
    rows.push(['sets', `${name} = ${value ?? '?'}${local ? ' (for this transaction)' : ''}`]);
  }
  for (const { kind, what, instead } of facts.hazards ?? []) {
    rows.push(['hazard', `${what} (${kind})`]);
    if (instead !== undefined) rows.push(['instead', instead]);
  }
  rows.push(...lookalikeRows(facts));
  for (const { what } of facts.opaque) rows.push(['not understood', what]);
  return rows;
}

/** Names that a reader may take for others. */
function lookalikeRows({ relations, objects, functions }: Facts): TextRow[] {
  const columns = relations.flatMap(({ reads, writes }) => [...reads, ...writes]);
  const named = [
    ...relations.map(({ relation }) => relation),
    ...[...objects, ...functions].map(({ name }) => name),
  ];
  const names = new Set([...named.flatMap((name) => name.split('.')), ...columns]);
  return [...names]
    .filter(looksLikeAnother)
    .map((name): TextRow => ['looks like another', `${name}: ${lettersOf(name)}`]);
}

/** How far it reaches. */
export function reachRows(blastRadius: Pick<BlastRadius, 'sentence'> | undefined): TextRow[] {
  return blastRadius === undefined ? [] : [['reach', blastRadius.sentence]];
}

function relationText(use: RelationUse): string {
  const columns = [
    use.reads.length > 0 ? `reads ${use.reads.join(', ')}` : '',
    use.filters.length > 0 ? `filters by ${use.filters.join(', ')}` : '',
    use.writes.length > 0 ? `writes ${use.writes.join(', ')}` : '',
  ].filter((text) => text !== '');
  const known = use.known ? '' : ' (unknown to the catalog)';
  return `${use.action} ${use.relation}${known}${columns.length === 0 ? '' : `: ${columns.join('; ')}`}`;
}
