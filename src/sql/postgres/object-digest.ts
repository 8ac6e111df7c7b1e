/** One digest of the definitions of all that a statement reaches: what was approved on one is not approved on another. */
import { hash } from 'node:crypto';
import type { Binder } from './binder.ts';
import type { CatalogSnapshot } from './catalog.ts';
import type { RelationInfo } from './relation-info.ts';

/** Hex SHA-256. */
export function digestOfObjects({ sheet, scope }: Binder): string {
  const { catalog } = scope;
  const reached = reachedBy({ sheet, scope });
  const lines = new Set(sheet.definitions);
  const names = new Set(sheet.functionNames);
  for (const relation of reached) {
    lines.add(`${relation.id} ${relation.digest}`);
    for (const { functionOid } of relation.triggers)
      lines.add(`${functionOid} ${catalog.functionByOid(functionOid)?.definitionDigest}`);
    for (const name of catalog.viewFlow(relation)?.functions ?? []) names.add(name);
  }
  for (const name of names) for (const line of functionLines(catalog, name)) lines.add(line);
  const text = [...lines].sort().map((line) => `${line}\0`);
  return hash('sha256', text.join(''), 'hex');
}

/** Of all that a name may mean, whatever its schema, but for what came with the server. */
function functionLines(catalog: CatalogSnapshot, name: string): readonly string[] {
  return catalog
    .functionsNamed(name.slice(name.lastIndexOf('.') + 1))
    .filter(({ builtin }) => !builtin)
    .map((one) => `${one.schema}.${one.name} ${one.oid} ${one.definitionDigest}`);
}

/** What a statement uses, with its partitions and children, and what views look at, at any depth. */
function reachedBy({ sheet, scope }: Pick<Binder, 'sheet' | 'scope'>): ReadonlySet<RelationInfo> {
  const reached = new Set(sheet.relations);
  for (const relation of reached) {
    for (const child of scope.catalog.children(relation.oid)) reached.add(child);
    if (relation.system) continue;
    for (const oid of relation.reads) {
      const read = scope.relationByOid(oid);
      if (read !== undefined) reached.add(read);
    }
  }
  return reached;
}
