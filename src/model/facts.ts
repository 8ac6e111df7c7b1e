/**
 * Facts: what a statement does, independent of any dialect. Pure types.
 *
 * Facts are about *what was written*, resolved against a catalog snapshot; they hold no values of the database. What could
 * not be understood is listed in `opaque`, never left out: an empty `opaque` claims that everything else is complete.
 */

/** What a statement does to a thing; also the Cedar actions (plus `Connect`, `Unmask`, `Match` and `ReadAudit`). */
export type Action =
  | 'Connect'
  | 'Read'
  | 'Insert'
  | 'Update'
  | 'Delete'
  | 'Truncate'
  | 'Create'
  | 'Alter'
  | 'Drop'
  | 'Grant'
  | 'Execute'
  | 'Export'
  | 'Lock'
  | 'Maintain'
  | 'Set'
  | 'Notify'
  | 'Transaction'
  | 'Administer'
  | 'Unmask'
  | 'Match'
  | 'ReadAudit';

/** `schema.name` as the catalog spells it, without quoting; for a relation that was not found, the name as written. */
export type RelationId = string;

/** How one statement uses one relation. One entry per (relation, action); columns are sorted and unique. */
export interface RelationUse {
  readonly relation: RelationId;
  /** False if the catalog snapshot does not know it (it may not exist, or be temporary). */
  readonly known: boolean;
  /** True for relations of the system schemas (pg_catalog, information_schema). */
  readonly system: boolean;
  /** True for the session's own temporary relations. */
  readonly temporary: boolean;
  readonly action: Action;
  /** Columns whose values the statement reads in any position (output, predicate, sort, …). */
  readonly reads: readonly string[];
  /** Columns in predicates, joins and sorts: a subset of `reads`. */
  readonly filters: readonly string[];
  /** Columns written. */
  readonly writes: readonly string[];
}

/** A function the statement calls. */
export interface FunctionUse {
  /** `schema.name`; for one that was not found, the name as written. */
  readonly name: string;
  /** True if its effects are known to stay within its arguments and result. */
  readonly transparent: boolean;
}

/** A setting the statement changes. `value` is null when it is not a literal. */
export interface SettingUse {
  readonly name: string;
  readonly value: string | null;
  readonly local: boolean;
}

/** Something the analysis could not see through. */
export interface Opaque {
  /** Stable, for policy and tests. */
  readonly kind:
    | 'statement' // a statement kind the analysis does not know
    | 'function' // a function whose effects are unknown
    | 'dynamic-sql' // text executed as SQL
    | 'relation' // a relation that cannot be resolved
    | 'type' // a type, cast or operator that runs unknown code
    | 'setting'; // a setting that changes how text is read
  /** One phrase for people: `function public.f(integer)`. */
  readonly what: string;
}

/**
 * What makes a statement dangerous, whatever the dialect. Policies see them as `context.hazards`; docs/policy.md says what each
 * means.
 */
export type HazardKind =
  | 'drops-object'
  | 'drops-column'
  | 'drops-constraint'
  | 'renames'
  | 'empties-table'
  | 'rewrites-table'
  | 'checks-every-row'
  | 'blocks-others'
  | 'unbounded-write'
  | 'hidden-write'
  | 'bulk-read'
  | 'changes-privileges'
  | 'changes-roles'
  | 'acts-as-another'
  | 'lifts-safeguard'
  | 'administers-server'
  | 'runs-program'
  | 'reaches-files'
  | 'loads-code'
  | 'reaches-other-sessions'
  | 'reaches-other-servers'
  | 'uses-large-objects'
  | 'runs-unseen-code'
  | 'ends-transaction';

/** Some of the tokens of a text, [from, to): the first of the text is 0. Comments are none. */
export interface TokenSpan {
  readonly from: number;
  readonly to: number;
}

