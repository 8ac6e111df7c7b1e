/**
 * The one relation that is masked by row: `pg_settings` holds a few secrets among hundreds of harmless settings that tools
 * read at every connection.
 */
import { SECRET_SETTINGS } from './builtin-functions.ts';
import { quoteName, quoteText } from './identifiers.ts';
import type { ColumnInfo, RelationInfo } from './relation-info.ts';

/** The expression for a masked column of `pg_settings`; undefined for every other relation. */
export function settingsMask({ id }: RelationInfo, { name }: ColumnInfo): string | undefined {
  if (id !== 'pg_catalog.pg_settings') return undefined;
  const secrets = quoteText(`{${SECRET_SETTINGS.join(',')}}`);
  const isSecret = `"name" OPERATOR(pg_catalog.=) ANY (${secrets}::pg_catalog._text)`;
  return `CASE WHEN ${isSecret} THEN NULL::pg_catalog.text ELSE ${quoteName(name)} END`;
}
