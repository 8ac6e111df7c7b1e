/** What labels stand at besides columns. */

/**
 * Stands for a column: which rows a view or a partition has tells about what the label names. No real column of a view is called so by any
 * tool, and if one is it is masked too.
 */
export const ROWS = '*';

/**
 * Stands for a column: in what order the rows of a view or a partitioned table come tells about what the label names, because of the
 * indexes or partitions that they are read from. No name that a tool would give.
 */
export const ORDER = '(order)';

/** Stands for a column: what a view of the system catalogs tells in one row, by the oid of what that row is about. */
export function rowOf(oid: number): string {
  return `(row ${oid})`;
}

/** True of what stands for no value at all. */
export function isTrace(column: string): boolean {
  return column === ORDER || rowsMeant([column]).length > 0;
}

/** The oids of those rows that are meant. */
export function rowsMeant(columns: Iterable<string>): number[] {
  return [...columns].flatMap((column) => {
    const oid = /^\(row (\d+)\)$/.exec(column)?.[1];
    return oid === undefined ? [] : [Number(oid)];
  });
}
