/** The value of `search_path` as SHOW, current_setting() and ParameterStatus give it. */

/**
 * Splits it into names, as SplitIdentifierString of varlena.c does: bare names fold to lower case, quoted ones do not.
 * Total: a malformed rest is left out.
 */
export function parseSearchPath(text: string): string[] {
  const names: string[] = [];
  const element = /\s*(?:"((?:[^"]|"")*)"|([^,"\s][^,"]*?))\s*(?:,|$)/gy;
  for (let match = element.exec(text); match !== null && match[0] !== ''; match = element.exec(text)) {
    names.push(match[1]?.replaceAll('""', '"') ?? match[2]!.toLowerCase());
  }
  return names;
}
