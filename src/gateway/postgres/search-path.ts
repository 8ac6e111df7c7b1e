/** Reads the value of `search_path` as the server shows it (utils/adt/varlena.c, `SplitIdentifierString`). */

/** The names, unquoted; those without quotes in lower case. A value that cannot be read gives no names: nothing resolves. */
export function parseSearchPath(value: string): string[] {
  const names: string[] = [];
  const element = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(,|$)/y;
  while (element.lastIndex < value.length) {
    const match = element.exec(value);
    if (match === null) return [];
    names.push(match[1] === undefined ? match[2]!.toLowerCase() : match[1].replaceAll('""', '"'));
    if (match[3] === '') break;
  }
  return names;
}
