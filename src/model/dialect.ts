/**
 * What the pipeline asks of a database's language. `sql/postgres` implements it; a second engine is a second
 * implementation. Pure types.
 *
 * All offsets are JavaScript string offsets (UTF-16 code units) into the statement text as given.
 */
import type { Facts } from './facts.ts';
import type { ColumnMask } from './labels.ts';

/** How names of one session resolve: a snapshot of the catalog and the session's own view of it. */
export interface Scope {
  /** Changes whenever anything in the catalog snapshot changed; part of every cache key. */
  readonly catalogVersion: number;
  /** Identifies everything else names depend on (search path, the session's temporary relations); part of every cache key. */
  readonly sessionKey: string;
}

/** One statement of a text. */
export interface AnalyzedStatement {
  readonly facts: Facts;
  /** Where it stands in the text: [start, end), without the semicolon. */
  readonly start: number;
  readonly end: number;
  /**
   * Hex SHA-256 of the parse tree without positions: equal exactly for texts that parse to the same tree. Of very long
   * statements that of the text: equal only for the same text.
   */
  readonly astDigest: string;
  /** Hex SHA-256 over the definitions of the objects the statement reaches, as the snapshot has them. */
  readonly objectsDigest: string;
  /** Names that did not resolve: a refresh of the catalog, or of the session's own relations, may find them. */
  readonly unresolved: readonly string[];
  /** What the statement does to a named prepared statement or cursor of the session. */
  readonly sessionObject?: SessionObjectUse;
  /** True if it calls code of the database whose names are looked up when it runs, and not when it is prepared or declared. */
  readonly resolvesLate?: boolean;
  /** Lets go of what only `rewrite` needs, which is large. The statement can be kept, but not rewritten any more. */
  settle(): void;
}

/** PREPARE/DECLARE create, EXECUTE/FETCH use, DEALLOCATE/CLOSE drop; `drop-all` has an empty name. */
export interface SessionObjectUse {
  readonly kind: 'prepared' | 'cursor';
  readonly verb: 'create' | 'use' | 'drop' | 'drop-all';
  readonly name: string;
}

/** What a text holds. An empty text has no statements. */
export interface Analysis {
  readonly text: string;
  readonly statements: readonly AnalyzedStatement[];
  /** True if the analysis holds for every text of the same shape whose `fixedLiterals` are the same. */
  readonly shareable: boolean;
  /**
   * Which literals of the shape (0 is the first) stand where they may change facts, names, types or the rewriting; all others
   * may be exchanged. Absent if there are none.
   */
  readonly fixedLiterals?: readonly number[];
}

/** A replacement of [start, end) of the original text. Splices are sorted and do not overlap. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text with masks pushed down. No splices means: forward the client's bytes as they are. */
export interface Rewrite {
  readonly text: string;
  readonly splices: readonly Splice[];
  /** Statement by statement, the hidden column of each blind lookup; absent if there are none. */
  readonly lookups?: readonly (readonly ColumnMask[])[];
}

/** A text with its literals cut out: equal keys guarantee equal token sequences but for the values of the literals. */
export interface Shape {
  readonly key: string;
  /** start, end, start, end, … of the literals, ascending. */
  readonly literals: readonly number[];
}

export interface Dialect<S extends Scope = Scope> {
  /**
   * The shape of a text, or undefined if the scanner has any doubt how the database would cut it into tokens. Total,
   * never throws, O(length).
   */
  shape(text: string): Shape | undefined;
  /**
   * Parses and resolves. Synchronous for short texts, a promise for long ones (they are parsed in a worker).
   * @throws {SluiceError} syntax_error, statement_too_complex, statement_too_large, bad_encoding
   */
  analyze(text: string, scope: S): Analysis | Promise<Analysis>;
  /**
   * Pushes `masks` down into the text. The result was parsed again and differs from the original in nothing but the
   * intended places.
   * @throws {SluiceError} mask_refused where that cannot be done; never returns a text that would leak.
   */
  rewrite(analysis: Analysis, masks: readonly ColumnMask[], scope: S): Rewrite | Promise<Rewrite>;
}
