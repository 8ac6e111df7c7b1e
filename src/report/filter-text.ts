/** Filters of `sluice search`, as text: docs/search.md says how they are read. Pure. */

export interface FilterScope {
  /** Milliseconds since the epoch; `to` is excluded. */
  readonly from: number;
  readonly to: number;
  readonly database?: string;
}

/** A value that is taken as it is, whatever stands in it. */
export function filterValue(value: string): string {
  if (/^[\w.@+-]+$/.test(value)) return value;
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

/** Within the period, and within the database if the scope names one. */
export function filterOf(scope: FilterScope, ...conditions: readonly string[]): string {
  const database = scope.database === undefined ? [] : [`database:${filterValue(scope.database)}`];
  return periodFilter(scope, ...conditions, ...database);
}

/** Within the period, whatever the database: for what belongs to none. */
export function periodFilter({ from, to }: FilterScope, ...conditions: readonly string[]): string {
  // A day that ends the period counts whole.
  const last = isMidnight(to) ? dayText(to - DAY_MS) : momentText(to);
  const first = isMidnight(from) ? dayText(from) : momentText(from);
  return [...conditions, `since:${first}`, `until:${last}`].join(' ');
}

const DAY_MS = 24 * 3600_000;
const isMidnight = (at: number): boolean => at % DAY_MS === 0;
const dayText = (at: number): string => new Date(at).toISOString().slice(0, 10);
const momentText = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z');

/** A command as it can be pasted into a shell. */
export function shellCommand(command: string, argument: string, ...options: readonly string[]): string {
  return [command, shellText(argument), ...options].join(' ');
}

/** A text as one word of a shell's command, whatever stands in it. */
export function shellText(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}
