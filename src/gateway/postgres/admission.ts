/** What a statement, or an execution, brings along into `statement-admission.ts`, and how it comes out. Pure types. */
import type { SluiceError } from '../../errors/sluice-error.ts';
import type { RowBinding } from '../../model/approval.ts';
import type { Estimate } from '../../model/blast-radius.ts';
import type { ParameterValue } from '../../model/session.ts';
import type { Plan } from '../../session/plan.ts';
import type { RowCounter } from '../../session/row-limit.ts';
import type { Ticket } from '../../session/session.ts';
import type { BoundValues } from './own-questions.ts';

/** Undefined if it was done at once, which is the rule. */
export type Pending = Promise<void> | undefined;
/** @param rows the only ones that the approval lets it change, if it says so */
export type Forward = (
  plan: Plan,
  tickets: readonly Ticket[],
  approval: string | undefined,
  rows?: RowBinding,
) => Pending;
/** @param text the client's own, if that is what was refused */
export type Refuse = (error: SluiceError, text?: string) => void;

/** What is to run if it may. */
export interface Admission {
  readonly parameters: readonly ParameterValue[];
  /** An approval that covers it already: the rest of what it released. */
  readonly approval?: string | undefined;
  /** What it is bound to, for questions about it; absent if it cannot be asked about. */
  readonly values?: BoundValues | undefined;
  /** When it, or what is bound to it, was read, if it was before. */
  readonly readAt?: number | undefined;
  /** What the portal has returned before, if it is one. */
  readonly returned?: RowCounter;
  /** What the database expects of its statements, one by one, once it was asked. */
  readonly estimates?: readonly (Estimate | undefined)[] | undefined;
  /** True if what it looks up was counted before: the rest of what ran then. */
  readonly counted?: boolean | undefined;
  /** True if it was planned on a catalog read for it. */
  readonly isFresh?: boolean;
  /** True if the labels that go with what it stores are known. */
  readonly broughtLabels?: boolean;
  /** Plans the same again, on a fresh catalog and the policies in force. */
  readonly replan: () => Plan | Promise<Plan>;
  readonly forward: Forward;
  readonly refuse: Refuse;
}
