/** Spelling names and literals in generated SQL. */

/** A name, always quoted: no keyword, no case folding and no search path can change what it means. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"schema"."name"` */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

/**
 * A text literal that means the same whatever `standard_conforming_strings` and `backslash_quote` say.
 * @param text without NUL
 */
export function quoteText(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}
