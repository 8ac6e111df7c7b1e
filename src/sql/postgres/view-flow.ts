/**
 * Where the columns of a view come from: its definition, resolved as a query. What cannot be traced is said to be unknown,
 * never guessed.
 */
import type { RelationId } from '../../model/facts.ts';
import { type Binder, createBinder } from './binder.ts';
import type { RelationReference, Source } from './namespace.ts';
import { bindQuery } from './queries.ts';
import type { RelationInfo } from './relation-info.ts';
import type { PostgresScope } from './scope.ts';
import {
  as,
  type ColumnRef,
  type JoinExpr,
  type Node,
  type ParseTree,
  type RangeVar,
  type ResTarget,
  type SelectStmt,
  stringsOf,
} from './tree.ts';

/** A column of a relation that a view reads. */
export interface Origin {
  readonly relation: RelationId;
  readonly column: string;
}

export interface ViewFlow {
  /** By output column: what its values are computed from. */
  readonly columns: ReadonlyMap<string, readonly Origin[]>;
  /** The columns that are plain copies of one column, by what they copy. */
  readonly copies: ReadonlyMap<string, Origin>;
  /** What decides which rows there are, and how many: predicates, joins, groups, sorts. */
  readonly rows: readonly Origin[];
  /** The relations it reads. */
  readonly bases: readonly RelationId[];
  /** The names of the functions it calls. */
  readonly functions: readonly string[];
  /** Those that it reads in several places. */
  readonly repeated: ReadonlySet<RelationId>;
  /** What cannot be seen through, as phrases for people; empty if the flow is complete. */
  readonly opaque: readonly string[];
}

/** The flow of a view whose definition is not known. */
export function unknownFlow(view: RelationInfo): ViewFlow {
  return {
    columns: new Map(),
    copies: new Map(),
    rows: [],
    bases: [],
    functions: [],
    repeated: new Set(),
    opaque: [`the definition of ${view.id}`],
  };
}

/**
 * @param trees the parsed definition
 * @param scope in which bare names mean what is in pg_catalog, as definitions are printed for it
 */
export function flowOf(view: RelationInfo, trees: ParseTree, scope: PostgresScope): ViewFlow {
  const b = createBinder(scope);
  const statement = trees.stmts?.length === 1 ? trees.stmts[0]?.stmt : undefined;
  if (statement === undefined) return unknownFlow(view);
  const output = bindQuery(b, statement, undefined, undefined);
  const opaque = [...b.sheet.toFacts().opaque.map(({ what }) => `${what} in ${view.id}`)];
  const uncertain = output.open || output.columns.length !== view.columns.length;
  if (uncertain || b.columnUses.some(({ certain }) => !certain)) opaque.push(`the columns of ${view.id}`);
  const copied = copiedTargets(statement);
  const bases = basesOf(b);
  const copies = view.columns.flatMap(({ name }, i): [string, Origin][] => {
    const sources = originsOf(output.columns[i]?.sources ?? []);
    return copied[i] && sources.length === 1 ? [[name, sources[0]!]] : [];
  });
  return {
    columns: new Map(view.columns.map(({ name }, i) => [name, originsOf(output.columns[i]?.sources ?? [])])),
    rows: distinct(
      b.references.flatMap((reference) => [...reference.filters].map((column) => origin(reference, column))),
    ),
    functions: [...b.sheet.functionNames],
    bases: [...new Set(bases)],
    repeated: new Set(bases.filter((id, i) => bases.indexOf(id) !== i)),
    copies: new Map(copies),
    opaque,
  };
}

/** For each target, whether it is a bare column of a relation in FROM. Anything but plain relations there makes it unsure. */
function copiedTargets(statement: Node): readonly boolean[] {
  const select = as<SelectStmt>(statement, 'SelectStmt');
  if (select === undefined || select.larg || select.withClause) return [];
  const relations = new Set<string>();
  const plain = (select.fromClause ?? []).every((item) => isPlain(item, relations));
  return (select.targetList ?? []).map((target) => {
    const fields = as<ColumnRef>(as<ResTarget>(target, 'ResTarget')?.val, 'ColumnRef')?.fields;
    if (fields === undefined) return false;
    return fields.length === 1 ? plain : relations.has(stringsOf(fields).at(-2) ?? '');
  });
}

/** Collects the names of the relations in a FROM item; false if there is anything else in it. */
function isPlain(item: Node, relations: Set<string>): boolean {
  const relation = as<RangeVar>(item, 'RangeVar');
  if (relation) relations.add(relation.alias?.aliasname ?? relation.relname ?? '');
  const join = as<JoinExpr>(item, 'JoinExpr');
  if (join === undefined) return relation !== undefined && relation.alias?.colnames === undefined;
  const sides = [join.larg, join.rarg].map((side) => side !== undefined && isPlain(side, relations));
  return sides.every(Boolean) && join.alias === undefined;
}

function basesOf({ references }: Binder): RelationId[] {
  return references.map(({ id }) => id);
}

function origin({ id }: RelationReference, column: string): Origin {
  return { relation: id, column };
}

function originsOf(sources: readonly Source[]): Origin[] {
  return distinct(sources.map(({ reference, column }) => origin(reference, column)));
}

function distinct(origins: readonly Origin[]): Origin[] {
  const seen = new Map(origins.map((each) => [`${each.relation}\0${each.column}`, each]));
  return [...seen.values()];
}
