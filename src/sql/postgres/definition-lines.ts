/** What a digest of objects says of operators and types that did not come with the server: whatever changes, changes the line. Pure. */
import type { CatalogSnapshot, ForeignOperator, TypeInfo } from './catalog.ts';

export function operatorDefinition(
  catalog: CatalogSnapshot,
  { schema, name, functionOid }: ForeignOperator,
): string {
  return `operator ${schema}.${name} ${functionText(catalog, functionOid)}`;
}

export function typeDefinition(catalog: CatalogSnapshot, type: TypeInfo): string {
  const { schema, name, oid, kind, baseOid, elementOid, notNull, parts, checks } = type;
  const checked = checks.map((oids) => oids.map((each) => functionText(catalog, each)));
  return `type ${JSON.stringify([schema, name, oid, kind, baseOid, elementOid, notNull, parts, checked])}`;
}

function functionText(catalog: CatalogSnapshot, oid: number): string {
  return `${oid} ${catalog.functionByOid(oid)?.definitionDigest}`;
}