/** One danger of one statement. */
export interface Hazard {
  readonly kind: HazardKind;
  /** What, as the end of the sentence "it …": `drops column email of public.customers`. */
  readonly what: string;
  /** What to write instead, as a sentence, where there is something milder that comes to the same. */
  readonly instead?: string;
  /** Where it stands in the text that was analysed; absent if it stands in another, or nobody can tell. */
  readonly place?: TokenSpan;
}

/** Who has to wait while a lock is held: nobody; other definitions and maintenance; writers too; everybody, readers included. */
export type Blocking = 'nobody' | 'definitions' | 'writes' | 'everything';

/** A lock on a whole relation that makes others wait. */
export interface LockUse {
  readonly relation: RelationId;
  /** As the engine calls it: `ACCESS EXCLUSIVE`. */
  readonly mode: string;
  readonly blocks: Exclude<Blocking, 'nobody'>;
}

/** What kind of transaction control a statement is, for the session's bookkeeping. */
export type TransactionControl =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollback-to'
  | 'prepare'
  | 'none';

/** A column that a statement reads. */
export interface ValueOrigin {
  /** As written, if it was not found. */
  readonly relation: RelationId;
  /** Empty if it is not known which. */
  readonly column: string;
  /** True if only the session knows it: temporary, or not committed yet. */
  readonly own: boolean;
}

/** Values that a statement stores: where they go, and the columns they come from. */
export interface ValueFlow {
  readonly relation: RelationId;
  /** True if it is to be made, or only the session knows it: then this is what it will be called. */
  readonly isNew: boolean;
  readonly temporary: boolean;
  /** `*` stands for which rows there are; absent if any column may get them. */
  readonly column?: string;
  /** Absent if that is not known: then they may come from whatever the statement reads. */
  readonly from?: readonly ValueOrigin[];
  /** True if it is the value of one column as it is. */
  readonly exact: boolean;
}

/** What one statement does. */
export interface Facts {
  /** The command tag without counts, as the engine would report it: `SELECT`, `UPDATE`, `CREATE TABLE`. */
  readonly command: string;
  /** Every distinct action, in order of first appearance. */
  readonly actions: readonly Action[];
  readonly relations: readonly RelationUse[];
  /** Other objects touched: `{action: 'Create', type: 'index', name: 'public.i'}`. */
  readonly objects: readonly ObjectUse[];
  readonly functions: readonly FunctionUse[];
  readonly settings: readonly SettingUse[];
  /** False for an UPDATE or DELETE (also nested) without a predicate, or with one that is always true. */
  readonly bounded: boolean;
  /** Present if it is an UPDATE or DELETE that touches one row at the most, whatever the data; triggers and cascades aside. */
  readonly atMostOneRow?: true;
  /** True if the statement may change data, objects, settings that outlive it, or the world outside. Unknown counts as true. */
  readonly writes: boolean;
  /** True if it may change what names mean (DDL): the catalog snapshot is refreshed after it. */
  readonly changesCatalog: boolean;
  readonly transaction: TransactionControl;
  readonly opaque: readonly Opaque[];
  /**
   * Code of the database that runs because of the statement though the statement does not name it, as phrases for people
   * (`trigger t on public.orders`): nobody knows what its errors and notices quote. Absent if there is none.
   */
  readonly setsOff?: readonly string[];
  /** Each kind may stand several times, for different things. Absent if there are none. */
  readonly hazards?: readonly Hazard[];
  /** The strongest lock on each relation. Absent if nobody has to wait. */
  readonly locks?: readonly LockUse[];
  /** Numbers of the parameters that name settings it reads; absent if there are none. */
  readonly settingParameters?: readonly number[];
  /** Absent if it stores nothing that comes from a column. */
  readonly flows?: readonly ValueFlow[];
}

/** A schema object that is not used as a relation. */
export interface ObjectUse {
  readonly action: Action;
  /** Lower case: `table`, `index`, `function`, `role`, `schema`, `extension`, … */
  readonly type: string;
  readonly name: string;
}
