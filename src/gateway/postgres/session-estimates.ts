/**
 * Asks a session's own backend what it expects of a statement, as the statement would run: in its transaction, along its search_path,
 * rewritten for its principal, with its parameters. Leaves no trace: settings and locks go with a savepoint, or with the transaction
 * that the question was. Where the database does not answer in time, nothing is known.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Estimate } from '../../model/blast-radius.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import { runnablePart } from '../../session/plan-text.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import {
  estimateIn,
  estimateQuestion,
  plannedRows,
  sizedRelations,
  sizeQuestion,
} from '../../sql/postgres/row-estimates.ts';
import type { ForwardChannel } from './forward-channel.ts';
import type { BoundValues, OwnQuestion } from './own-questions.ts';
import { mayRunWhenPlanned } from './plan-use.ts';
import type { ResponseRelay } from './response-relay.ts';
import type { SessionReading } from './session-reading.ts';

/** Nobody waits for long to learn what would happen. */
const SETTINGS = [
  "SELECT pg_catalog.set_config('lock_timeout', '500', true)",
  "SELECT pg_catalog.set_config('statement_timeout', '2000', true)",
];
const SAVEPOINT = 'SAVEPOINT _sluice_estimate';
const UNDO = ['ROLLBACK TO SAVEPOINT _sluice_estimate', 'RELEASE SAVEPOINT _sluice_estimate'];
/** Of one text: beyond that, nobody is asked. */
const MAX_STATEMENTS = 16;

export interface SessionEstimatesOptions {
  readonly channel: ForwardChannel;
  readonly responses: ResponseRelay;
  readonly reading: SessionReading;
  readonly catalog: () => CatalogSnapshot;
}

export class SessionEstimates {
  readonly #o: SessionEstimatesOptions;

  constructor(options: SessionEstimatesOptions) {
    this.#o = options;
  }

  /**
   * One a statement of the plan; undefined for those that are not `wanted`, or of which nobody can say.
   * @param values what the statement is bound to
   * @throws {SluiceError} upstream_lost
   */
  async of(
    plan: Plan,
    values: BoundValues,
    wanted: (statement: PlannedStatement) => boolean,
  ): Promise<readonly (Estimate | undefined)[]> {
    const estimates: (Estimate | undefined)[] = [];
    for (const statement of plan.statements) {
      const asked = estimates.length < MAX_STATEMENTS && wanted(statement);
      estimates.push(asked ? await this.#estimate(plan, statement, values) : undefined);
    }
    return estimates;
  }

  async #estimate(
    plan: Plan,
    statement: PlannedStatement,
    values: BoundValues,
  ): Promise<Estimate | undefined> {
    const { facts, analyzed } = statement;
    const catalog = this.#o.catalog();
    // Planning computes what is constant: code that nobody knows would run before it may.
    if (mayRunWhenPlanned(facts, catalog)) return undefined;
    const text = estimateQuestion(runnablePart(plan, analyzed), facts, analyzed.sessionObject);
    if (text === undefined) return undefined;
    const sized = sizedRelations(facts, catalog);
    try {
      const { reading } = this.#o;
      const asked: OwnQuestion[] = [
        { text: reading.bytesOf(text), values },
        ...sized.map((relation) => ({ text: reading.bytesOf(sizeQuestion(relation)) })),
      ];
      const [own, ...sizes] = await this.#ask(asked);
      const known = sized.flatMap((relation, i) => {
        const rows = plannedRows(sizes[i]);
        return rows === undefined ? [] : [[relation, rows] as const];
      });
      return estimateIn(own, facts, new Map(known));
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code !== 'upstream_lost') return undefined;
      throw thrown;
    }
  }

  get #hasFailed(): boolean {
    return this.#o.responses.transactionStatus === 'E';
  }

  /** The one value that each answer consists of. */
  async #ask(questions: readonly OwnQuestion[]): Promise<readonly (string | undefined)[]> {
    const { channel, responses } = this.#o;
    await channel.quiet();
    const settings = SETTINGS.map(question);
    // The portal that is about to run was planned in this very transaction: nothing is locked that it does not hold already.
    if (channel.effectsOpen) return answersOf(await channel.askAll(questions), 0);
    if (responses.transactionStatus !== 'T') {
      return answersOf(await channel.askAll([...settings, ...questions]), settings.length);
    }
    const before = [question(SAVEPOINT), ...settings];
    const undo = UNDO.map(question);
    try {
      return answersOf(await channel.askAll([...before, ...questions, ...undo]), before.length);
    } catch (thrown) {
      // The error is told before the state it leaves.
      await channel.quiet();
      if (this.#hasFailed) await channel.askAll(undo, true);
      throw thrown;
    }
  }
}

const question = (sql: string): OwnQuestion => ({ text: Buffer.from(sql) });

function answersOf(
  answers: readonly (Buffer | null)[][][] | undefined,
  from: number,
): readonly (string | undefined)[] {
  return (answers ?? []).slice(from).map(([row]) => row?.[0]?.toString('utf8'));
}
