/** Masks of text: redact, email, last, partial. */
import type { Mask } from '../../model/labels.ts';
import { quoteText } from './identifiers.ts';
import type { MaskedColumn } from './mask-expressions.ts';

/** How many characters a mask may leave: beyond that it is no mask. */
const MAX_SHOWN = 1_000;

const DEFAULT_REPLACEMENT = '***';

/** Builtin text types, by name. `citext` of the extension counts too. */
const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'name']);

type TextMask = Extract<Mask, { kind: 'redact' | 'email' | 'last' | 'partial' }>;

/** Undefined if the column is no text. */
export function textExpression(
  { type, typeText, reference, info }: MaskedColumn,
  mask: TextMask,
): string | undefined {
  if (type === undefined || !isTextColumn({ type })) return undefined;
  if (mask.kind === 'redact') {
    const replacement = quoteText(mask.replacement ?? DEFAULT_REPLACEMENT);
    return `CASE WHEN ${reference} IS NOT NULL THEN ${replacement}::${typeText} ELSE NULL::${typeText} END`;
  }
  const masked = shownPart(plainText(reference, type.name, info.collation !== undefined), mask);
  return masked && `(${masked})::${typeText}`;
}

export function isTextColumn({ type }: Pick<MaskedColumn, 'type'>): boolean {
  const isText = type?.builtin && type.schema === 'pg_catalog' && TEXT_TYPES.has(type.name);
  return isText === true || (type?.extension === 'citext' && type.name === 'citext');
}

/** The column as text. Search functions refuse nondeterministic collations; nothing here depends on language. */
export function plainText(reference: string, type: string, hasCollation: boolean): string {
  const text = type === 'text' ? reference : `${reference}::pg_catalog.text`;
  return hasCollation ? `(${text} COLLATE pg_catalog."C")` : text;
}

function shownPart(value: string, mask: Exclude<TextMask, { kind: 'redact' }>): string | undefined {
  if (mask.kind === 'email') return emailMask(value);
  if (!Number.isInteger(mask.n) || mask.n < 0 || mask.n > MAX_SHOWN) return undefined;
  return mask.kind === 'last' ? lastMask(value, mask.n) : partialMask(value, mask.n);
}

const join = (...parts: string[]): string => parts.join(' OPERATOR(pg_catalog.||) ');

/**
 * The domain is what follows the last `@`, so that a quoted local part with an `@` in it stays hidden. Twice as fast as
 * reversing the text to find it.
 */
function emailMask(value: string): string {
  const first = `pg_catalog.left(${value}, 1)`;
  const shown = join(first, `'***@'`, `pg_catalog.split_part(${value}, '@', -1)`);
  const isAddress = `pg_catalog.strpos(${value}, '@') OPERATOR(pg_catalog.>) 0`;
  return `CASE WHEN ${isAddress} THEN ${shown} ELSE ${join(first, `'***'`)} END`;
}

/** A text of at most `n` characters shows none: otherwise it would show all. */
function lastMask(value: string, n: number): string {
  const length = `pg_catalog.length(${value})`;
  const hidden = `pg_catalog.repeat('*', ${length} OPERATOR(pg_catalog.-) ${n})`;
  const shown = join(hidden, `pg_catalog.right(${value}, ${n})`);
  return `CASE WHEN ${length} OPERATOR(pg_catalog.>) ${n} THEN ${shown} ELSE pg_catalog.repeat('*', ${length}) END`;
}

function partialMask(value: string, n: number): string {
  const shown = join(`pg_catalog.left(${value}, ${n})`, `'***'`);
  const isLonger = `pg_catalog.length(${value}) OPERATOR(pg_catalog.>) ${n}`;
  return `CASE WHEN ${isLonger} THEN ${shown} WHEN ${value} IS NOT NULL THEN '***' END`;
}
