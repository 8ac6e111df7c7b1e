/**
 * Proves that a rewritten text differs from the original in exactly the intended places: both trees are walked in
 * parallel, positions aside.
 */
import { fieldsOf, isPosition, isSameTree } from './digest.ts';
import { as, type ColumnRef, type Node, type RangeVar } from './tree.ts';

/** What one node of the original tree must have become. */
export type Change =
  /** A FROM item: this subquery, under the alias the relation had. */
  | { readonly kind: 'substitute'; readonly subquery: Node; readonly node: RangeVar }
  /** A relation: the same, with its schema spelled. */
  | { readonly kind: 'qualify'; readonly schema: string }
  /** A column reference: without its schema. */
  | { readonly kind: 'unqualify'; readonly node: ColumnRef }
  /** COPY of a relation: COPY of this query. */
  | { readonly kind: 'copy'; readonly subquery: Node }
  /** A column: this expression. */
  | { readonly kind: 'expression'; readonly expression: Node | undefined }
  /** An entry of a target list: these entries. */
  | { readonly kind: 'targets'; readonly targets: readonly Node[] }
  /** An entry of a target list: with this name. */
  | { readonly kind: 'name'; readonly name: string }
  /** A query: with these keys in front of those of its GROUP BY. */
  | { readonly kind: 'keys'; readonly keys: readonly Node[] };

/** By the body of the original's node. */
export type Changes = ReadonlyMap<object, Change>;

/** True if `rewritten` is `original` with every change made and nothing else. */
export function isRewritten(original: unknown, rewritten: unknown, changes: Changes): boolean {
  const made = new Set<object>();
  return same(original, rewritten, changes, made) && made.size === changes.size;
}

function same(a: unknown, b: unknown, changes: Changes, made: Set<object>): boolean {
  if (typeof a !== 'object' || a === null) return a === b;
  if (typeof b !== 'object' || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && sameList(a, b, changes, made);
  }
  const item = substituted(a as Node, changes);
  if (item) return made.add(item.body) !== undefined && isSubstitute(b as Node, item.change);
  const column = changes.get(as(a as Node, 'ColumnRef') ?? NOTHING);
  if (column?.kind === 'expression') {
    made.add(as(a as Node, 'ColumnRef')!);
    return isSameTree(b, column.expression);
  }
  const change = changes.get(a);
  if (change) return made.add(a) !== undefined && isChanged(a, b, change, changes, made);
  return sameFields(a, b, changes, made, NO_FIELDS);
}

const NOTHING = {};

/** Element by element; one that was written out stands for several. */
function sameList(
  a: readonly unknown[],
  b: readonly unknown[],
  changes: Changes,
  made: Set<object>,
): boolean {
  let at = 0;
  for (const each of a) {
    const target =
      typeof each === 'object' && each !== null ? as<object>(each as Node, 'ResTarget') : undefined;
    const change = target && changes.get(target);
    if (target && change?.kind === 'targets') {
      made.add(target);
      if (!isSameTree(b.slice(at, at + change.targets.length), change.targets)) return false;
      at += change.targets.length;
    } else if (at >= b.length || !same(each, b[at++], changes, made)) return false;
  }
  return at === b.length;
}

type Fields = Readonly<Record<string, unknown>>;
const NO_FIELDS: readonly string[] = [];

function sameFields(
  a: object,
  b: object,
  changes: Changes,
  made: Set<object>,
  except: readonly string[],
): boolean {
  for (const field of fieldsOf(a, b)) {
    const [left, right] = [(a as Fields)[field], (b as Fields)[field]];
    if (isPosition(field, left ?? right) || except.includes(field)) continue;
    if (!same(left, right, changes, made)) return false;
  }
  return true;
}

type Substitution = Extract<Change, { kind: 'substitute' }>;

/** The substitution that applies to a FROM item: to a relation, or to a TABLESAMPLE around one. */
function substituted(node: Node, changes: Changes): { body: object; change: Substitution } | undefined {
  const sample = as<{ relation?: Node }>(node, 'RangeTableSample');
  const body = as<RangeVar>(sample ? sample.relation : node, 'RangeVar');
  const change = body && changes.get(body);
  return body && change?.kind === 'substitute' ? { body, change } : undefined;
}

function isSubstitute(item: Node, { subquery, node }: Substitution): boolean {
  const subselect = as<{ lateral?: boolean; subquery?: Node; alias?: unknown }>(item, 'RangeSubselect');
  if (subselect === undefined || subselect.lateral) return false;
  const alias = node.alias ?? { aliasname: node.relname };
  return isSameTree(subselect.subquery, subquery) && isSameTree(subselect.alias, alias);
}

function isChanged(a: object, b: object, change: Change, changes: Changes, made: Set<object>): boolean {
  switch (change.kind) {
    case 'qualify':
      return (b as RangeVar).schemaname === change.schema && sameFields(a, b, changes, made, ['schemaname']);
    case 'unqualify': {
      const fields = (a as ColumnRef).fields ?? [];
      return (
        isSameTree(fields.slice(-2), (b as ColumnRef).fields) && sameFields(a, b, changes, made, ['fields'])
      );
    }
    case 'copy': {
      const { relation, attlist, query } = b as Fields;
      const isQuery = relation === undefined && attlist === undefined && isSameTree(query, change.subquery);
      return isQuery && sameFields(a, b, changes, made, ['relation', 'attlist', 'query']);
    }
    case 'name':
      return (b as Fields).name === change.name && sameFields(a, b, changes, made, ['name']);
    case 'keys': {
      const keys = (b as { groupClause?: readonly Node[] }).groupClause ?? [];
      const own = (a as { groupClause?: readonly Node[] }).groupClause ?? [];
      const { length } = change.keys;
      return (
        isSameTree(keys.slice(0, length), change.keys) &&
        sameList(own, keys.slice(length), changes, made) &&
        sameFields(a, b, changes, made, ['groupClause'])
      );
    }
    default:
      return false;
  }
}
