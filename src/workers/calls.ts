/**
 * What the gateway's processes may ask of each other, and the form that the arguments must have. The primary process has what there is
 * one of; workers serve sessions. None of these calls is on a statement's way, but for one that is held or looks values up.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { Registry } from 'prom-client';
import type { ApprovalDemand } from '../approvals/approvals.ts';
import type { BindingDigests } from '../approvals/binding.ts';
import type { GrantUse } from '../approvals/grants.ts';
import type { ApprovalAnswer } from '../approvals/waiters.ts';
import type { Slice, SliceDemand, SliceReport } from '../budgets/bank.ts';
import type { PolicyText } from '../config/policy-files.ts';
import type { SlotRefusal } from '../gateway/postgres/connection-slots.ts';
import type { PackedTally } from '../identity/auth-throttle.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { AccessGrant, ShapeUse } from '../model/grant.ts';
import type { Label } from '../model/labels.ts';
import type { Preview } from '../model/preview.ts';
import type { Actor } from '../model/principal.ts';
import type { SessionStatus } from '../model/session.ts';
import type { CheckQuery, CheckReport } from '../session/check-report.ts';
import type { DeviationNews } from '../session/deviation-registry.ts';
import type { LookupDemand } from '../session/lookup-meter.ts';
import type { TaintNews } from '../session/taint-registry.ts';
import type { RememberedLabel } from '../sql/postgres/label-memory.ts';
import type { PackedCertificates, PackedConfig } from './packed-config.ts';

/** Of one process, as `Registry.getMetricsAsJSON` has them. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a worker may ask of the primary. A worker's death takes back all that it holds. */
export interface PrimaryCalls {
  requestApproval(demand: ApprovalDemand): Promise<ApprovalRequest>;
  /** @param waiting the worker's own number for this wait */
  awaitApproval(id: string, waiting: number): Promise<ApprovalAnswer>;
  /** Whoever waited with this number is gone: the request is cancelled. */
  withdrawWait(waiting: number): void;
  claimApproval(
    id: string,
    digests: BindingDigests,
    rule: ApprovalRule | undefined,
  ): Promise<ApprovalRequest | undefined>;
  claimGranted(digests: BindingDigests, rule: ApprovalRule | undefined): Promise<ApprovalRequest | undefined>;
  claimShape(use: ShapeUse, rule: ApprovalRule): Promise<GrantUse | undefined>;
  driftApproval(id: string): Promise<void>;
  getApproval(id: string): Promise<ApprovalRequest | undefined>;
  authenticationFailed(address: string, user: string | undefined): void;
  authenticationSucceeded(user: string): void;
  /** The number of the slot, for `releaseSlot`. */
  acquireSlot(principal: string, database: string, session: string): number | SlotRefusal;
  releaseSlot(slot: number): void;
  /** Passes a cancel request on to the other workers. */
  cancel(processId: number, secret: Uint8Array): Promise<void>;
  /** The label whose lookups are used up; then nothing was taken. */
  takeLookups(
    principals: readonly string[],
    database: string,
    demands: readonly LookupDemand[],
  ): Label | undefined;
  /** The worker has the connection of this number: the primary may let go of it. */
  connectionTaken(id: number): void;
  /** A connection that was passed to the worker is closed. */
  connectionClosed(): void;
  /** A session has changed the catalog of a database. Resolves when the other workers know. */
  catalogChanged(database: string): Promise<void>;
  /** Slices of budgets, one a demand. */
  drawBudgets(demands: readonly SliceDemand[]): Promise<readonly Slice[]>;
  settleBudgets(reports: readonly SliceReport[]): void;
  /** A session has read untrusted text. Resolves when the other workers know. */
  taintMet(news: TaintNews): Promise<void>;
  /** Resolves when labels are durable, and the other workers know. */
  keepLabels(database: string, labels: readonly RememberedLabel[], copied: boolean): Promise<void>;
  letGoLabels(database: string, keys: readonly string[]): Promise<void>;
  /** The worker's lane of the ledger cannot be written, and why; undefined when it is whole again. */
  laneFailed(reason: string | undefined): void;
}

/** What a worker needs to know to serve. It reads no configuration file: all workers serve the same one, whenever they start. */
export interface WorkerOrder {
  readonly config: PackedConfig;
  /** The lane of the ledger that is the worker's own. */
  readonly lane: number;
  readonly version: string;
  readonly logLevel: string;
  readonly installationSecret: Uint8Array;
  readonly certificates: PackedCertificates | undefined;
  readonly policies: readonly PolicyText[];
  readonly access: readonly AccessGrant[];
  readonly labels: readonly (readonly [database: string, labels: readonly RememberedLabel[]])[];
  /** Failed authentications so far. */
  readonly failures: readonly PackedTally[];
  readonly taints: readonly TaintNews[];
  readonly deviations: readonly DeviationNews[];
}

