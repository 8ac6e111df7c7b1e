/**
 * The state of one statement's analysis, and what every part of it does with names: note relations, columns, types,
 * operators and functions.
 */
import type { SessionObjectUse } from '../../model/dialect.ts';
import type { Action, ValueFlow } from '../../model/facts.ts';
import type { Cascade } from './cascades.ts';
import { operatorDefinition, typeDefinition } from './definition-lines.ts';
import { spendEffort } from './effort.ts';
import { FactSheet } from './fact-sheet.ts';
import { foreignOperator, judgeType } from './judgement.ts';
import {
  findColumn,
  findItem,
  type Item,
  type Namespace,
  type OutputColumn,
  type RelationReference,
  type Source,
} from './namespace.ts';
import { type RelationInfo, SYSTEM_COLUMNS } from './relation-info.ts';
import type { PostgresScope } from './scope.ts';
import {
  bodyOf,
  type ColumnRef,
  type Node,
  type RangeTableSample,
  type RangeVar,
  type ResTarget,
  type SelectStmt,
  stringsOf,
  type TypeName,
} from './tree.ts';

/** A column reference with everything it may mean. */
export interface ColumnUse {
  readonly node: ColumnRef;
  /** `row`: the row as a whole, in whatever spelling but that of a target. */
  readonly kind: 'column' | 'row' | 'star';
  readonly fields: readonly string[];
  readonly namespace: Namespace | undefined;
  readonly sources: readonly Source[];
  /** The relations whose own columns it names; empty if a query stands between. */
  readonly direct: readonly RelationReference[];
  /** False if it may mean something else as well. */
  readonly certain: boolean;
}

/** One entry of a target list. */
export interface TargetUse {
  readonly target: ResTarget;
  /** What it refers to: `columnUses` from here to there. */
  readonly from: number;
  readonly to: number;
  /** What a star stands for, in order; undefined for all other targets. */
  readonly star: readonly Item[] | undefined;
  /** True in a RETURNING clause itself. */
  readonly returning: boolean;
}

/** A query with GROUP BY. */
export interface Grouping {
  readonly select: SelectStmt;
  readonly items: readonly Item[];
  /** Columns that are keys as they are. */
  readonly keys: Source[];
  /** Columns that stand outside of aggregates. */
  readonly bare: Source[];
}

export interface Binder {
  readonly scope: PostgresScope;
  /** The functions whose bodies are being looked at; undefined where none may be: in definitions that outlive a session. */
  readonly calling: ReadonlySet<number> | undefined;
  readonly sheet: FactSheet;
  readonly references: RelationReference[];
  readonly columnUses: ColumnUse[];
  readonly targetUses: TargetUse[];
  readonly groupings: Grouping[];
  /** What foreign keys change besides. */
  readonly cascades: Cascade[];
  /** Parameters that stand where the name of a setting does, once for each place. */
  readonly settingParameters: number[];
  /** Where it puts what it reads. */
  readonly flows: ValueFlow[];
  /** The schema that CREATE SCHEMA makes, for what it makes inside. */
  creationSchema: string | undefined;
  /** What it does to a named prepared statement or cursor. */
  sessionObject: SessionObjectUse | undefined;
  /** Byte offsets of constants that stand where their value changes nothing the analysis says. */
  readonly inertConstants: Set<number>;
}

export function createBinder(scope: PostgresScope, calling?: ReadonlySet<number>): Binder {
  return {
    scope,
    calling,
    sheet: new FactSheet(),
    references: [],
    columnUses: [],
    targetUses: [],
    groupings: [],
    cascades: [],
    settingParameters: [],
    flows: [],
    creationSchema: undefined,
    sessionObject: undefined,
    inertConstants: new Set(),
  };
}

/** Where an expression stands. */
export interface Place {
  readonly namespace: Namespace | undefined;
  readonly ctes: CteFrame | undefined;
  /** True in predicates, joins, sorts and groups. */
  readonly filter: boolean;
  /** Collects the base columns that the expression's value comes from. */
  readonly sink: Source[] | undefined;
  /** The query whose GROUP BY decides over the expression; undefined inside of its aggregates, and everywhere else. */
  readonly grouping?: Grouping | undefined;
}

