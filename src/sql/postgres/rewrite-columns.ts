/**
 * Where a masked relation cannot become a subquery, or the subquery shows more or promises less than the relation: columns
 * in RETURNING become mask expressions, stars become lists, and GROUP BY names the columns that depended on a primary key.
 *
 * Changes nothing about which value a name means; what it cannot do so is refused.
 *
 * @see https://www.postgresql.org/docs/18/dml-returning.html
 * @see https://www.postgresql.org/docs/18/queries-table-expressions.html#QUERIES-GROUP
 */
import type { PostgresStatement } from './analysis.ts';
import type { ColumnUse, Grouping, TargetUse } from './binder.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import { guardedColumn } from './index-orders.ts';
import type { MaskIndex } from './mask-index.ts';
import type { Item, RelationReference, Source } from './namespace.ts';
import { outputName } from './output-names.ts';
import { maskRefused } from './refusal.ts';
import { columnExpression } from './relation-fragment.ts';
import type { Places } from './rewrite-places.ts';
import type { Plan } from './rewrite-plan.ts';
import { type Node, tagOf } from './tree.ts';

/** Plans every such change of a statement. @throws {SluiceError} mask_refused */
export function planColumns(
  plan: Plan,
  statement: PostgresStatement,
  masks: MaskIndex,
  catalog: CatalogSnapshot,
  places: Places,
): void {
  const { binder } = statement;
  const columns = new ColumnPlanner(plan, masks, catalog, places);
  const isMasked = binder.references.some((reference) => masks.isMasked(reference));
  if (!isMasked) return;
  for (const use of binder.columnUses) {
    columns.replaceReturned(use);
    columns.guardSearched(use);
  }
  for (const target of binder.targetUses) columns.keepTarget(target, binder.columnUses);
  for (const grouping of binder.groupings) columns.addKeys(grouping);
}

class ColumnPlanner {
  readonly #plan: Plan;
  readonly #masks: MaskIndex;
  readonly #catalog: CatalogSnapshot;
  readonly #places: Places;
  /** Uses that became expressions. */
  readonly #replaced = new Set<ColumnUse>();

  constructor(plan: Plan, masks: MaskIndex, catalog: CatalogSnapshot, places: Places) {
    this.#plan = plan;
    this.#masks = masks;
    this.#catalog = catalog;
    this.#places = places;
  }