/** What the primary may ask of a worker. What is asked of one that still starts is done when it has. */
export interface WorkerCalls {
  /** To be called first. Resolves when the worker can serve. */
  start(order: WorkerOrder): Promise<void>;
  installPolicies(policies: readonly PolicyText[]): Promise<void>;
  renewCertificates(certificates: PackedCertificates): Promise<void>;
  cancel(processId: number, secret: Uint8Array): Promise<void>;
  catalogChanged(database: string): Promise<void>;
  learnLabels(database: string, labels: readonly RememberedLabel[]): Promise<void>;
  learnTaint(news: TaintNews): Promise<void>;
  /** All that was found out of the ordinary lately. */
  installDeviations(news: readonly DeviationNews[]): Promise<void>;
  /** All access that is lent from now on. */
  installAccess(grants: readonly AccessGrant[]): Promise<void>;
  forgetLabels(database: string, origins: readonly string[], keys: readonly string[]): Promise<void>;
  /** Gives back what it has of these shares of budgets. */
  recallBudgets(keys: readonly string[]): Promise<readonly SliceReport[]>;
  /** A token was revoked. */
  tokenEnded(tokenId: string): Promise<void>;
  /** An authentication failed somewhere, its own included. */
  authenticationFailed(address: string, user: string | undefined): Promise<void>;
  authenticationSucceeded(user: string): Promise<void>;
  check(query: CheckQuery): Promise<CheckReport>;
  preview(request: ApprovalRequest, reviewer: Actor): Promise<Preview>;
  databasesProblem(): Promise<string | undefined>;
  sessions(): Promise<readonly SessionStatus[]>;
  /** False if it has no session of that id. */
  killSession(id: string): Promise<boolean>;
  /** Takes the taint from a session and its reader. False if it has no session of that id. @throws {SluiceError} conflict while it runs something */
  clearTaint(id: string): Promise<boolean>;
  metrics(): Promise<MetricsSnapshot>;
  /** Answers, to show that it can. */
  ping(): void;
  /** Lets sessions finish, ends what is left after `timeoutMs`, and resolves when all are closed and recorded. */
  drain(timeoutMs: number): Promise<void>;
}

const TEXT = { type: 'string' };
const COUNT = { type: 'integer', minimum: 0 };
const TEXTS = { type: 'array', items: TEXT };
const OPTIONAL_TEXT = { anyOf: [TEXT, { isUndefined: true }] };
const BYTES = { isBytes: true };
const OBJECT = { type: 'object' };
const DIGESTS = { ...OBJECT, required: ['subject', 'binding'], properties: { subject: TEXT, binding: TEXT } };
const RULE = {
  ...OBJECT,
  required: ['groups', 'quorum', 'expiresMs'],
  properties: { groups: TEXTS, quorum: COUNT, expiresMs: COUNT, seats: { type: 'array', items: OBJECT } },
};
const OPTIONAL_RULE = { anyOf: [RULE, { isUndefined: true }] };
const VALUES = { type: 'array', items: { type: ['string', 'null'] } };
const SHAPE_USE = {
  ...OBJECT,
  required: [
    ...[
      'principal',
      'onBehalfOf',
      'database',
      'shape',
      'objectsDigests',
      'parameters',
      'literals',
      'session',
    ],
  ],
  properties: {
    ...{ principal: TEXT, onBehalfOf: TEXTS, database: TEXT, shape: TEXT, session: TEXT },
    ...{ objectsDigests: TEXTS, parameters: VALUES, literals: TEXTS },
  },
};
const BINDING = {
  ...OBJECT,
  required: ['principal', 'onBehalfOf', 'database', 'astDigests', 'parameters', 'objectsDigests'],
  properties: {
    ...{ principal: TEXT, onBehalfOf: TEXTS, database: TEXT, astDigests: TEXTS, objectsDigests: TEXTS },
    ...{ parameters: VALUES, meaning: OBJECT },
  },
};
const DEMAND = {
  ...OBJECT,
  required: ['binding', 'sessionId', 'statement', 'facts', 'policies', 'policyVersion', 'rule', 'holdMode'],
  properties: {
    ...{ binding: BINDING, sessionId: TEXT, statement: TEXT, rule: RULE, policyVersion: TEXT },
    ...{
      facts: { type: 'array' },
      blastRadius: { type: 'array' },
      names: OBJECT,
      policies: { type: 'array' },
      holdMode: { enum: ['wait', 'fail'] },
    },
  },
};
const LABELS = {
  type: 'array',
  items: {
    ...OBJECT,
    required: ['relationOid', 'attnum', 'label', 'relation', 'column', 'origin'],
    properties: {
      ...{ relationOid: COUNT, attnum: { type: 'integer' }, label: TEXT, path: TEXTS },
      ...{ relation: TEXT, column: TEXT, origin: TEXT, because: TEXT, system: TEXT },
      ...{ computed: { type: 'boolean' }, notOid: COUNT },
    },
  },
};
const DEMANDS = {
  type: 'array',
  items: {
    ...OBJECT,
    required: ['label', 'count', 'perHour'],
    properties: { label: TEXT, count: COUNT, perHour: { type: 'array', items: COUNT } },
  },
};
const SLICE_DEMANDS = {
  type: 'array',
  items: {
    ...OBJECT,
    required: ['key', 'spent', 'want'],
    properties: { key: TEXT, spent: COUNT, want: COUNT },
  },
};
const SLICE_REPORTS = {
  type: 'array',
  items: {
    ...OBJECT,
    required: ['key', 'spent', 'returned'],
    properties: { key: TEXT, spent: COUNT, returned: COUNT, ended: { type: 'boolean' } },
  },
};
const TAINT = {
  ...OBJECT,
  required: ['reader', 'taints', 'until'],
  properties: { reader: TEXT, taints: TEXTS, until: COUNT },
};
const DEVIATIONS = {
  type: 'array',
  items: {
    ...OBJECT,
    required: ['principal', 'rule', 'until'],
    properties: { principal: TEXT, rule: TEXT, until: COUNT },
  },
};
const POLICIES = {
  type: 'array',
  items: { ...OBJECT, required: ['file', 'text'], properties: { file: TEXT, text: TEXT } },
};

