/**
 * Blind lookups: which comparisons of a query may be answered on real values although the principal sees only masked ones. Those, and
 * only those, of the form `column = constant` that stand alone or joined by AND in a WHERE, so that one comparison tells of one value
 * which rows have it, and nothing else. Everything that is not certain to be one stays a comparison of masked values.
 */
import { randomBytes } from 'node:crypto';
import type { ColumnMask } from '../../model/labels.ts';
import type { PostgresStatement } from './analysis.ts';
import { type Binder, type ColumnUse, eachChild } from './binder.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { COMPARABLE, columnComparedWithConstant, conjuncts } from './constant-comparison.ts';
import { canonicalText } from './digest.ts';
import type { MaskIndex } from './mask-index.ts';
import type { Item, RelationReference } from './namespace.ts';
import { maskRefused } from './refusal.ts';
import {
  as,
  bodyOf,
  type ColumnRef,
  type JoinExpr,
  type Node,
  type RangeVar,
  type SelectStmt,
  tagOf,
} from './tree.ts';

export interface BlindLookup {
  /** What is compared with a constant. */
  readonly node: ColumnRef;
  /** The relation that the column belongs to, as it stands in the statement. */
  readonly from: RangeVar;
  readonly column: string;
  /** The name under which the relation's subquery yields the real value. */
  readonly alias: string;
  readonly mask: ColumnMask;
}

/** Nobody who does not read the rewritten text knows it. */
const ALIAS_PREFIX = `sluice:${randomBytes(12).toString('hex')}:`;

/**
 * The lookups of a statement, at most one a comparison.
 * @throws {SluiceError} mask_refused if the statement names what only the gate may name
 */
export function blindLookups(
  { tree, binder, facts }: PostgresStatement,
  masks: MaskIndex,
  catalog: CatalogSnapshot,
): readonly BlindLookup[] {
  if (!masks.allowsLookups || tagOf(tree) !== 'SelectStmt' || facts.changesCatalog) return [];
  const open = openReferences(binder, masks);
  if (open.size === 0) return [];
  if (canonicalText(tree).includes(ALIAS_PREFIX))
    throw maskRefused('the statement names what is the gate’s own');
  const finder = new LookupFinder(binder, masks, catalog, open);
  finder.visit(tree);
  return finder.found;
}

/** Relations of which nothing is used but columns that are named one by one, or can be. */
function openReferences(
  { references, columnUses, targetUses }: Binder,
  masks: MaskIndex,
): Map<RangeVar, RelationReference> {
  const open = new Map<RangeVar, RelationReference>();
  if (references.some(({ role }) => role === 'target' || role === 'returning')) return open;
  if (!columnUses.every(({ certain }) => certain)) return open;
  for (const reference of references) {
    const { node, role, wholeRow, natural, relation } = reference;
    const isPlain = role === 'source' && !wholeRow && !natural && node.alias?.colnames === undefined;
    if (isPlain && relation?.system === false && masks.lookups(reference).size > 0) open.set(node, reference);
  }
  for (const { kind, direct, sources } of columnUses) {
    if (kind !== 'row') continue;
    for (const { node } of direct) open.delete(node);
    for (const { reference } of sources) open.delete(reference.node);
  }
  for (const { star } of targetUses) {
    if (star === undefined || star.every(isListable)) continue;
    for (const item of star) for (const { node } of item.direct()) open.delete(node);
  }
  return open;
}

/** True if a star can be written out as the columns of this item. */
function isListable(item: Item): boolean {
  const { name, relationVisible, open, reference } = item;
  return (
    name !== undefined && relationVisible && !open && (reference !== undefined || item.direct().length === 0)
  );
}

class LookupFinder {
  readonly found: BlindLookup[] = [];
  readonly #masks: MaskIndex;
  readonly #catalog: CatalogSnapshot;
  readonly #open: ReadonlyMap<RangeVar, RelationReference>;
  readonly #uses = new Map<ColumnRef, ColumnUse[]>();
  readonly #hasForeignEquals: boolean;
  readonly #seen = new Set<object>();

