/**
 * A Query whose effect must be known before it is committed: it is taken apart into messages of the extended protocol, statement by
 * statement, with one Sync behind all of them, which commits. The client sees the answers that a Query has.
 */
import { randomBytes } from 'node:crypto';
import type { Plan } from '../../session/plan.ts';
import { forwardedPart, runnablePart } from '../../session/plan-text.ts';
import type { Session, Ticket } from '../../session/session.ts';
import { encodeFrontendMessage } from '../../wire/postgres/index.ts';
import type { BoundRows } from './bound-rows.ts';
import type { Completion, Expectation } from './expectations.ts';
import type { ForwardChannel } from './forward-channel.ts';
import type { GuardedRuns } from './guarded-runs.ts';
import type { ResponseRelay } from './response-relay.ts';
import type { SessionReading } from './session-reading.ts';

/** Statement and portal, by a name no client can guess. */
const NAME = `_sluice_${randomBytes(12).toString('hex')}`;
const SKIPPED = '25P02';

const CLOSE_PORTAL = encodeFrontendMessage({ type: 'Close', target: 'P', name: NAME });
const CLOSE_STATEMENT = encodeFrontendMessage({ type: 'Close', target: 'S', name: NAME });
const BIND = encodeFrontendMessage({
  ...{ type: 'Bind', portal: NAME, statement: NAME, parameterFormats: [], parameters: [], resultFormats: [] },
});
const DESCRIBE = encodeFrontendMessage({ type: 'Describe', target: 'P', name: NAME });
const EXECUTE = encodeFrontendMessage({ type: 'Execute', portal: NAME, maxRows: 0 });

export interface QueryStepsOptions {
  readonly session: Session;
  readonly channel: ForwardChannel;
  readonly responses: ResponseRelay;
  readonly reading: SessionReading;
  readonly guarded: GuardedRuns;
  /** Resolves when nothing that was cancelled can take what comes next with it. */
  readonly settled: () => Promise<void> | undefined;
  /** Forwards a Sync, and takes note that the transaction may end. */
  readonly sync: () => void;
}

/** What runs, step by step. Only the one statement of a text is ever bound to rows. */
interface Query {
  readonly plan: Plan;
  readonly tickets: readonly Ticket[];
  readonly bound: BoundRows | undefined;
}

export class QuerySteps {
  readonly #o: QueryStepsOptions;

  constructor(options: QueryStepsOptions) {
    this.#o = options;
  }

  /** Resolves when all is answered, or a COPY takes data; then the rest runs behind that. */
  async run(plan: Plan, tickets: readonly Ticket[], bound?: BoundRows): Promise<void> {
    // Its redefinitions are those of the whole.
    await this.#step({ plan: { ...plan, redefines: false }, tickets, bound }, 0, () => {
      if (plan.redefines) this.#o.responses.redefinitions -= 1;
    });
  }

  async #step(query: Query, at: number, done: () => void): Promise<void> {
    const { plan, tickets, bound } = query;
    const { responses, channel, session, guarded, settled, sync } = this.#o;
    await settled();
    const ticket = tickets[at];
    if (ticket === undefined || responses.skipping || channel.ended) {
      session.abandon(tickets.slice(at), SKIPPED);
      done();
      if (!channel.ended) sync();
      return channel.quiet();
    }
    const next = () => this.#step(query, at + 1, done);
    const forward = (completion?: Completion): void => {
      this.#prepare(plan, at);
      this.#expect(EXECUTE, { kind: 'execute', plan, ticket, ...(completion && { completion }) });
    };
    const limit = ticket.planned.decision.rowLimits?.written;
    if ((limit ?? bound) !== undefined) return guarded.run({ limit, bound, plan, ticket, forward }, next);
    forward();
    await channel.quiet();
    if (!responses.copyingIn) return next();
    guarded.waitForCopy(next);
  }

  #prepare(plan: Plan, at: number): void {
    const { analyzed } = plan.statements[at]!;
    // Positions in errors are those of the whole text.
    const lead = forwardedPart(plan, { start: 0, end: analyzed.start });
    const text = this.#o.reading.bytesOf(' '.repeat([...lead].length) + runnablePart(plan, analyzed));
    const close: Expectation = { kind: 'close', unseen: true };
    this.#expect(CLOSE_PORTAL, close);
    this.#expect(CLOSE_STATEMENT, close);
    const parse = encodeFrontendMessage({ type: 'Parse', statement: NAME, text, parameterTypes: [] });
    this.#expect(parse, { kind: 'parse', plan, unseen: true });
    this.#expect(BIND, { kind: 'bind', plan, unseen: true });
    this.#expect(DESCRIBE, { kind: 'describe', unseen: true });
  }

  #expect(frame: Buffer, expectation: Expectation): void {
    this.#o.channel.forwardExpecting(frame, expectation);
  }
}
