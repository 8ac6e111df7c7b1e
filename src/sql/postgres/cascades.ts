/**
 * What a change sets off in other relations: foreign keys with ON DELETE or ON UPDATE actions. The client wrote none of it,
 * but it is part of what the statement does.
 */
import type { Binder } from './binder.ts';
import type { CatalogSnapshot } from './catalog.ts';
import type { ConstraintInfo, RelationInfo } from './relation-info.ts';

export type Change = 'Insert' | 'Update' | 'Delete';

/** A change that a foreign key brings about. */
export interface Cascade {
  readonly relation: RelationInfo;
  readonly change: Change;
  readonly columns: readonly string[];
}

/** Notes everything that changing `columns` of a relation, or deleting its rows, does to others. */
export function noteCascades(
  b: Binder,
  relation: RelationInfo,
  change: Change,
  columns: readonly string[],
): void {
  for (const cascade of cascadesFrom(b.scope.catalog, { relation, change, columns }, b.cascades)) {
    b.cascades.push(cascade);
    noteTriggers(b, cascade.relation);
    const use = b.sheet.use(cascade.relation.id, cascade.relation, cascade.change);
    for (const column of cascade.columns) use.writes.add(column);
  }
}

/** Everything that a change brings about, at any depth, but for what is known already. */
export function* cascadesFrom(
  catalog: CatalogSnapshot,
  cause: Cascade,
  known: readonly Cascade[] = [],
): Generator<Cascade> {
  const seen = new Set(known.map(keyOf));
  const pending: Cascade[] = [cause];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const cascade of cascadesOf(catalog, next)) {
      if (seen.has(keyOf(cascade))) continue;
      seen.add(keyOf(cascade));
      pending.push(cascade);
      yield cascade;
    }
  }
}

/**
 * Notes what a change of a view does to the relations below it. PostgreSQL changes views of one relation by changing that;
 * others it refuses, or leaves to triggers, whose doings are not known.
 */
export function noteChangeBelow(
  b: Binder,
  view: RelationInfo,
  change: Change,
  columns: readonly string[],
): void {
  const { catalog } = b.scope;
  const flow = catalog.viewFlow(view);
  if (flow === undefined) return;
  if (view.triggers.length > 0) b.sheet.hide('function', `triggers on ${view.id}`);
  for (const base of relationsBelow(b, view)) {
    noteCatalogChange(b, base);
    noteTriggers(b, base);
    const origins = columns.flatMap((column) => flow.columns.get(column) ?? []);
    const below = origins.filter(({ relation }) => relation === base.id).map(({ column }) => column);
    const use = b.sheet.use(base.id, base, change);
    for (const column of below) use.writes.add(column);
    b.cascades.push({ relation: base, change, columns: below });
    noteCascades(b, base, change, below);
    noteChangeBelow(b, base, change, below);
  }
}

/** What a view reads. Of one whose definition is not known (the session's own are not traced), the catalog says that much. */
function relationsBelow({ scope }: Binder, view: RelationInfo): readonly RelationInfo[] {
  const flow = scope.catalog.viewFlow(view);
  if (flow === undefined) return [];
  if (flow.opaque.length === 0) return flow.bases.flatMap((id) => scope.catalog.relationsById(id));
  return view.reads.flatMap((oid) => scope.relationByOid(oid) ?? []);
}

/** Notes what locking rows of a view, or the view itself, locks below. */
export function noteLockBelow(b: Binder, view: RelationInfo): void {
  const locked = new Set([view]);
  for (const each of locked) {
    for (const base of relationsBelow(b, each)) locked.add(base);
    if (each !== view) b.sheet.use(each.id, each, 'Lock');
  }
}

/** Notes triggers that somebody wrote: those of a table that is changed, and of its partitions and children. */
export function noteTriggers({ scope, sheet }: Binder, changed: RelationInfo): void {
  for (const relation of scope.catalog.family(changed)) {
    for (const { name, functionOid, enabled } of relation.triggers) {
      if (enabled && !scope.catalog.functionByOid(functionOid)?.builtin) {
        sheet.setOff(`trigger ${name} on ${relation.id}`);
      }
    }
  }
}

/** `UPDATE pg_settings` is another way to write SET; its rule sees to that. */
const SETTINGS = 'pg_catalog.pg_settings';

/** Who writes to the catalogs by hand redefines what everything else is judged by. */
export function noteCatalogChange(b: Binder, { id, system }: RelationInfo): void {
  if (!system || id === SETTINGS) return;
  b.sheet.act('Administer');
  b.sheet.changesCatalog = true;
}

/** Notes what TRUNCATE … CASCADE empties besides. */
export function noteTruncateCascades(b: Binder, relation: RelationInfo): void {
  const seen = new Set([relation]);
  for (const each of seen) {
    for (const child of b.scope.catalog.referencing(each.oid)) seen.add(child);
    if (each !== relation) b.sheet.use(each.id, each, 'Truncate');
  }
}

function keyOf({ relation, change, columns }: Cascade): string {
  return `${change} ${relation.oid} ${columns.join()}`;
}

/** Foreign keys may refer to a relation as part of a partitioned or inherited one. */
function* cascadesOf(catalog: CatalogSnapshot, cause: Cascade): Iterable<Cascade> {
  for (const relation of kin(catalog, cause.relation)) {
    for (const child of catalog.referencing(relation.oid)) {
      for (const constraint of child.constraints) {
        const effect = constraint.references?.oid === relation.oid && effectOf(constraint, relation, cause);
        if (!effect) continue;
        const columns = effect === 'Update' ? child.columnNames(constraint.columns) : [];
        yield { relation: child, change: effect, columns };
      }
    }
  }
}

function kin(catalog: CatalogSnapshot, relation: RelationInfo): Iterable<RelationInfo> {
  const all = new Set(catalog.family(relation));
  for (const each of all) {
    for (const oid of each.parents) {
      const parent = catalog.relationByOid(oid);
      if (parent) all.add(parent);
    }
  }
  return all;
}

const ACTING: ReadonlySet<string> = new Set(['c', 'n', 'd']);

function effectOf(
  { references }: ConstraintInfo,
  relation: RelationInfo,
  cause: Cascade,
): Change | undefined {
  if (references === undefined) return undefined;
  if (cause.change === 'Delete') {
    if (references.onDelete === 'c') return 'Delete';
    return ACTING.has(references.onDelete) ? 'Update' : undefined;
  }
  if (cause.change !== 'Update' || !ACTING.has(references.onUpdate)) return undefined;
  const touched = relation.columnNames(references.columns).some((name) => cause.columns.includes(name));
  return touched ? 'Update' : undefined;
}
