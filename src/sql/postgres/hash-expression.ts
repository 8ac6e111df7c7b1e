/**
 * The mask that replaces values by pseudonyms: equal values become equal pseudonyms, so that joins, GROUP BY and count(DISTINCT …)
 * still work, and nobody without the key can tell which value one stands for. HMAC-SHA256, cut to the column's type.
 *
 * The key stands in no statement, and so in no plan, log or catalog view: the gate gives each session two settings of its own
 * (the padded keys of HMAC's inner and outer hash), lets nobody read or set them, and PostgreSQL lists such settings nowhere.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2104
 */
import { quoteText } from './identifiers.ts';
import type { MaskedColumn } from './mask-expressions.ts';
import { MASK_KEY_SETTINGS } from './mask-key.ts';

const TEXTS: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'name']);
const PADDED_KEY_DIGITS = 128;

/** Undefined if the column's type has no room for a pseudonym. */
export function hashExpression(column: MaskedColumn, rotation: string): string | undefined {
  const { type, typeText, reference } = column;
  if (type === undefined || typeText === undefined) return undefined;
  const isCitext = type.extension === 'citext' && type.name === 'citext';
  if (!(type.builtin && type.schema === 'pg_catalog') && !isCitext) return undefined;
  const canonical = canonicalText(column, isCitext);
  const digest = hmac(joined(`${quoteText(`${rotation}:`)}::pg_catalog.text`, canonical));
  const hex = `pg_catalog.encode(${digest}, 'hex')`;
  const pseudonym = fitTo(column, hex, digest, isCitext);
  if (pseudonym === undefined) return undefined;
  const hasKeys = Object.values(MASK_KEY_SETTINGS)
    .map((name) => `pg_catalog.length(${setting(name)}) OPERATOR(pg_catalog.=) ${PADDED_KEY_DIGITS}`)
    .join(' AND ');
  return `CASE WHEN ${hasKeys} AND ${reference} IS NOT NULL THEN ${pseudonym} ELSE NULL::${typeText} END`;
}

const joined = (...parts: readonly string[]): string => `(${parts.join(' OPERATOR(pg_catalog.||) ')})`;

/** Null where there is none, instead of an error. */
const setting = (name: string): string => `pg_catalog.current_setting('${name}', true)`;

/** What equal values have in common, as text. */
function canonicalText({ type, reference, info }: MaskedColumn, isCitext: boolean): string {
  const text = `${reference}::pg_catalog.text`;
  if (isCitext) return `pg_catalog.lower(${text})`;
  if (type!.name === 'numeric') return `pg_catalog.trim_scale(${reference})::pg_catalog.text`;
  // Minus zero equals zero.
  if (type!.name === 'float4' || type!.name === 'float8')
    return `(${reference} OPERATOR(pg_catalog.+) '0'::pg_catalog.${type!.name})::pg_catalog.text`;
  return info.collation === undefined ? text : `(${text} COLLATE pg_catalog."C")`;
}

/** In the database's own encoding, from which nothing has to be converted and so nothing can fail. */
function hmac(text: string): string {
  const key = (name: string) => `pg_catalog.decode(${setting(name)}, 'hex')`;
  const message = `pg_catalog.convert_to(${text}, pg_catalog.getdatabaseencoding())`;
  const inner = `pg_catalog.sha256(${joined(key(MASK_KEY_SETTINGS.inner), message)})`;
  return `pg_catalog.sha256(${joined(key(MASK_KEY_SETTINGS.outer), inner)})`;
}

const bits = (hex: string, count: number): string =>
  `${joined(`'x'::pg_catalog.text`, `pg_catalog.left(${hex}, ${count / 4})`)}::bit(${count})`;

function fitTo(
  { type, typeText, info }: MaskedColumn,
  hex: string,
  digest: string,
  isCitext: boolean,
): string | undefined {
  const name = type!.name;
  if (TEXTS.has(name) || isCitext) return `pg_catalog.left(${hex}, 32)::${typeText}`;
  switch (name) {
    case 'bytea':
      return digest;
    case 'uuid':
      return `pg_catalog.left(${hex}, 32)::${typeText}`;
    case 'int8':
      return `${bits(hex, 64)}::pg_catalog.int8`;
    case 'int4':
      return `${bits(hex, 32)}::pg_catalog.int4`;
    case 'int2':
      return `(${bits(hex, 16)}::pg_catalog.int4 OPERATOR(pg_catalog.-) 32768)::pg_catalog.int2`;
    case 'float8':
    case 'float4':
      return `${bits(hex, 32)}::pg_catalog.int4::${typeText}`;
    case 'numeric':
      return fitNumeric(info.typmod, typeText!, `${bits(hex, 64)}::pg_catalog.int8::pg_catalog."numeric"`);
    default:
      return undefined;
  }
}

/** As many digits as the type has before its point. */
function fitNumeric(typmod: number, typeText: string, number: string): string | undefined {
  if (typmod < 4) return number;
  const precision = ((typmod - 4) >> 16) & 0xffff;
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  const digits = Math.min(precision - Math.max(scale, 0), 18);
  if (digits < 1 || scale < 0) return undefined;
  return `pg_catalog.mod(${number}, '1${'0'.repeat(digits)}'::pg_catalog."numeric")::${typeText}`;
}