  /** A column of the target in RETURNING becomes the expression that masks it. */
  replaceReturned(use: ColumnUse): void {
    const { node, kind, direct, sources, certain, fields } = use;
    const returning = direct.find((reference) => this.#isReturning(reference));
    if (returning === undefined) {
      if (!certain && this.#seesReturning(use)) throw unclear(fields);
      return;
    }
    const masks = this.#masks.of(returning);
    const masked = sources.filter(({ reference, column }) => reference === returning && masks.has(column));
    if (kind === 'row') {
      throw maskRefused(`RETURNING uses the row of ${returning.id} as a whole`, 'List the columns instead.');
    }
    if (masked.length === 0 || kind === 'star') return;
    if (sources.length > 1 || !certain) throw unclear(fields);
    const reference = fields.map(quoteName).join('.');
    const text = `(${this.#expression(returning, masked[0]!.column, reference)})`;
    this.#plan.splices.push({ ...this.#places.column(node), text });
    this.#plan.fragments.set(node, { kind: 'expression', text });
    this.#replaced.add(use);
  }

  /** What decides which rows are changed must not decide in what order: a column of the target is hidden from the planner. */
  guardSearched(use: ColumnUse): void {
    const { node, kind, direct, sources, fields } = use;
    const target = direct.find(
      ({ isSearched, node: at }) => isSearched && this.#plan.orders.get(at)?.guarded.size,
    );
    const guarded = target && this.#plan.orders.get(target.node)?.guarded;
    const isGuarded = ({ reference, column }: Source): boolean =>
      reference === target && guarded?.has(column) === true;
    if (kind !== 'column' || target === undefined || !sources.some(isGuarded)) return;
    const text = `(${guardedColumn(fields.map(quoteName).join('.'))})`;
    this.#plan.splices.push({ ...this.#places.column(node), text });
    this.#plan.fragments.set(node, { kind: 'expression', text });
    this.#replaced.add(use);
  }

  /** A star that would show something else is written out; a target keeps the name it had. */
  keepTarget(use: TargetUse, uses: readonly ColumnUse[]): void {
    if (use.star) {
      if (use.star.some((item) => this.#needsList(item))) this.#writeOut(use);
      return;
    }
    const { target, returning } = use;
    const changed = uses.slice(use.from, use.to).some((each) => this.#replaced.has(each));
    if (!changed || target.name !== undefined || target.val === undefined) return;
    const name = outputName(target.val);
    if (!returning && !KEEPING_NAMES.has(tagOf(target.val)) && tagOf(target.val) !== 'ColumnRef') {
      throw maskRefused('a query in RETURNING would lose the name of a column', 'Name its columns with AS.');
    }
    if (name === '?column?' || (!returning && tagOf(target.val) !== 'ColumnRef')) return;
    const { end } = returning ? this.#places.target(target) : this.#places.column(columnOf(target.val));
    this.#plan.splices.push({ start: end, end, text: ` AS ${quoteName(name)}` });
    this.#plan.changes.set(target, { kind: 'name', name });
  }

  /** A subquery has no primary key: what depended on one becomes a key itself, which changes no group. */
  addKeys({ select, items, keys, bare }: Grouping): void {
    const added = new Set<string>();
    for (const item of items) {
      const { reference, name } = item;
      if (reference?.role !== 'source' || !this.#masks.isMasked(reference) || !item.relationVisible) continue;
      const own = (column: string): boolean =>
        keys.some((key) => key.reference === reference && key.column === column);
      if (!hasKey(reference, this.#masks, own)) continue;
      const wanted = new Set([
        ...bare.filter((source) => source.reference === reference).map(({ column }) => column),
        ...reference.correlated,
      ]);
      for (const { name: shown, sources } of item.output().columns) {
        const column = sources[0]!.column;
        if (wanted.has(column) && !own(column)) added.add(`${quoteName(name!)}.${quoteName(shown)}`);
      }
    }
    if (added.size === 0) return;
    const text = [...added].join(', ');
    const at = this.#places.groupKeys(select.groupClause ?? []);
    this.#plan.splices.push({ start: at, end: at, text: `${text}, ` });
    this.#plan.fragments.set(select, { kind: 'keys', text });
  }

  #isReturning(reference: RelationReference): boolean {
    return reference.role === 'returning' && this.#masks.isMasked(reference);
  }

  #seesReturning({ namespace }: ColumnUse): boolean {
    for (let level = namespace; level; level = level.parent) {
      for (const item of level.items) if (item.direct().some((each) => this.#isReturning(each))) return true;
    }
    return false;
  }

  #expression(reference: RelationReference, column: string, text: string): string {
    const { relation } = reference;
    return columnExpression(
      this.#catalog,
      relation!,
      relation!.column(column)!,
      this.#masks.of(reference).get(column)!,
      text,
    );
  }

  /** True for what a star would show unmasked, or with what its subquery yields besides: system columns, values to look up. */
  #needsList(item: Item): boolean {
    return item
      .direct()
      .some(
        (reference) =>
          this.#isReturning(reference) ||
          this.#plan.lookups.some(({ from }) => from === reference.node) ||
          (reference.role === 'source' &&
            reference.systemColumns.size > 0 &&
            this.#masks.isMasked(reference)),
      );
  }

  #writeOut({ target, star = [] }: TargetUse): void {
    const text = star.flatMap((item) => this.#columnsOf(item)).join(', ');
    const column = columnOf(target.val!);
    this.#plan.splices.push({ ...this.#places.column(column), text });
    this.#plan.fragments.set(target, { kind: 'targets', text });
    this.#plan.writtenOut.add(column);
  }

  #columnsOf(item: Item): string[] {
    const { reference, name, schema } = item;
    if (name === undefined || !item.relationVisible || item.open) {
      throw maskRefused(
        '* stands for a join beside masked columns that have to be told apart',
        'List the columns instead.',
      );
    }
    const prefix = schema === undefined ? quoteName(name) : quoteQualified(schema, name);
    if (!this.#needsList(item)) return [`${prefix}.*`];
    const masks = this.#masks.of(reference!);
    return item.output().columns.map(({ name: shown, sources }) => {
      // A subquery has no schema.
      const text = `${reference!.role === 'source' ? quoteName(name) : prefix}.${quoteName(shown)}`;
      const column = sources[0]!.column;
      if (reference!.role === 'source' || !masks.has(column)) return text;
      return `${this.#expression(reference!, column, text)} AS ${quoteName(shown)}`;
    });
  }
}

/** Expressions that are called the same whatever stands in them. */
const KEEPING_NAMES: ReadonlySet<string> = new Set([
  'A_Expr',
  'BoolExpr',
  'BooleanTest',
  'CoalesceExpr',
  'FuncCall',
  'MinMaxExpr',
  'NullTest',
  'RowExpr',
]);

/** True if all columns of its primary key are keys of the group, and shown as they are. */
function hasKey(
  { relation }: RelationReference,
  masks: MaskIndex,
  isKey: (column: string) => boolean,
): boolean {
  const primary = relation?.constraints.find(({ kind }) => kind === 'p');
  if (relation === undefined || primary === undefined) return false;
  const hidden = masks.ofRelation(relation.id);
  return relation.columnNames(primary.columns).every((name) => isKey(name) && !hidden.has(name));
}

function columnOf(node: Node): Extract<Node, { ColumnRef: unknown }>['ColumnRef'] {
  return (node as Extract<Node, { ColumnRef: unknown }>).ColumnRef;
}

function unclear(fields: readonly string[]): Error {
  return maskRefused(
    `what ${fields.join('.')} in RETURNING stands for is not certain`,
    'Write the name of its table in front of it.',
  );
}
