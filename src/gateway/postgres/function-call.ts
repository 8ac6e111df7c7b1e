/**
 * The FunctionCall message ("fast path"), by which libpq and JDBC work with large objects: one function by its OID. It is decided on as the
 * statement that would call the same function with the same arguments; what is forwarded is the message itself.
 *
 * Source: PostgreSQL's manual, 54.2.6 "Function Call"; tcop/fastpath.c.
 */

import { SluiceError } from '../../errors/sluice-error.ts';
import type { Opaque } from '../../model/facts.ts';
import { refusalDetail } from '../../policy/refusal-detail.ts';
import type { Plan } from '../../session/plan.ts';
import { rowLimitError } from '../../session/row-limit.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import { quoteQualified } from '../../sql/postgres/identifiers.ts';
import { decodeFunctionCall, type Frame, type FunctionCall } from '../../wire/postgres/index.ts';
import type { Pending, Refuse } from './admission.ts';
import type { DatabaseService } from './database-service.ts';
import type { ForwardChannel } from './forward-channel.ts';
import { recordParameters } from './recorded-parameters.ts';
import type { SessionPlanner } from './session-planner.ts';
import type { StatementAdmission } from './statement-admission.ts';

export interface CallOptions {
  readonly service: DatabaseService;
  readonly planner: SessionPlanner;
  readonly admission: StatementAdmission;
  readonly channel: ForwardChannel;
  readonly refuse: Refuse;
}

/** Decides on a call, records and forwards it. It is answered like a Query, but by one value. */
export function handleCall(frame: Frame, options: CallOptions): Pending {
  const { service, planner, admission, channel, refuse } = options;
  const call = decodeFunctionCall(frame.body);
  const { text, doubt } = equivalentText(service.catalog, call);
  const values = { parameters: call.arguments, parameterFormats: call.argumentFormats };
  const planned = (plan: Plan | Promise<Plan>): Plan | Promise<Plan> =>
    plan instanceof Promise ? plan.then(verbatim) : verbatim(plan);
  return admission.attempt(
    () => planned(planner.plan(text, doubt)),
    (plan) =>
      admission.admit(plan, {
        parameters: recordParameters(values, planner.reading.encodings),
        replan: () => planned(planner.planAnew({ text }, doubt)),
        forward: (current, tickets) => {
          const { inPipeline } = channel;
          if (inPipeline) planner.transactionMayEnd();
          const expected = {
            kind: 'query',
            isCall: true,
            plan: current,
            tickets,
            next: 0,
            inPipeline,
          } as const;
          channel.forwardExpecting(frame.bytes, expected);
          return undefined;
        },
        refuse,
      }),
    refuse,
  );
}

/** A statement that does what a call does. */
export interface EquivalentText {
  readonly text: string;
  /** Why the call may do something else, if so. */
  readonly doubt?: Opaque;
}

/** A call has no text in which anything could be masked. */
function verbatim(plan: Plan): Plan {
  const limit = plan.statements[0]?.decision.rowLimits?.written;
  if (limit !== undefined)
    throw rowLimitError(limit, 'a FunctionCall commits before anybody has counted the rows it changes');
  if (plan.splices.length === 0) return plan;
  throw new SluiceError('mask_refused', 'a FunctionCall cannot be answered on masked values', {
    detail: refusalDetail('mask_refused', {
      policies: [{ id: 'sluice:masking' }],
      facts: plan.statements.map(({ facts }) => facts),
    }),
    hint: 'Call the function in a SELECT.',
  });
}

/** The statement to decide on. A function that the catalog does not show may do anything. */
export function equivalentText(catalog: CatalogSnapshot, call: FunctionCall): EquivalentText {
  const { functionOid, arguments: values } = call;
  const meant = catalog.functionByOid(functionOid);
  const parameters = values.map((_, i) => `$${i + 1}`).join(', ');
  if (meant !== undefined)
    return { text: `SELECT ${quoteQualified(meant.schema, meant.name)}(${parameters})` };
  const doubt: Opaque = { kind: 'function', what: `the function with OID ${functionOid}` };
  return { text: `SELECT ${parameters}`, doubt };
}
