/**
 * Masks as SQL: an expression over a column that is total (raises for no value), immutable, and of the column's own type.
 *
 * Every branch of a CASE carries the type's modifier, or the whole would lose it. A mask that a type cannot express becomes null of that type. Every function, operator and type is spelled with its schema,
 * so that no search_path can redirect it; constructs that look operators up by bare name (IN, BETWEEN, simple CASE) are
 * not used.
 */
import type { Mask } from '../../model/labels.ts';
import { arrayExpression } from './array-expression.ts';
import { bucketExpression } from './bucket-expression.ts';
import type { CatalogSnapshot, TypeInfo } from './catalog.ts';
import { constantLiteral } from './constant-literal.ts';
import { customExpression } from './custom-expression.ts';
import { dateExpression } from './date-expression.ts';
import { hashExpression } from './hash-expression.ts';
import { quoteName, quoteQualified } from './identifiers.ts';
import { jsonExpression } from './json-expression.ts';
import type { ColumnInfo } from './relation-info.ts';
import { textExpression } from './text-expression.ts';

/** A column to be masked. */
export interface MaskedColumn {
  readonly info: ColumnInfo;
  /** Undefined if the snapshot does not know its type. */
  readonly type: TypeInfo | undefined;
  /** How the expression refers to it. */
  readonly reference: string;
  /** How its type is spelled; undefined if it cannot be. */
  readonly typeText: string | undefined;
}

/**
 * The masked value of a column, as SQL.
 * @param reference how SQL refers to the column there; by default by its bare name
 */
export function maskExpression(
  catalog: CatalogSnapshot,
  info: ColumnInfo,
  mask: Mask,
  reference = quoteName(info.name),
): string {
  const type = catalog.type(info.typeOid);
  const column: MaskedColumn = {
    info,
    type,
    reference,
    typeText: type && spellType(type, info),
  };
  const value = valueExpression(catalog, column, mask) ?? nullExpression(column);
  return info.collation ? `(${value}) COLLATE ${quoteQualified(...info.collation)}` : value;
}

function valueExpression(catalog: CatalogSnapshot, column: MaskedColumn, mask: Mask): string | undefined {
  if (column.typeText === undefined || column.type === undefined || column.type.kind !== 'b')
    return undefined;
  const isList = column.type.elementOid !== 0 && mask.kind !== 'null' && mask.kind !== 'constant';
  if (isList)
    return arrayExpression(column, (reference) => elementExpression(catalog, column.type!, reference, mask));
  switch (mask.kind) {
    case 'null':
      return undefined;
    case 'paths':
      return jsonExpression(column, mask.paths, (reference, inner) => textMask(catalog, reference, inner));
    case 'constant':
      return constantLiteral(column, mask.value);
    case 'date':
      return dateExpression(column, mask.unit);
    case 'hash':
      return hashExpression(column, mask.rotation ?? '');
    case 'bucket':
      return bucketExpression(column, mask.size);
    case 'sql':
      return customExpression(catalog, column, mask);
    default:
      return textExpression(column, mask);
  }
}

/** The masked value of a list's element. */
function elementExpression(
  catalog: CatalogSnapshot,
  list: TypeInfo,
  reference: string,
  mask: Mask,
): string | undefined {
  const type = catalog.type(list.elementOid);
  return type && valueExpression(catalog, loose(type, reference), mask);
}

/** The masked value of a text that stands in no column. */
function textMask(catalog: CatalogSnapshot, reference: string, mask: Mask): string | undefined {
  const type = catalog.typesNamed('text').find(({ schema }) => schema === 'pg_catalog');
  return type && valueExpression(catalog, loose(type, reference), mask);
}

/** A value without a column: of its type, without modifier and collation. */
function loose(type: TypeInfo, reference: string): MaskedColumn {
  const info = { ...NO_COLUMN, typeOid: type.oid };
  return { info, type, reference, typeText: quoteQualified(type.schema, type.name) };
}

const NO_COLUMN: ColumnInfo = {
  name: '',
  attnum: 0,
  typeOid: 0,
  typmod: -1,
  typeText: undefined,
  notNull: false,
  generated: '',
  collation: undefined,
  computedFrom: [],
};

/**
 * Null of the column's type. Types that a cast of null could make raise (domains that forbid it) or that have no literal
 * (pseudo types of the system views) take their type from a branch that is never taken.
 */
function nullExpression({ type, typeText, reference }: MaskedColumn): string {
  const castable = type !== undefined && typeText !== undefined && type.kind !== 'd' && type.kind !== 'p';
  return castable ? `NULL::${typeText}` : `CASE WHEN false THEN ${reference} END`;
}

/** Type names that are words of the grammar: what `format_type` prints for them cannot be redirected. */
const GRAMMATICAL =
  /^(bit|boolean|char|character|double|interval|numeric|real|smallint|integer|bigint|time|timestamp)\b/;

/** A column's type with its modifier, such as `pg_catalog."varchar"(20)`. */
function spellType(type: TypeInfo, { typeText }: ColumnInfo): string | undefined {
  const name = quoteQualified(type.schema, type.name);
  if (typeText === undefined) return name;
  if (type.schema === 'pg_catalog' && GRAMMATICAL.test(typeText)) return typeText;
  const modifier = /\([^()]*\)$/.exec(typeText)?.[0];
  return modifier === undefined ? undefined : `${name}${modifier}`;
}
