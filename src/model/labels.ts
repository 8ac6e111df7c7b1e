/** Labels and masks. Types, and what follows from them alone. */
import type { RelationId } from './facts.ts';
import type { MaskTerm } from './mask-term.ts';

/** What a column holds: `email`, `card_number`, … Lower snake case. */
export type Label = string;

/** The label of columns that hold text of outsiders, who may want to tell a reader what to do. It hides nothing. */
export const UNTRUSTED: Label = 'untrusted';

/** How a label is shown to those who may not see it. Total, immutable, type-keeping. */
export type Mask =
  | { readonly kind: 'null' }
  /** Every text becomes the same text (`replacement`, default `***`); other types become null. */
  | { readonly kind: 'redact'; readonly replacement?: string }
  /** First character of the local part and the domain: `a***@example.com`. */
  | { readonly kind: 'email' }
  /** Only the last `n` characters stay, the rest become `*`. */
  | { readonly kind: 'last'; readonly n: number }
  /** Only the first `n` characters stay. */
  | { readonly kind: 'partial'; readonly n: number }
  /** Dates and timestamps cut to the start of the unit. */
  | { readonly kind: 'date'; readonly unit: 'month' | 'quarter' | 'year' }
  /** Numbers cut down to a multiple of `size`. */
  | { readonly kind: 'bucket'; readonly size: number }
  /**
   * A pseudonym: equal values become equal ones, under a key that only the gate has. Another `rotation` makes other pseudonyms.
   */
  | { readonly kind: 'hash'; readonly rotation?: string }
  /** In a document, what stands at each path by its own mask. Made of several labels; nobody writes it. */
  | {
      readonly kind: 'paths';
      readonly paths: readonly { readonly path: readonly string[]; readonly mask: Mask }[];
    }
  /** An expression of somebody's, and what it is as a mask of texts and of whole numbers, if it is one. */
  | {
      readonly kind: 'sql';
      readonly expression: string;
      readonly text?: MaskTerm;
      readonly integer?: MaskTerm;
    }
  /** A constant, read as the column's type; null if the type cannot hold it. */
  | { readonly kind: 'constant'; readonly value: string };

/** One labelled column of one database. */
export interface ColumnLabel {
  readonly relation: RelationId;
  readonly column: string;
  readonly label: Label;
  /** Keys of a document in the column, outermost first, if only what stands there has the label. */
  readonly path?: readonly string[];
  /** Present if the column holds something that was computed from such values: masks that show a part of a value do not fit. */
  readonly computed?: boolean;
  /** Present if no value stands there: it tells about values that stand elsewhere. */
  readonly trace?: true;
  /** Why it is labelled, if not because the configuration names it: see `sql/postgres/label-memory.ts`. */
  readonly origin?: string;
}

/** Labelled columns that a statement touches, or may. */
export interface TouchedLabels {
  readonly columns: readonly ColumnLabel[];
  /** Present if there are more than stand there. */
  readonly more?: true;
}

/** A column that must be shown masked, as an obligation of a decision. */
export interface ColumnMask extends ColumnLabel {
  readonly mask: Mask;
  /**
   * How many values an hour may be looked up in it without seeing it: by the actor, and by each of those it acts for; absent if none
   * may.
   */
  readonly lookupsPerHour?: readonly number[];
}

/**
 * The labelled columns of one database with their masks. Immutable; equal versions mean equal content. A column that holds
 * several things (a view column made of two labelled ones) has one entry a label.
 */
export interface LabelSet {
  /** Hex SHA-256 over the content; part of every cache key. */
  readonly version: string;
  /** Every label in use, sorted, unique. */
  readonly labels: readonly Label[];
  /** Every labelled column, sorted by relation, column and label. */
  readonly columns: readonly ColumnMask[];
  /** The labelled columns of a relation; empty if there are none. */
  ofRelation(relation: RelationId): readonly ColumnMask[];
  /** The labels of a column; empty if it has none. */
  labelsOf(relation: RelationId, column: string): readonly Label[];
}

/** What a mask leaves of a value it leaves of something computed from it too: `salary * 1000000`, `reverse(card)`. */
export function strictestMask(mask: Mask): Mask {
  return mask.kind === 'null' || mask.kind === 'constant' ? mask : { kind: 'redact' };
}
