/** What a statement reaches besides what it names: by foreign keys, and in indexes and servers that follow. */
import type { Reach } from '../../model/blast-radius.ts';
import type { Facts } from '../../model/facts.ts';
import { type Change, cascadesFrom } from './cascades.ts';
import type { CatalogSnapshot } from './catalog.ts';

const CHANGES: ReadonlySet<string> = new Set(['Insert', 'Update', 'Delete']);

/** Changes of other tables by ON DELETE and ON UPDATE, each once. */
export function cascadeReach(facts: Facts, catalog: CatalogSnapshot): readonly Reach[] {
  const found = new Map<string, Reach>();
  for (const { relation: id, action, writes } of facts.relations) {
    if (!CHANGES.has(action)) continue;
    for (const relation of catalog.relationsById(id)) {
      for (const one of cascadesFrom(catalog, { relation, change: action as Change, columns: writes })) {
        found.set(`${one.change} ${one.relation.id}`, { relation: one.relation.id, action: one.change });
      }
    }
  }
  return [...found.values()];
}

/** Oids of the tables whose rows change, partitions included. */
export function changedOids(facts: Facts, catalog: CatalogSnapshot): readonly number[] {
  const changed = facts.relations.filter(({ action }) => CHANGES.has(action) || action === 'Truncate');
  const relations = changed.flatMap(({ relation }) => catalog.relationsById(relation));
  return [...new Set(relations.flatMap((one) => catalog.family(one)).map(({ oid }) => oid))];
}

/**
 * Asks how many indexes those tables have, and how many servers and subscriptions follow what is written: `indexes`, `replicas`. A
 * subscription counts if it may get these tables.
 */
export function followersQuestion(oids: readonly number[]): string {
  const list = `ARRAY[${oids.join(',')}]::pg_catalog.oid[]`;
  return `SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index
      WHERE indrelid OPERATOR(pg_catalog.=) ANY (${list})) AS indexes,
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots s WHERE s.active AND
      (s.slot_type OPERATOR(pg_catalog.=) 'physical' OR s.database OPERATOR(pg_catalog.=) pg_catalog.current_database())) AS replicas`;
}