/** A WITH query that is in scope, and those around it. */
export interface CteFrame {
  readonly name: string;
  readonly next: CteFrame | undefined;
  output(): { readonly columns: readonly OutputColumn[]; readonly open: boolean };
}

export function findCte(from: CteFrame | undefined, name: string): CteFrame | undefined {
  for (let frame = from; frame; frame = frame.next) if (frame.name === name) return frame;
  return undefined;
}

/** Notes one mention of a relation. What is read through it is noted as it turns up. */
export function referTo(
  b: Binder,
  node: RangeVar,
  role: RelationReference['role'],
  sample?: RangeTableSample,
): RelationReference {
  const name = node.relname ?? '';
  const relation = b.scope.relation(node.schemaname, name);
  const id = relation?.id ?? (node.schemaname === undefined ? name : `${node.schemaname}.${name}`);
  const reference: RelationReference = {
    node,
    relation,
    id,
    role,
    sample,
    reads: new Set(),
    filters: new Set(),
    correlated: new Set(),
    systemColumns: new Set(),
    returned: new Set(),
    isSearched: false,
    isWritten: false,
    wholeRow: false,
    natural: false,
    qualified: [],
  };
  b.references.push(reference);
  return reference;
}

/** Notes the use of a relation that must exist; an unknown one cannot be seen through. */
export function useRelation(b: Binder, reference: RelationReference, action: Action) {
  if (reference.relation === undefined) {
    b.sheet.miss(reference.id);
    // To drop something tells nothing about what is in it; but temporary tables of others are not one's own.
    if (action !== 'Drop' || reference.id.startsWith('pg_temp_')) {
      b.sheet.hide('relation', `relation ${reference.id}`);
    }
  } else if (reference.role !== 'utility') noteView(b, reference.relation);
  return b.sheet.use(reference.id, reference.relation, action);
}

/** A view does what its definition says: what that hides is hidden here too. */
function noteView(b: Binder, relation: RelationInfo): void {
  for (const view of viewsIn(b, relation)) {
    for (const what of b.scope.catalog.viewFlow(view)?.opaque ?? []) b.sheet.hide('relation', what);
  }
}

/** A view and the views it reads, at any depth. */
function viewsIn({ scope }: Binder, relation: RelationInfo): Iterable<RelationInfo> {
  const { catalog } = scope;
  const views = new Set(catalog.viewFlow(relation) ? [relation] : []);
  for (const view of views) {
    for (const id of catalog.viewFlow(view)?.bases ?? []) {
      for (const base of catalog.relationsById(id)) if (catalog.viewFlow(base)) views.add(base);
    }
  }
  return views;
}

/** Writes what was read through every mention of a relation down in the facts. Once, at the end of a statement. */
export function settleReads({ references, sheet }: Binder): void {
  for (const { id, role, reads, filters } of references) {
    // What bodies of functions read was noted there.
    if (role === 'body') continue;
    const isTarget = (role === 'target' || role === 'utility') && !sheet.isOnlyRead(id);
    sheet.noteReads(id, isTarget, reads, filters);
  }
}

/** Notes that values of those columns are read at `place`. */
export function read(sources: readonly Source[], place: Place): void {
  spendEffort(sources.length);
  for (const source of sources) {
    const { reference, column } = source;
    if (SYSTEM_COLUMNS.has(column) && reference.relation?.column(column) === undefined) {
      reference.systemColumns.add(column);
      if (reference.relation !== undefined) continue;
    }
    reference.reads.add(column);
    if (place.filter) reference.filters.add(column);
    place.sink?.push(source);
    place.grouping?.bare.push(source);
  }
}

/** Notes that values belong to a query around the one that reads them. */
export function correlate(sources: readonly Source[]): void {
  for (const { reference, column } of sources) reference.correlated.add(column);
}

