/** What a held statement would do, found out by doing it and taking it back. Pure types. */
import type { RelationId } from './facts.ts';

/** Which rows a statement changes, as they are before it: an approval given on a preview is good for these. */
export interface AffectedRows {
  readonly count: number;
  /** Hex, under a key of the installation: over the images of the rows, keys included; of no rows if it only adds some. */
  readonly digest: string;
}

/** How many rows of a table came, changed and went, by whatever the statement set off. */
export interface TableCounts {
  readonly relation: RelationId;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

export interface FiredTrigger {
  readonly name: string;
  readonly relation: string;
  readonly calls: number;
}

/** One row as the reviewer may see it: texts in the order of the columns, cut where they are long. */
export interface PreviewedRow {
  /** Absent for a row that comes. */
  readonly before?: readonly (string | null)[];
  /** Absent for a row that goes, or where nobody can say which row it became. */
  readonly after?: readonly (string | null)[];
}

export interface Preview {
  readonly request: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whether it ran on the database itself or on the one that the configuration names for previews. */
  readonly place: 'database' | 'preview';
  readonly durationMs: number;
  readonly relation: RelationId;
  readonly affected: AffectedRows;
  /** Type oids of the parameters. */
  readonly parameterTypes: readonly number[];
  readonly tables: readonly TableCounts[];
  readonly triggers: readonly FiredTrigger[];
  readonly columns: readonly string[];
  /** Those of `columns` that the reviewer sees masked. */
  readonly masked: readonly string[];
  /** The first of them; none if the reviewer may not read the table. */
  readonly rows: readonly PreviewedRow[];
  /** What else there is to know, as sentences. */
  readonly notes: readonly string[];
}