type Forms<Calls> = { readonly [Name in keyof Calls]: readonly object[] };

const PRIMARY_FORMS: Forms<PrimaryCalls> = {
  requestApproval: [DEMAND],
  awaitApproval: [TEXT, COUNT],
  withdrawWait: [COUNT],
  claimApproval: [TEXT, DIGESTS, OPTIONAL_RULE],
  claimGranted: [DIGESTS, OPTIONAL_RULE],
  claimShape: [SHAPE_USE, RULE],
  driftApproval: [TEXT],
  getApproval: [TEXT],
  authenticationFailed: [TEXT, OPTIONAL_TEXT],
  authenticationSucceeded: [TEXT],
  acquireSlot: [TEXT, TEXT, TEXT],
  releaseSlot: [COUNT],
  takeLookups: [TEXTS, TEXT, DEMANDS],
  cancel: [COUNT, BYTES],
  connectionTaken: [COUNT],
  connectionClosed: [],
  catalogChanged: [TEXT],
  drawBudgets: [SLICE_DEMANDS],
  settleBudgets: [SLICE_REPORTS],
  taintMet: [TAINT],
  keepLabels: [TEXT, LABELS, { type: 'boolean' }],
  letGoLabels: [TEXT, TEXTS],
  laneFailed: [OPTIONAL_TEXT],
};

const WORKER_FORMS: Forms<WorkerCalls> = {
  start: [OBJECT],
  installPolicies: [POLICIES],
  renewCertificates: [OBJECT],
  cancel: [COUNT, BYTES],
  catalogChanged: [TEXT],
  learnLabels: [TEXT, LABELS],
  learnTaint: [TAINT],
  installDeviations: [DEVIATIONS],
  installAccess: [{ type: 'array', items: OBJECT }],
  forgetLabels: [TEXT, TEXTS, TEXTS],
  recallBudgets: [TEXTS],
  tokenEnded: [TEXT],
  authenticationFailed: [TEXT, OPTIONAL_TEXT],
  authenticationSucceeded: [TEXT],
  check: [OBJECT],
  preview: [OBJECT, OBJECT],
  databasesProblem: [],
  sessions: [],
  killSession: [TEXT],
  clearTaint: [TEXT],
  metrics: [],
  ping: [],
  drain: [COUNT],
};

/** Whether these are arguments that a function of the primary takes. */
export const acceptedByPrimary = checker(PRIMARY_FORMS);
/** Whether these are arguments that a function of a worker takes. */
export const acceptedByWorker = checker(WORKER_FORMS);

function checker<Calls>(forms: Forms<Calls>): (name: string, args: readonly unknown[]) => boolean {
  const ajv = new Ajv({ allowUnionTypes: true, strict: false });
  ajv.addKeyword({ keyword: 'isUndefined', validate: (_: unknown, value: unknown) => value === undefined });
  ajv.addKeyword({
    keyword: 'isBytes',
    validate: (_: unknown, value: unknown) => value instanceof Uint8Array,
  });
  const compiled = new Map<string, ValidateFunction[]>(
    Object.entries<readonly object[]>(forms).map(([name, schemas]) => [
      name,
      schemas.map((schema) => ajv.compile(schema)),
    ]),
  );
  return (name, args) => {
    const validators = compiled.get(name);
    return (
      validators !== undefined &&
      args.length === validators.length &&
      validators.every((validate, index) => validate(args[index]))
    );
  };
}
