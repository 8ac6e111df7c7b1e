/** What tells the rows of a table apart. */
import type { RelationInfo } from './relation-info.ts';

/** The columns of the primary key; empty if there is none. */
export function keyColumns(relation: RelationInfo): readonly string[] {
  const key = relation.constraints.find(({ kind }) => kind === 'p');
  return key === undefined ? [] : relation.columnNames(key.columns);
}
