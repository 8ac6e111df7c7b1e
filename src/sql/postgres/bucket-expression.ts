/** The mask of numbers: cut down to a multiple of a size. */
import type { MaskedColumn } from './mask-expressions.ts';

const MIN_SIZE = 1e-6;
const MAX_SIZE = 1e15;

/** The ends of the integer types. */
const INTEGER_RANGES: Readonly<Record<string, readonly [min: bigint, max: bigint]>> = {
  int2: [-32_768n, 32_767n],
  int4: [-2_147_483_648n, 2_147_483_647n],
  int8: [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
};

/** Where floating point numbers are no longer exact to the unit; larger ones, infinities and NaN become null. */
const FLOAT_LIMIT = '1000000000000000';
/** No number of a real table is larger; arithmetic on numerics overflows only far beyond. */
const NUMERIC_LIMIT = '1e1000';

/** Undefined if the column is no number or the size is none. */
export function bucketExpression(column: MaskedColumn, size: number): string | undefined {
  const { type, info, reference } = column;
  if (!type?.builtin || type.schema !== 'pg_catalog') return undefined;
  if (!(size >= MIN_SIZE && size <= MAX_SIZE)) return undefined;
  const range = INTEGER_RANGES[type.name];
  if (range) {
    return (
      integerBucket(column, size, range) ??
      numericBucket(column, reference, size, `-${range[1]}`, `${range[1]}`)
    );
  }
  if (type.name === 'numeric') {
    const limit = numericLimit(info.typmod);
    return numericBucket(column, reference, size, `-${limit}`, limit);
  }
  if (type.name !== 'float4' && type.name !== 'float8') return undefined;
  const wide = `${reference}::pg_catalog.float8`;
  const within = `pg_catalog.abs(${wide}) OPERATOR(pg_catalog.<=) '${FLOAT_LIMIT}'::pg_catalog.float8`;
  return `CASE WHEN ${within} THEN ${numericBucket(column, wide, size, `-${FLOAT_LIMIT}`, FLOAT_LIMIT)} END`;
}

/** In the column's own arithmetic, if the size fits into it. The lowest values, where it could overflow, become null. */
function integerBucket(
  { reference, type }: MaskedColumn,
  size: number,
  [min, max]: readonly [bigint, bigint],
): string | undefined {
  if (!Number.isInteger(size) || BigInt(size) > max) return undefined;
  const own = (value: bigint): string => `'${value}'::pg_catalog.${type!.name}`;
  const rest = `${reference} OPERATOR(pg_catalog.%) ${own(BigInt(size))}`;
  const shift = `CASE WHEN ${rest} OPERATOR(pg_catalog.<) ${own(0n)} THEN ${own(BigInt(size))} ELSE ${own(0n)} END`;
  const floor = `${reference} OPERATOR(pg_catalog.-) (${rest}) OPERATOR(pg_catalog.-) ${shift}`;
  return `CASE WHEN ${reference} OPERATOR(pg_catalog.>=) ${own(min + BigInt(size))} THEN ${floor} END`;
}

/** In numeric arithmetic: exact, and far from overflow. */
function numericBucket(
  { typeText }: MaskedColumn,
  value: string,
  size: number,
  min: string,
  max: string,
): string {
  const literal = (digits: string): string => `'${digits}'::pg_catalog."numeric"`;
  const exact = `${value}::pg_catalog."numeric"`;
  const step = literal(decimalText(size));
  const rest = `pg_catalog.mod(${exact}, ${step})`;
  const shift = `CASE WHEN ${rest} OPERATOR(pg_catalog.<) ${literal('0')} THEN ${step} ELSE ${literal('0')} END`;
  const floor = `(${exact} OPERATOR(pg_catalog.-) ${rest} OPERATOR(pg_catalog.-) ${shift})`;
  const sane = `pg_catalog.abs(${exact}) OPERATOR(pg_catalog.<=) ${literal(NUMERIC_LIMIT)}`;
  const fits = `${floor} OPERATOR(pg_catalog.>=) ${literal(min)} AND ${floor} OPERATOR(pg_catalog.<=) ${literal(max)}`;
  const none = `ELSE NULL::${typeText} END`;
  return `CASE WHEN ${sane} THEN CASE WHEN ${fits} THEN ${floor}::${typeText} ${none} ${none}`;
}

/** Without exponent, as PostgreSQL would print it. */
function decimalText(size: number): string {
  if (Number.isInteger(size)) return BigInt(size).toString();
  return size.toFixed(12).replace(/\.?0+$/, '');
}

/** The largest value of `numeric(p,s)` that rounding cannot push over the edge. */
function numericLimit(typmod: number): string {
  if (typmod < 4) return NUMERIC_LIMIT;
  const precision = ((typmod - 4) >> 16) & 0xffff;
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  // 10^(p-s) - 10^-s
  if (scale <= 0) return `${'9'.repeat(precision)}${'0'.repeat(-scale)}`;
  if (scale >= precision) return `0.${'0'.repeat(scale - precision)}${'9'.repeat(precision)}`;
  return `${'9'.repeat(precision - scale)}.${'9'.repeat(scale)}`;
}
