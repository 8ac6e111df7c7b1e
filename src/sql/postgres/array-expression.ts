/** Masks of lists: each element by its own mask. Lists of lists become null, because their shape would be lost. */
import type { MaskedColumn } from './mask-expressions.ts';

const ELEMENT = '"u"."e"';

/**
 * Undefined if the elements cannot be masked, or the column is no list.
 * @param maskElement the masked value of an element, as SQL
 */
export function arrayExpression(
  { type, typeText, reference, info }: MaskedColumn,
  maskElement: (reference: string) => string | undefined,
): string | undefined {
  if (!type?.builtin || type.schema !== 'pg_catalog' || type.elementOid === 0) return undefined;
  // The elements of varchar(4)[] have a length that a cast of the list would have to keep.
  if (info.typmod !== -1) return undefined;
  const element = maskElement(ELEMENT);
  if (element === undefined) return undefined;
  const dimensions = `pg_catalog.array_ndims(${reference})`;
  const elements = `ARRAY(SELECT ${element} FROM pg_catalog.unnest(${reference}) WITH ORDINALITY AS "u"("e", "i") ORDER BY "u"."i")`;
  return `CASE WHEN ${dimensions} IS NULL THEN ${reference} WHEN ${dimensions} OPERATOR(pg_catalog.=) 1 THEN ${elements}::${typeText} END`;
}
