/** The constant mask: a value that was checked here, so that casting it cannot fail in the database. */
import { quoteText } from './identifiers.ts';
import type { MaskedColumn } from './mask-expressions.ts';

const TEXTS: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'name', 'citext']);

const INTEGER_LIMITS: Readonly<Record<string, bigint>> = {
  int2: 32_767n,
  int4: 2_147_483_647n,
  int8: 9_223_372_036_854_775_807n,
};

const PATTERNS: Readonly<Record<string, RegExp>> = {
  bool: /^(true|false)$/,
  float4: /^-?\d{1,15}(\.\d{1,15})?$/,
  float8: /^-?\d{1,15}(\.\d{1,15})?$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
};

/** Undefined if the type cannot hold the value, or nobody can be sure that it can. */
export function constantLiteral({ type, typeText, info }: MaskedColumn, value: string): string | undefined {
  if (type === undefined || value.includes('\0')) return undefined;
  const isCitext = type.extension === 'citext' && type.name === 'citext';
  if (!(type.builtin && type.schema === 'pg_catalog') && !isCitext) return undefined;
  return fits(type.name, info.typmod, value) ? `${quoteText(value)}::${typeText}` : undefined;
}

function fits(type: string, typmod: number, value: string): boolean {
  if (TEXTS.has(type)) return true;
  const limit = INTEGER_LIMITS[type];
  if (limit !== undefined)
    return /^-?\d{1,19}$/.test(value) && BigInt(value) <= limit && BigInt(value) >= -limit;
  if (type === 'numeric') return typmod < 4 && /^-?\d{1,30}(\.\d{1,30})?$/.test(value);
  if (type === 'date') return isDate(value);
  if (type === 'timestamp')
    return isDate(value.slice(0, 10)) && /^(.{10})( \d\d:\d\d:\d\d)?$/.test(value) && isTime(value.slice(11));
  return PATTERNS[type]?.test(value) ?? false;
}

/** `2024-02-29`, in the years that every calendar agrees on. */
function isDate(text: string): boolean {
  if (!/^[1-9]\d{3}-\d\d-\d\d$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isTime(text: string): boolean {
  return text === '' || /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(text);
}
