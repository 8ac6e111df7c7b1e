/**
 * A plan: everything the gate has concluded about one text for one actor, before parameters are known. Plans are immutable
 * and shared between sessions of the same actor, so that a known statement costs one look-up.
 */
import type { SluiceError } from '../errors/sluice-error.ts';
import type { Decision, RowLimit } from '../model/decision.ts';
import type { AnalyzedStatement, Splice } from '../model/dialect.ts';
import type { Facts } from '../model/facts.ts';
import type { StatementShape } from '../model/grant.ts';
import type { PrivacyScope } from '../model/ledger-entry.ts';
import type { ParameterValue } from '../model/session.ts';
import type { InheritedLabel } from './inherited-labels.ts';
import type { LookupDemand } from './lookup-meter.ts';
import type { RowCounter } from './row-limit.ts';

/** What the ledger says of a statement, made once a plan. */
export interface StatementRecord {
  readonly command: string;
  readonly actions: Facts['actions'];
  readonly relations: readonly string[];
  readonly policies: readonly string[];
  readonly masked?: readonly string[];
  /** Labels that it reads as they are. */
  readonly unmasked?: readonly string[];
  /** `relation.column:label` of each hidden column in which a value is looked up, once a lookup. */
  readonly lookups?: readonly string[];
  readonly functions?: readonly string[];
  readonly opaque?: readonly string[];
  readonly bounded?: false;
  readonly reason?: string;
}

export interface PlannedStatement {
  readonly analyzed: AnalyzedStatement;
  /** What is decided on: the statement's own facts, or those of the prepared statement or cursor it uses. */
  readonly facts: Facts;
  readonly decision: Decision;
  readonly record: StatementRecord;
  /** Present if it touches labelled columns, or may: then its values are not for everyone who reads the ledger. */
  readonly privacy?: PrivacyScope;
  /** Columns of untrusted text that it reads, if any: `schema.relation.column`, or `*`. */
  readonly taints?: readonly string[];
  /** The prepared statement or cursor that it uses by name: that runs, too. */
  readonly uses: readonly NamedObject[];
  /** True if its errors and notices could quote values that the actor may not see. */
  readonly withholdsErrors: boolean;
  /** True if the policies may decide otherwise once they know how many rows it touches. */
  readonly wantsEstimate: boolean;
  /** Parameters that name settings, and whether some are hidden from the actor; absent if there are none. */
  readonly namedSettings?: { readonly parameters: readonly number[]; readonly restricted: boolean };
  /** Labels that come into other columns with what it stores there; absent if none do. */
  readonly inherits?: readonly InheritedLabel[];
}

/** What a session's prepared statement, portal or cursor stands for. */
export interface NamedObject {
  /** The statement that made it. */
  readonly text: string;
  readonly analyzed: AnalyzedStatement;
  readonly facts: Facts;
  /** Values it was bound to, if any. */
  readonly parameters: readonly ParameterValue[];
  /** When its literals and values were read, if that could have been otherwise; moments of the session that hold nothing else. */
  readonly readAt?: number;
  /** Of a cursor: what it has returned. */
  readonly returned?: RowCounter;
}

export interface Plan {
  /** What is planned. */
  readonly text: string;
  /** start, end, start, end, … of its plain literals; absent if the text cannot be taken apart for sure. */
  readonly literals?: readonly number[];
  /** A limit of rows by which it was released. */
  readonly cap?: RowLimit;
  /** Present if it is held and an approval may be given to others of its shape, too. */
  readonly shape?: StatementShape;
  /** If the client wrote it otherwise, as settings of its session allow: that, and the splices that make it `text`. */
  readonly written?: { readonly text: string; readonly splices: readonly Splice[] };
  readonly statements: readonly PlannedStatement[];
  readonly outcome: Decision['outcome'];
  /** The text to forward; equal to `text` if nothing is masked. */
  readonly forwardText: string;
  readonly splices: readonly Splice[];
  /** What the client is told if `outcome` is `deny`. */
  readonly refusal?: SluiceError;
  /** True if the record must be on disk before the text is forwarded. */
  readonly writes: boolean;
  readonly changesCatalog: boolean;
  /** True if it may make or drop prepared statements or cursors, so that later messages must wait to know which. */
  readonly redefines: boolean;
  /** Names that did not resolve; a refresh of the catalog or of the session's own relations may find them. */
  readonly unresolved: readonly string[];
  /** True if a statement wants an estimate each time it runs, before it is decided for good. */
  readonly wantsEstimates: boolean;
  /** What has to be counted each time it runs; absent if nothing has. */
  readonly lookups?: readonly LookupDemand[];
  /** True if parameters name settings: what they are has to be looked at each time it runs. */
  readonly namesSettings: boolean;
  /** True if labels go with what it stores: they have to be known before it runs. */
  readonly bringsLabels: boolean;
  /** True if errors and notices of the text could quote values that the actor may not see. */
  readonly withholdsErrors: boolean;
  /** True if a statement uses a prepared statement or cursor by name: what the plan says of it is true of this moment only. */
  readonly usesObjects: boolean;
  /** Under which policies, labels and catalog the plan was made; plans of another generation are made anew. */
  readonly generation: string;
  /** `Scope.sessionKey` of the names it was made for. */
  readonly scopeKey: string;
}
