/**
 * Mask pushdown: every read of a masked relation becomes a read of a subquery that yields masked values. The rest of the text
 * stays verbatim; the result is parsed again and proved to differ in nothing but the intended places. Whatever cannot be
 * answered that way is refused.
 */
import { LRUCache } from 'lru-cache';
import type { Rewrite, Splice } from '../../model/dialect.ts';
import type { ColumnMask } from '../../model/labels.ts';
import { applySplices } from '../splice.ts';
import { asComplexity, type PostgresAnalysis, type PostgresStatement } from './analysis.ts';
import { MaskIndex } from './mask-index.ts';
import type { Parser } from './parser.ts';
import { rewriteFailed } from './refusal.ts';
import { requireAnswerable } from './rewrite-checks.ts';
import { Places } from './rewrite-places.ts';
import { type Fragment, planStatement, type StatementPlan } from './rewrite-plan.ts';
import { type Change, isRewritten } from './rewrite-proof.ts';
import type { PostgresScope } from './scope.ts';
import {
  as,
  type Node,
  type ParseTree,
  type RangeSubselect,
  type ResTarget,
  type SelectStmt,
} from './tree.ts';

/**
 * @param masks every column of the statement's relations that the principal may not see, labels of views included
 * @throws {SluiceError} mask_refused, statement_too_complex
 */
export function rewriteAnalysis(
  analysis: PostgresAnalysis,
  masks: readonly ColumnMask[],
  scope: PostgresScope,
  parser: Parser,
): Rewrite | Promise<Rewrite> {
  if (masks.length === 0) return { text: analysis.text, splices: [] };
  try {
    const index = new MaskIndex(masks);
    const places = new Places(analysis.text, analysis.offsets);
    const plans = analysis.statements.map((statement) => {
      requireAnswerable(statement, index, scope);
      return planStatement(statement, index, scope, places);
    });
    const splices = mergeSplices(plans.flatMap((plan) => plan.splices));
    if (splices.length === 0) return { text: analysis.text, splices };
    const text = applySplices(analysis.text, splices);
    return proved({ text, splices, ...lookupsOf(plans) }, analysis, plans, parser);
  } catch (thrown) {
    throw asComplexity(thrown);
  }
}

function lookupsOf(plans: readonly StatementPlan[]): Pick<Rewrite, 'lookups'> {
  const lookups = plans.map((plan) => plan.lookups.map(({ mask }) => mask));
  return lookups.every((each) => each.length === 0) ? {} : { lookups };
}

/** Sorted; a node that the tree holds several times gives the same splice several times. */
function mergeSplices(splices: readonly Splice[]): readonly Splice[] {
  const sorted = splices.toSorted((a, b) => a.start - b.start || a.end - b.end);
  return sorted.filter((splice, i) => {
    const before = sorted[i - 1];
    if (before === undefined || before.end <= splice.start) return true;
    if (before.start === splice.start && before.end === splice.end && before.text === splice.text)
      return false;
    throw rewriteFailed('two replacements overlap');
  });
}

function proved(
  rewrite: Rewrite,
  analysis: PostgresAnalysis,
  plans: readonly StatementPlan[],
  parser: Parser,
): Rewrite | Promise<Rewrite> {
  const fragments = [...new Set(plans.flatMap((plan) => [...plan.fragments.values()].map(textOf)))];
  const parsed = [
    parser.parse(rewrite.text),
    ...fragments.map((text) => fragmentTrees(text, parser)),
  ] as const;
  if (parsed.some((tree) => tree instanceof Promise)) {
    return Promise.all(parsed).then(([trees, ...parts]) =>
      check(rewrite, analysis, plans, trees as ParseTree, new Map(zip(fragments, parts as Node[][]))),
    );
  }
  const [trees, ...parts] = parsed as readonly [ParseTree, ...Node[][]];
  return check(rewrite, analysis, plans, trees, new Map(zip(fragments, parts)));
}

function zip<A, B>(left: readonly A[], right: readonly B[]): [A, B][] {
  return left.map((each, i) => [each, right[i]!]);
}

function check(
  rewrite: Rewrite,
  analysis: PostgresAnalysis,
  plans: readonly StatementPlan[],
  trees: ParseTree,
  parts: ReadonlyMap<string, readonly Node[]>,
): Rewrite {
  const statements = trees.stmts ?? [];
  if (statements.length !== analysis.statements.length)
    throw rewriteFailed('the number of statements changed');
  analysis.statements.forEach((statement: PostgresStatement, i) => {
    const changes = changesOf(plans[i]!, parts);
    if (!isRewritten(statement.tree, statements[i]?.stmt, changes)) {
      throw rewriteFailed('the rewritten statement is not what it should be');
    }
  });
  return rewrite;
}

function changesOf(
  { changes, fragments }: StatementPlan,
  parts: ReadonlyMap<string, readonly Node[]>,
): Map<object, Change> {
  const all = new Map(changes);
  for (const [body, fragment] of fragments) {
    all.set(body, changeOf(body, fragment.kind, parts.get(textOf(fragment))!));
  }
  return all;
}

function changeOf(body: object, kind: Fragment['kind'], parts: readonly Node[]): Change {
  switch (kind) {
    case 'subquery':
      return { kind: 'substitute', subquery: parts[0]!, node: body };
    case 'copy':
      return { kind: 'copy', subquery: parts[0]! };
    case 'targets':
      return { kind: 'targets', targets: parts };
    case 'expression':
      return { kind: 'expression', expression: entryValue(parts[0]) };
    case 'keys':
      return { kind: 'keys', keys: parts.map((part) => entryValue(part)!) };
  }
}

function entryValue(target: Node | undefined): Node | undefined {
  return as<ResTarget>(target, 'ResTarget')?.val;
}

/** A text by which the fragment can be parsed on its own. */
function textOf({ kind, text }: Fragment): string {
  return kind === 'subquery' || kind === 'copy' ? `SELECT FROM ${text} AS s` : `SELECT ${text}`;
}

/** Fragments by their text; the same few relations turn up again and again. */
const KNOWN_FRAGMENTS = new LRUCache<string, readonly Node[]>({ max: 1_000 });

/** The subquery, or the target list. */
function fragmentTrees(text: string, parser: Parser): readonly Node[] | Promise<readonly Node[]> {
  const known = KNOWN_FRAGMENTS.get(text);
  if (known) return known;
  const trees = parser.parse(text);
  return trees instanceof Promise ? trees.then((parsed) => remember(text, parsed)) : remember(text, trees);
}

function remember(text: string, trees: ParseTree): readonly Node[] {
  const select = as<SelectStmt>(trees.stmts?.[0]?.stmt, 'SelectStmt');
  const { fromClause, targetList } = select ?? {};
  const subquery = as<RangeSubselect>(fromClause?.[0], 'RangeSubselect')?.subquery;
  const parts = subquery && fromClause?.length === 1 ? [subquery] : fromClause ? undefined : targetList;
  if (trees.stmts?.length !== 1 || parts === undefined) {
    throw rewriteFailed('the replacement of a masked relation does not parse');
  }
  KNOWN_FRAGMENTS.set(text, parts);
  return parts;
}
