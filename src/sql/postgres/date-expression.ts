/** The mask of dates: cut to the start of a unit, in UTC. */
import type { Mask } from '../../model/labels.ts';
import type { MaskedColumn } from './mask-expressions.ts';

type Unit = Extract<Mask, { kind: 'date' }>['unit'];

const UNITS: ReadonlySet<string> = new Set(['month', 'quarter', 'year']);

/** Within these years every cast and cut is defined; what lies outside becomes null. */
const FIRST = '0001-01-01';
const LAST = '9999-12-31';

const TRUNC = (unit: Unit, timestamp: string): string => `pg_catalog.date_trunc('${unit}', ${timestamp})`;

/** Undefined if the column is neither date nor timestamp. */
export function dateExpression({ type, typeText, reference }: MaskedColumn, unit: Unit): string | undefined {
  if (!type?.builtin || type.schema !== 'pg_catalog' || !UNITS.has(unit)) return undefined;
  const cut = cutExpression(type.name, unit, reference);
  if (cut === undefined) return undefined;
  const own = `pg_catalog."${type.name}"`;
  const zone = type.name === 'timestamptz' ? ' 00:00:00+00' : '';
  const within = [
    `${reference} OPERATOR(pg_catalog.>=) '${FIRST}${zone}'::${own}`,
    `${reference} OPERATOR(pg_catalog.<=) '${LAST}${zone}'::${own}`,
  ].join(' AND ');
  return `CASE WHEN ${within} THEN (${cut})::${typeText} ELSE NULL::${typeText} END`;
}

function cutExpression(type: string, unit: Unit, reference: string): string | undefined {
  if (type === 'date') return TRUNC(unit, `${reference}::pg_catalog."timestamp"`);
  if (type === 'timestamp') return TRUNC(unit, reference);
  if (type !== 'timestamptz') return undefined;
  // A zone given as an interval depends on no setting; one given by name does.
  const utc = `'00:00:00'::pg_catalog."interval"`;
  return `pg_catalog.timezone(${utc}, ${TRUNC(unit, `pg_catalog.timezone(${utc}, ${reference})`)})`;
}
