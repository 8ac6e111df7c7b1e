/** The Query message: planned, decided, recorded and forwarded as a whole; answered by itself, with ReadyForQuery at its end. */
import type { SluiceError } from '../../errors/sluice-error.ts';
import type { Plan } from '../../session/plan.ts';
import { encodeBackendMessage, encodeQuery, type Frame, queryText } from '../../wire/postgres/index.ts';
import type { Forward, Pending, Refuse } from './admission.ts';
import { boundTo } from './bound-rows.ts';
import { type ClientText, failingParse, failingQuery } from './failing-messages.ts';
import type { ForwardChannel } from './forward-channel.ts';
import { GuardedRuns } from './guarded-runs.ts';
import { NO_VALUES } from './own-questions.ts';
import { QuerySteps } from './query-steps.ts';
import { errorFrame, type InClient, isDatabaseError } from './refusals.ts';
import type { AdmissionOptions, StatementAdmission } from './statement-admission.ts';

const READY_IDLE = encodeBackendMessage({ type: 'ReadyForQuery', status: 'I' });

export interface QueryMessagesOptions extends AdmissionOptions {
  readonly channel: ForwardChannel;
  readonly admission: StatementAdmission;
  /** Waits until it is known whether a COPY takes data. */
  readonly answered: (plan: Plan) => Pending;
  readonly settled: () => Promise<void> | undefined;
  readonly sync: () => void;
}

export class QueryMessages {
  readonly #o: QueryMessagesOptions;

  /** Of the extended protocol too. */
  readonly guarded: GuardedRuns;
  readonly #steps: QuerySteps;

  constructor(options: QueryMessagesOptions) {
    this.#o = options;
    const { planner, channel } = options;
    const { reading } = planner;
    const fail = (error: SluiceError): void => {
      const { frame, refusal } = failingParse(error, (text) => reading.messageBytes(text));
      channel.forwardExpecting(frame, { kind: 'parse', refusal });
    };
    const drift = (request: string): void => {
      // Should that fail, it stays as it is: used, which is as final.
      options.service.approvals?.drift(request).catch(() => undefined);
    };
    this.guarded = new GuardedRuns({ ...options, reading, fail, drift });
    this.#steps = new QuerySteps({ ...options, reading, guarded: this.guarded });
  }

  query(frame: Frame): Pending {
    const { admission, planner, channel, answered } = this.#o;
    const forward: Forward = (plan, tickets, _, rows) => {
      const isLimited = plan.statements.some(({ decision }) => decision.rowLimits?.written !== undefined);
      if (isLimited || rows !== undefined) return this.#steps.run(plan, tickets, boundTo(rows));
      const verbatim = plan.splices.length === 0;
      const bytes = verbatim ? frame.bytes : encodeQuery(planner.reading.bytesOf(plan.forwardText));
      const { inPipeline } = channel;
      if (inPipeline) planner.transactionMayEnd();
      channel.forwardExpecting(bytes, { kind: 'query', plan, tickets, next: 0, inPipeline });
      return answered(plan);
    };
    const bytes = queryText(frame.body);
    const refuse: Refuse = (error, text) =>
      this.refuse(error, text === undefined ? undefined : { bytes, text });
    return admission.plan(
      bytes,
      (plan) =>
        admission.admit(plan, {
          parameters: [],
          values: NO_VALUES,
          replan: () => planner.planAnew(plan),
          forward,
          refuse,
        }),
      refuse,
    );
  }

  /** Tells that a Query, or a FunctionCall, does not run. @param said its text, if that is what was refused */
  refuse(error: SluiceError, said?: ClientText): void {
    const { channel, responses, planner } = this.#o;
    const inClient: InClient = (text) => planner.reading.messageBytes(text);
    // On an idle connection there is nothing the database has to know.
    if (channel.idle && responses.transactionStatus === 'I' && !isDatabaseError(error)) {
      responses.send(Buffer.concat([errorFrame(error, 'ERROR', inClient), READY_IDLE]));
      return;
    }
    const { inPipeline } = channel;
    const { frame, refusal } = failingQuery(error, inClient, said);
    channel.forwardExpecting(frame, { kind: 'query', tickets: [], next: 0, inPipeline, refusal });
  }
}
