/**
 * Custom masks as SQL: the tree that `masking/mask-terms.ts` has proved to be a mask, spelled with schemas. Nothing of what somebody wrote
 * is taken over as text. What a server does not have as an immutable function of its own is not used.
 */

import type { Mask } from '../../model/labels.ts';
import type { MaskTerm } from '../../model/mask-term.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { quoteText } from './identifiers.ts';
import type { MaskedColumn } from './mask-expressions.ts';
import { isTextColumn, plainText } from './text-expression.ts';

type CustomMask = Extract<Mask, { kind: 'sql' }>;

const LIMITS: Readonly<Record<string, number>> = {
  int2: 2 ** 15 - 1,
  int4: 2 ** 31 - 1,
  int8: Number.MAX_SAFE_INTEGER,
};

/** Texts that are longer have no room for anything more; a text cannot have more than 2^30 bytes. */
const MAX_TEXT_BYTES = 1_000_000_000;

/** These are words of the grammar, which no search path redirects. */
const GRAMMATICAL: ReadonlySet<string> = new Set(['coalesce', 'greatest', 'least']);

const OPERATORS: Readonly<Record<string, string>> = { like: '~~', 'not like': '!~~' };

/** Undefined if the mask is none of such a column. */
export function customExpression(
  catalog: CatalogSnapshot,
  column: MaskedColumn,
  { text, integer }: CustomMask,
): string | undefined {
  const { type, typeText, reference, info } = column;
  if (type === undefined) return undefined;
  if (isTextColumn(column) && text !== undefined && isKnown(text, catalog)) {
    const value = plainText(reference, type.name, info.collation !== undefined);
    const tooLong = `pg_catalog.octet_length(${value}) OPERATOR(pg_catalog.>) ${MAX_TEXT_BYTES}`;
    return `(CASE WHEN ${tooLong} THEN NULL ELSE ${render(text, value)} END)::${typeText}`;
  }
  const limit = type.builtin && type.schema === 'pg_catalog' ? LIMITS[type.name] : undefined;
  if (limit === undefined || integer === undefined) return undefined;
  if (!isKnown(integer, catalog) || !fits(integer, limit)) return undefined;
  return `(${render(integer, reference)})::${typeText}`;
}

function render(term: MaskTerm, value: string): string {
  const of = (each: MaskTerm): string => render(each, value);
  switch (term.op) {
    case 'value':
      return value;
    case 'string':
      return `${quoteText(term.value)}::pg_catalog.text`;
    case 'integer':
      return term.value < 0 ? `(${term.value})` : String(term.value);
    case 'null':
      return 'NULL';
    case 'call': {
      const name = GRAMMATICAL.has(term.name) ? term.name : `pg_catalog."${term.name}"`;
      return `${name}(${term.args.map(of).join(', ')})`;
    }
    case 'binary':
      return `(${of(term.left)} OPERATOR(pg_catalog.${OPERATORS[term.operator] ?? term.operator}) ${of(term.right)})`;
    case 'and':
    case 'or':
      return `(${of(term.left)} ${term.op} ${of(term.right)})`;
    case 'not':
      return `(not ${of(term.arg)})`;
    case 'is-null':
      return `(${of(term.arg)} is ${term.negated ? 'not ' : ''}null)`;
    case 'case': {
      const whens = term.whens.map(([condition, result]) => `when ${of(condition)} then ${of(result)}`);
      return `(case ${whens.join(' ')} else ${of(term.otherwise)} end)`;
    }
  }
}

/** Every part of a term. */
function* partsOf(term: MaskTerm): Iterable<MaskTerm> {
  yield term;
  switch (term.op) {
    case 'call':
      for (const each of term.args) yield* partsOf(each);
      return;
    case 'binary':
    case 'and':
    case 'or':
      yield* partsOf(term.left);
      yield* partsOf(term.right);
      return;
    case 'not':
    case 'is-null':
      yield* partsOf(term.arg);
      return;
    case 'case':
      for (const each of term.whens.flat()) yield* partsOf(each);
      yield* partsOf(term.otherwise);
      return;
  }
}

/** True if the server has what it calls, as immutable functions that came with it. */
function isKnown(term: MaskTerm, catalog: CatalogSnapshot): boolean {
  for (const part of partsOf(term)) {
    if (part.op !== 'call' || GRAMMATICAL.has(part.name)) continue;
    const own = catalog
      .functionsNamed(part.name)
      .filter(({ schema, argumentCount }) => schema === 'pg_catalog' && argumentCount === part.args.length);
    if (own.length === 0 || own.some(({ builtin, volatility }) => !builtin || volatility !== 'i'))
      return false;
  }
  return true;
}

/** True if every number in it is one that the column could hold. */
function fits(term: MaskTerm, limit: number): boolean {
  for (const part of partsOf(term)) if (part.op === 'integer' && Math.abs(part.value) > limit) return false;
  return true;
}