  constructor(
    binder: Binder,
    masks: MaskIndex,
    catalog: CatalogSnapshot,
    open: ReadonlyMap<RangeVar, RelationReference>,
  ) {
    this.#masks = masks;
    this.#catalog = catalog;
    this.#open = open;
    this.#hasForeignEquals = catalog.foreignOperatorsNamed('=').length > 0;
    for (const use of binder.columnUses) {
      const known = this.#uses.get(use.node);
      if (known === undefined) this.#uses.set(use.node, [use]);
      else known.push(use);
    }
  }

  /** Every query below. Chains of set operations may be as deep as they are long: those are walked in a loop. */
  visit(node: Node): void {
    const select = as<SelectStmt>(node, 'SelectStmt');
    const pending = select === undefined ? [] : [select];
    for (let query = pending.pop(); query !== undefined; query = pending.pop()) {
      this.#query(query);
      const { larg, rarg, ...rest } = query;
      for (const arm of [larg, rarg]) if (arm) pending.push(arm);
      eachChild(rest, (child) => this.visit(child));
    }
    if (select === undefined) eachChild(bodyOf(node), (child) => this.visit(child));
  }

  #query({ fromClause, whereClause }: SelectStmt): void {
    if (whereClause === undefined || fromClause === undefined || this.#seen.has(whereClause)) return;
    this.#seen.add(whereClause);
    const relations = new Set(fromClause.flatMap(relationsIn));
    for (const conjunct of conjuncts(whereClause)) {
      const node = columnComparedWithConstant(conjunct, this.#hasForeignEquals);
      const origin = node && this.#originOf(node, relations);
      if (node && origin) this.found.push({ node, ...origin });
    }
  }

  #originOf(node: ColumnRef, relations: ReadonlySet<RangeVar>): Omit<BlindLookup, 'node'> | undefined {
    if ((node.fields?.length ?? 0) > 2) return undefined;
    const uses = this.#uses.get(node) ?? [];
    const [source] = uses[0]?.sources ?? [];
    if (source === undefined) return undefined;
    const { column } = source;
    const from = source.reference.node;
    const isOne = uses.every(
      ({ kind, sources }) =>
        kind === 'column' &&
        sources.length === 1 &&
        sources[0]!.reference.node === from &&
        sources[0]!.column === column,
    );
    const reference = this.#open.get(from);
    if (!isOne || reference === undefined || !relations.has(from)) return undefined;
    const mask = this.#masks.lookups(reference).get(column);
    const info = reference.relation?.column(column);
    if (mask === undefined || info === undefined || !COMPARABLE.has(info.typeOid)) return undefined;
    // A parameter of another type may make the server convert the value by code that nobody has seen.
    const isConverted = this.#catalog
      .foreignCastsOf(info.typeOid)
      .some(({ source: from, functionOid }) => from === info.typeOid && functionOid !== 0);
    if (isConverted) return undefined;
    // Of something computed from a value, such as its first character, equality would tell more than equality.
    if (this.#catalog.isComputed(reference.relation!, column)) return undefined;
    const place = [...this.#open.keys()].indexOf(from);
    return { from, column, mask, alias: `${ALIAS_PREFIX}${place}:${info.attnum}` };
  }
}

/** Relations whose rows come into the result as they are: those of a FROM list, and of the sides of joins that are not filled up. */
function relationsIn(item: Node): RangeVar[] {
  const relation = as<RangeVar>(item, 'RangeVar');
  if (relation) return [relation];
  const join = as<JoinExpr>(item, 'JoinExpr');
  if (join === undefined || join.alias !== undefined || join.isNatural || join.usingClause !== undefined)
    return [];
  const { jointype, larg, rarg } = join;
  const left = larg && (jointype === 'JOIN_INNER' || jointype === 'JOIN_LEFT') ? relationsIn(larg) : [];
  const right = rarg && (jointype === 'JOIN_INNER' || jointype === 'JOIN_RIGHT') ? relationsIn(rarg) : [];
  return [...left, ...right];
}
