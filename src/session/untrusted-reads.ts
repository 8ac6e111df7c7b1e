/**
 * What a statement reads of columns that hold untrusted text: text of people who may want to tell the reader what to do. Where it
 * stands in the statement does not matter, nor whether a row comes back.
 */
import type { AnalyzedStatement } from '../model/dialect.ts';
import type { Facts } from '../model/facts.ts';
import type { LabelSet } from '../model/labels.ts';
import type { Standing } from '../model/standing.ts';

/** Stands for whatever something that was not understood may have read. */
const ANYTHING = '*';

const NONE: readonly string[] = [];

/**
 * The columns, as `schema.relation.column`.
 * @param untrusted the columns that hold untrusted text
 */
export function untrustedReads(
  { sessionObject }: AnalyzedStatement,
  facts: Facts,
  untrusted: LabelSet,
): readonly string[] {
  if (untrusted.columns.length === 0) return NONE;
  // PREPARE runs nothing.
  if (sessionObject?.kind === 'prepared' && sessionObject.verb === 'create') return NONE;
  const found = new Set<string>();
  for (const { relation, reads } of facts.relations) {
    for (const { column } of untrusted.ofRelation(relation))
      if (reads.includes(column)) found.add(`${relation}.${column}`);
  }
  if (facts.opaque.length > 0) found.add(ANYTHING);
  return [...found];
}

/** The standing once this is read. */
export function tainted(standing: Standing, reads: readonly string[]): Standing {
  const news = reads.filter((one) => !standing.taints.includes(one));
  if (news.length === 0) return standing;
  return {
    taints: [...standing.taints, ...news].sort(),
    deviations: standing.deviations,
    left: (count) => standing.left(count),
  };
}
