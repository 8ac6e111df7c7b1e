/** What a report says, as data: the JSON file is this, and the page shows nothing else. Pure types. */
import type { FrameworkId } from './frameworks.ts';

/** A number, and how to count it again: a filter of `sluice search`. */
export interface Figure {
  readonly label: string;
  readonly value: number;
  readonly filter?: string;
}

/** The first rows, and how many there are in all. */
export interface Listed<T> {
  readonly rows: readonly T[];
  readonly total: number;
  /** What finds all of them. */
  readonly filter?: string;
}

/** An entry of the ledger that stands for something; `seq` is its place, which `sluice ledger prove` takes. */
export interface EntryRef {
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface AccessRow {
  readonly principal: string;
  readonly kind: string;
  /** Whom it acted for. */
  readonly onBehalfOf: readonly string[];
  readonly databases: readonly string[];
  readonly sessions: Figure;
  readonly statements: Figure;
  /** Of statements that were let through. */
  readonly policies: readonly string[];
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface StatementRow extends EntryRef {
  readonly who: string;
  readonly database: string;
  readonly command: string;
  readonly decision: string;
  readonly policies: readonly string[];
  /** As the ledger shows it without keys, cut. */
  readonly text: string;
  readonly reason?: string;
  readonly approval?: string;
}

export interface ApprovalRow extends EntryRef {
  readonly request: string;
  readonly askedBy: string;
  readonly database?: string;
  /** The state it came to, or `pending`. */
  readonly state: string;
  readonly answers: readonly ApprovalAnswerRow[];
  /** Whether whoever asked, or for whom, is among those who approved. */
  readonly isSelfApproved: boolean;
}

export interface ApprovalAnswerRow extends EntryRef {
  readonly by: string;
  readonly verdict: string;
  readonly via?: string;
  readonly isAutomatic: boolean;
  readonly reason?: string;
}

export interface LabelRow {
  readonly label: string;
  /** Rows that were returned with it masked, and as they are. */
  readonly maskedRows: number;
  readonly unmaskedRows: number;
  readonly maskedStatements: Figure;
  readonly unmaskedStatements: Figure;
  /** Who read it as it is, with how many rows. */
  readonly readers: Listed<{
    readonly principal: string;
    readonly rows: number;
    readonly statements: Figure;
  }>;
}

export interface ChangeRow extends EntryRef {
  readonly kind: string;
  readonly by: string;
  readonly what: string;
}

export interface GapRow extends EntryRef {
  readonly what: string;
}

export interface DenialRow {
  readonly policy: string;
  readonly statements: Figure;
  readonly principals: readonly string[];
}

/** Whether the log was what was signed when the report was made. */
export interface LogState {
  readonly vkey?: string;
  readonly checkpoint?: {
    readonly size: number;
    readonly root: string;
    readonly cosigners: readonly string[];
  };
  /** Checkpoints kept in a second place that were held against the log, and how many of them do not fit it. */
  readonly anchors?: {
    readonly kept: number;
    readonly unfit: number;
    /** Places that could not be read, and why. */
    readonly unread?: readonly string[];
  };
  /** Absent if it was not verified. */
  readonly verified?: {
    readonly ok: boolean;
    readonly entries: number;
    readonly pending: number;
    /** Entries whose hashes are proven, but whose texts are gone: no number here knows of them. */
    readonly pruned: number;
    readonly fault?: string;
  };
}

export interface Evidence {
  /** The version of this form. */
  readonly format: 1;
  readonly from: number;
  /** Excluded. */
  readonly to: number;
  readonly database?: string;
  readonly framework?: FrameworkId;
  readonly madeAt: number;
  readonly madeBy: string;
  readonly version: string;
  readonly log: LogState;
  /** Entries within the period, and the first and last of them. */
  readonly entries: { readonly count: number; readonly first?: number; readonly last?: number };
  readonly summary: readonly Figure[];
  readonly access: Listed<AccessRow>;
  readonly privileged: Listed<StatementRow> & { readonly byAction: readonly Figure[] };
  readonly approvals: Listed<ApprovalRow> & {
    readonly byState: readonly Figure[];
    readonly selfApproved: number;
    readonly automatic: number;
  };
  readonly denials: Listed<StatementRow> & { readonly byPolicy: readonly DenialRow[] };
  readonly labels: readonly LabelRow[];
  readonly changes: Listed<ChangeRow>;
  readonly credentials: Listed<ChangeRow>;
  readonly logins: Listed<ChangeRow>;
  readonly auditAccess: Listed<ChangeRow>;
  readonly gaps: Listed<GapRow>;
}
