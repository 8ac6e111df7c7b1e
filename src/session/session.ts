/**
 * One session's way through the pipeline: what it may do is planned, what it does is recorded before it counts, and what came of
 * it is recorded after. The same for every door; it never sees a byte of a protocol.
 *
 * Contract of recording (promise 1): `admit` returns a ticket whose entry is in the ledger. For a plan that writes, the entry
 * is on disk when the promise resolves, and only then may the text be forwarded. For a plan that only reads, the text may be
 * forwarded at once, but the ledger MUST have written the entry (`writtenSeq >= seq`) before the first byte of a result leaves.
 */
import type { Excess } from '../budgets/excess.ts';
import type { ResultMeter } from '../budgets/result-meter.ts';
import type { SessionBudgets } from '../budgets/session-budgets.ts';
import { asSluiceError, type SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { EVERYONE, type LabelRows } from '../model/ledger-entry.ts';
import type { ParameterValue, SessionInfo } from '../model/session.ts';
import type { DeviationRegistry } from './deviation-registry.ts';
import type { PipelineMetrics } from './metrics.ts';
import type { Plan, PlannedStatement } from './plan.ts';
import { type RowCounter, RowLimitMeter } from './row-limit.ts';
import { SessionStanding } from './session-standing.ts';
import { StatementForms, WHOLE } from './statement-form.ts';
import type { TaintRegistry, TaintSeat } from './taint-registry.ts';

/** A statement that was recorded and whose outcome is awaited. Owned by whoever admitted it until `finish`. */
export interface Ticket {
  /** Counted from 1 within the session. */
  readonly statement: number;
  /** Its place in the ledger. */
  readonly seq: number;
  /** `performance.now()` at admission. */
  readonly startedAtMs: number;
  readonly planned: PlannedStatement;
  rows: number;
  bytes: number;
  /** What bounds its result, if something does. */
  meter?: ResultMeter;
}

/** How a statement ended. */
export interface StatementOutcome {
  readonly tag?: string;
  readonly sqlstate?: string;
}

/** Shared by all sessions, as plans are. */
const FORMS = new StatementForms();

export class Session {
  readonly info: SessionInfo;
  readonly standing: SessionStanding;
  /** What it may use; undefined if no budget applies. */
  readonly budgets: SessionBudgets | undefined;
  #seat: TaintSeat | undefined;
  readonly #ledger: Ledger;
  readonly #metrics: PipelineMetrics;
  #statements = 0;
  #rows = 0;
  #bytes = 0;
  #closed = false;

  constructor(
    info: SessionInfo,
    ledger: Ledger,
    metrics: PipelineMetrics,
    budgets?: SessionBudgets,
    deviations?: DeviationRegistry,
  ) {
    this.info = info;
    this.budgets = budgets;
    this.standing = new SessionStanding(budgets, () => deviations?.of(info.actor.principal.id) ?? []);
    this.#ledger = ledger;
    this.#metrics = metrics;
  }

  /** What it has sent so far, and what was answered. */
  get counts(): { readonly statements: number; readonly rows: number; readonly bytes: number } {
    return { statements: this.#statements, rows: this.#rows, bytes: this.#bytes };
  }

  /**
   * Records the opening and returns the entry's place, which must be written before the first byte for the client leaves.
   * @param taints who has met untrusted text; without it, the session is on its own
   * @throws {SluiceError} if the ledger cannot keep it
   */
  open(taints?: TaintRegistry): number {
    const { info } = this;
    const { principal, onBehalfOf, purpose, tokenId } = info.actor;
    const seq = this.#ledger.append({
      kind: 'session-opened',
      session: info.id,
      principal: principal.id,
      principalKind: principal.kind,
      onBehalfOf: onBehalfOf.map((one) => one.id),
      ...(purpose === undefined ? {} : { purpose }),
      ...(tokenId === undefined ? {} : { token: tokenId }),
      database: info.database.name,
      environment: info.database.environment,
      client: info.clientAddress,
      application: info.applicationName,
      tls: info.tls,
      ...(info.certificate === undefined
        ? {}
        : {
            certificate: info.certificate.fingerprint,
            certificateSubject: info.certificate.subject,
          }),
    });
    this.#metrics.sessions.inc();
    this.#seat = taints?.join(info.actor, {
      onTainted: (met) => this.#taintedElsewhere(met),
      onCleared: () => this.#clearedElsewhere(),
    });
    return seq;
  }

  /**
   * Notes the untrusted text that a plan is about to read: whatever is planned from now on is decided under it.
   * @returns when other processes know, if they have to be told: the result must not leave before
   * @throws {SluiceError} if the ledger cannot keep it: then nothing may be forwarded
   */
  meet({ statements }: Plan): Promise<void> | undefined {
    const taints = statements.flatMap((statement) => statement.taints ?? []);
    if (taints.length === 0) return undefined;
    const news = this.standing.meet(taints);
    if (news.length > 0) this.#ledger.append({ kind: 'session-tainted', session: this.info.id, by: news });
    return this.#seat?.reads(taints);
  }

  /**
   * Somebody has looked, and judged that what was read does no harm: this session is as before, and so is every other of the same reader. That
   * it was asked for is recorded already. Resolves when other processes know.
   */
  async clearTaint(): Promise<void> {
    this.standing.clear();
    await this.#seat?.clear();
  }

  /**
   * Has budgets and limits of rows bound the results of statements that are about to be forwarded.
   * @param counter what the portal has returned before, if the tickets are of one
   * @param approved an approval covers whatever they need of budgets that ask for one
   */
  meter(tickets: readonly Ticket[], approved: boolean, counter?: RowCounter): void {
    for (const ticket of tickets) {
      const { facts, decision, uses } = ticket.planned;
      const onExceeded = (excess: Excess) => this.exceeded(excess, ticket.statement);
      const meter = this.budgets?.meterOf({ facts, unmasked: decision.unmasked }, approved, onExceeded);
      const limit = decision.rowLimits?.returned;
      if (limit !== undefined) {
        const returned = uses[0]?.returned ?? counter ?? { rows: 0 };
        ticket.meter = new RowLimitMeter(limit, returned, meter);
      } else if (meter !== undefined) ticket.meter = meter;
    }
  }

  /** Records that a budget is used up. Never throws: what it stops is stopped whether or not it can be written down. */
  exceeded({ account, refillsAt }: Excess, statement?: number): void {
    const { budget, subject } = account;
    this.#metrics.budgetsExceeded.inc({ budget: budget.name });
    try {
      this.#ledger.append({
        kind: 'budget-exceeded',
        session: this.info.id,
        ...(statement === undefined ? {} : { statement }),
        budget: budget.name,
        count: budget.count,
        limit: budget.limit,
        windowMs: budget.windowMs,
        subject,
        ...(refillsAt === undefined ? {} : { refillsAt }),
      });
    } catch {
      // See close().
    }
  }

  #taintedElsewhere(taints: readonly string[]): void {
    const news = this.standing.meet(taints);
    if (news.length === 0) return;
    const { id: session } = this.info;
    try {
      this.#ledger.append({ kind: 'session-tainted', session, by: news, elsewhere: true });
    } catch {
      // See close(): the taint counts whether or not it can be written down.
    }
  }

  #clearedElsewhere(): void {
    if (!this.standing.clear()) return;
    try {
      this.#ledger.append({ kind: 'taint-cleared', session: this.info.id, elsewhere: true });
    } catch {
      // See close().
    }
  }

  /** Records the end, once. Never throws: a session ends whether or not it can be written down. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#seat?.leave();
    this.budgets?.close();
    this.#metrics.sessions.dec();
    try {
      this.#ledger.append({
        kind: 'session-closed',
        session: this.info.id,
        reason,
        statements: this.#statements,
      });
    } catch {
      // The ledger is failing and has said so itself; statements are being refused already.
    }
  }

  /**
   * Records the statements of a plan that may run and hands out their tickets.
   * @throws {SluiceError} if the ledger cannot keep the record: then nothing may be forwarded.
   */
  admit(plan: Plan, parameters: readonly ParameterValue[], approval?: string): Ticket[] | Promise<Ticket[]> {
    const tickets: Ticket[] = [];
    try {
      for (const planned of plan.statements)
        tickets.push(this.#record(plan, planned, 'allow', parameters, approval));
    } catch (thrown) {
      this.abandon(tickets, asSluiceError(thrown).sqlstate);
      throw thrown;
    }
    if (!plan.writes || tickets.length === 0) return tickets;
    return this.#whenDurable(tickets);
  }

  async #whenDurable(tickets: Ticket[]): Promise<Ticket[]> {
    const askedAt = performance.now();
    try {
      await this.#ledger.durable(tickets[tickets.length - 1]!.seq);
    } catch (thrown) {
      // They may become durable later, and must not look as if they had run.
      this.abandon(tickets, asSluiceError(thrown).sqlstate);
      throw thrown;
    }
    this.#metrics.step('durable', (performance.now() - askedAt) / 1000);
    return tickets;
  }

  /** Records that statements which were admitted were never forwarded. Never throws. */
  abandon(tickets: readonly Ticket[], sqlstate: string): void {
    for (const ticket of tickets) this.finish(ticket, { sqlstate });
  }

  /** Records statements that will not run, or not yet. The outcome stands in the decision; no ticket is owed. */
  refuse(
    plan: Plan,
    parameters: readonly ParameterValue[],
    decision: 'deny' | 'hold',
    approval?: string,
  ): void {
    for (const planned of plan.statements) this.#record(plan, planned, decision, parameters, approval);
  }

  /** Records a text that could not even be planned (syntax errors and the like). */
  refuseText(text: string, error: SluiceError): void {
    this.#statements += 1;
    this.#metrics.decided('deny');
    this.#ledger.append({
      kind: 'asked',
      session: this.info.id,
      statement: this.#statements,
      form: {
        // Nobody knows what stands in a text that could not be read.
        text: WHOLE,
        command: '',
        actions: [],
        relations: [],
        decision: 'deny',
        policies: [`sluice:${error.code}`],
        policyVersion: '',
        reason: reasonOf(error),
      },
      literals: [text],
      privacy: { database: this.info.database.name, subjects: [EVERYONE] },
    });
  }

  /** Notes how long a statement was held. */
  held(seconds: number): void {
    this.#metrics.step('hold', seconds);
  }

  /**
   * Records what came of a statement and returns the entry's place, or that of the statement if it could not be recorded.
   * Never throws: the statement has run, and a failing ledger refuses the next one.
   */
  finish(ticket: Ticket, outcome: StatementOutcome): number {
    const durationMs = performance.now() - ticket.startedAtMs;
    this.#metrics.step('database', durationMs / 1000);
    this.#metrics.answered(ticket.rows, ticket.bytes);
    this.#rows += ticket.rows;
    this.#bytes += ticket.bytes;
    if (outcome.sqlstate !== undefined) this.#metrics.errors.inc({ class: outcome.sqlstate.slice(0, 2) });
    try {
      return this.#ledger.append({
        kind: 'outcome',
        session: this.info.id,
        statement: ticket.statement,
        ...outcome,
        rows: ticket.rows,
        bytes: ticket.bytes,
        durationUs: Math.round(durationMs * 1000),
        ...labelRows(ticket),
      });
    } catch {
      // See close(): what is missing shows as a statement without an outcome.
      return ticket.seq;
    }
  }

  #record(
    plan: Plan,
    planned: PlannedStatement,
    decision: 'allow' | 'deny' | 'hold',
    parameters: readonly ParameterValue[],
    approval: string | undefined,
  ): Ticket {
    this.#statements += 1;
    this.#metrics.decided(decision);
    const seq = this.#ledger.append({
      kind: 'asked',
      session: this.info.id,
      statement: this.#statements,
      ...FORMS.of(plan, planned, decision, parameters),
      ...(approval === undefined ? {} : { approval }),
    });
    return { statement: this.#statements, seq, startedAtMs: performance.now(), planned, rows: 0, bytes: 0 };
  }
}

/** A parser's message quotes the text, which is sealed. */
function reasonOf(error: SluiceError): string {
  return error.code === 'syntax_error' ? 'syntax error' : error.message;
}

/** What came back, by the labels of the columns it was read from. */
function labelRows({ planned, rows }: Ticket): { labels?: Record<string, LabelRows> } {
  const { masked, unmasked } = planned.record;
  if (rows === 0 || (masked === undefined && unmasked === undefined)) return {};
  const labels: Record<string, LabelRows> = {};
  for (const label of unmasked ?? []) labels[label] = { unmasked: rows };
  for (const column of masked ?? []) {
    const label = column.slice(column.lastIndexOf(':') + 1);
    labels[label] = { ...labels[label], masked: rows };
  }
  return { labels };
}