/** Notes that everything an item yields is read, as a row. */
export function readItem(item: Item, place: Place): void {
  readColumns(item, place);
  for (const reference of item.direct()) reference.wholeRow = true;
}

/** Notes that everything an item yields is read, column by column. */
export function readColumns(item: Item, place: Place): void {
  for (const { sources } of item.output().columns) read(sources, place);
}

/** Resolves a bare name as a column, or as a row as a whole. Falls back to everything in scope. */
export function readName(b: Binder, node: ColumnRef, name: string, place: Place): void {
  const { namespace } = place;
  const { sources, maybe, found, level, items } = findColumn(place.namespace, name);
  if (found) {
    read(sources, place);
    if (level !== place.namespace) correlate(sources);
    const direct = directOf(items);
    b.columnUses.push({ node, kind: 'column', fields: [name], namespace, sources, direct, certain: true });
    return;
  }
  const item = findItem(place.namespace, name);
  if (item) {
    readItem(item, place);
    const direct = directOf([item]);
    b.columnUses.push({
      node,
      kind: 'row',
      fields: [name],
      namespace,
      sources: sourcesOf(item),
      direct,
      certain: true,
    });
    return;
  }
  for (const { reference } of maybe) if (reference) read([{ reference, column: name }], place);
  if (maybe.length === 0) {
    // It may have been added a moment ago; where there is no relation, as in a domain's CHECK, it is no column.
    if (place.namespace !== undefined && place.namespace.items.length > 0) b.sheet.miss(name);
    readEverything(place);
  }
  b.columnUses.push({
    node,
    kind: 'column',
    fields: [name],
    namespace,
    sources: [],
    direct: [],
    certain: false,
  });
}

export function directOf(items: readonly Item[]): readonly RelationReference[] {
  return items.flatMap((item) => [...item.direct()]);
}

export function sourcesOf(item: Item): Source[] {
  return item.output().columns.flatMap(({ sources }) => [...sources]);
}

/** Notes that any column of anything in scope may be read. */
export function readEverything(place: Place): void {
  for (let level = place.namespace; level; level = level.parent) {
    for (const item of level.items) readItem(item, place);
  }
}

export function noteType(b: Binder, typeName: TypeName | undefined): void {
  const names = stringsOf(typeName?.names);
  if (names.length === 0) return;
  for (const type of b.scope.catalog.typesNamed(names.at(-1) ?? ''))
    if (!type.builtin) b.sheet.restOn(typeDefinition(b.scope.catalog, type));
  const judgement = judgeType(b.scope, names);
  if (judgement === 'plain') return;
  if (judgement === 'unknown') b.sheet.miss(names.join('.'));
  b.sheet.hide('type', `type ${names.join('.')}`);
}

export function noteOperator(b: Binder, name: readonly Node[] | undefined): void {
  const names = stringsOf(name);
  const { catalog } = b.scope;
  for (const operator of catalog.foreignOperatorsNamed(names.at(-1) ?? ''))
    b.sheet.restOn(operatorDefinition(catalog, operator));
  const foreign = foreignOperator(b.scope, names);
  if (foreign !== undefined) b.sheet.hide('type', `operator ${foreign}`);
}

/** Visits every node below a body, typed fields included. `visit` decides whether to go deeper. */
export function eachChild(body: object, visit: (node: Node, key: string) => void): void {
  for (const [key, value] of Object.entries(body)) {
    if (Array.isArray(value)) for (const each of value) visitValue(each, key, visit);
    else visitValue(value, key, visit);
  }
}

/** A node is `{Tag: {…}}`; a typed field has the body only, and is named by its key. */
function visitValue(value: unknown, key: string, visit: (node: Node, key: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (isNode(value)) visit(value, key);
  else if (key === 'typeName') visit({ TypeName: value } as Node, key);
  else eachChild(value, visit);
}

export function isNode(value: object): value is Node {
  let tag = '';
  for (const key in value) {
    if (tag !== '') return false;
    tag = key;
  }
  const first = tag.charCodeAt(0);
  return first >= 0x41 && first <= 0x5a && typeof bodyOf(value as Node) === 'object';
}
