/**
 * Masks inside documents: what stands at some paths of a `jsonb` column is masked, the rest stays as it is. A document that is not
 * built as the paths expect (a list or a text where an object should be) is not shown at all: what is hidden may stand
 * anywhere in it.
 *
 * `json` columns become null as a whole: reading their text as a document can fail.
 *
 * @see https://www.postgresql.org/docs/18/functions-json.html
 */
import type { Mask } from '../../model/labels.ts';
import { quoteText } from './identifiers.ts';
import type { MaskedColumn } from './mask-expressions.ts';

export type PathMask = Extract<Mask, { kind: 'paths' }>['paths'][number];

/** The masked value of the text at a path, as SQL, or undefined if the mask does not go with texts. */
export type MaskText = (reference: string, mask: Mask) => string | undefined;

const JSON_NULL = `'null'::pg_catalog.jsonb`;

/** Undefined if the column is no jsonb. */
export function jsonExpression(
  { type, reference }: MaskedColumn,
  paths: readonly PathMask[],
  maskText: MaskText,
): string | undefined {
  if (!type?.builtin || type.schema !== 'pg_catalog' || type.name !== 'jsonb') return undefined;
  const parents = new Map(
    paths.flatMap(({ path }) => path.map((_, depth) => [array(path.slice(0, depth)), path.slice(0, depth)])),
  );
  const checks = [...parents.values()].map((path) => isObjectOrNothing(reference, path));
  const masked = paths.reduce(
    (document, { path, mask }) =>
      `pg_catalog.jsonb_set(${document}, ${array(path)}, ${leaf(reference, path, mask, maskText)}, false)`,
    reference,
  );
  // A document that is null, in either sense, has no paths that could be set.
  const isObject = `pg_catalog.jsonb_typeof(${reference}) OPERATOR(pg_catalog.=) 'object'`;
  return `CASE WHEN ${checks.join(' AND ')} THEN CASE WHEN ${isObject} THEN ${masked} ELSE ${reference} END END`;
}

function array(path: readonly string[]): string {
  const items = path.map((key) => `"${key.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  return `${quoteText(`{${items.join(',')}}`)}::pg_catalog._text`;
}

const at = (reference: string, path: readonly string[]): string =>
  path.length === 0 ? reference : `(${reference} OPERATOR(pg_catalog.#>) ${array(path)})`;

const typeAt = (reference: string, path: readonly string[]): string =>
  `pg_catalog.jsonb_typeof(${at(reference, path)})`;

/** Nothing there, null there, or an object. */
function isObjectOrNothing(reference: string, path: readonly string[]): string {
  const type = typeAt(reference, path);
  return `(${type} IS NULL OR ${type} OPERATOR(pg_catalog.=) 'object' OR ${type} OPERATOR(pg_catalog.=) 'null')`;
}

/** Texts by their mask; everything else, numbers included, becomes null. Never a null of SQL: that would empty the document. */
function leaf(reference: string, path: readonly string[], mask: Mask, maskText: MaskText): string {
  const text = `(${reference} OPERATOR(pg_catalog.#>>) ${array(path)})`;
  const masked = maskText(text, mask);
  if (masked === undefined) return JSON_NULL;
  const isText = `${typeAt(reference, path)} OPERATOR(pg_catalog.=) 'string'`;
  return `CASE WHEN ${isText} THEN coalesce(pg_catalog.to_jsonb((${masked})::pg_catalog.text), ${JSON_NULL}) ELSE ${JSON_NULL} END`;
}
