/**
 * Plans → what the ledger keeps of them once: the text without its literals, facts, decision. And what of a statement's values must not stand
 * in plain sight.
 */
import type { PrivacyScope, StatementForm } from '../model/ledger-entry.ts';
import type { ParameterValue } from '../model/session.ts';
import type { Plan, PlannedStatement } from './plan.ts';

export type RecordedDecision = 'allow' | 'deny' | 'hold';

/** What differs from one asking to the next. */
export interface AskedValues {
  readonly form: StatementForm;
  readonly literals?: readonly string[];
  readonly parameters?: readonly ParameterValue[];
  readonly privacy?: PrivacyScope;
}

/** What a form was made for: a planned statement is shared by all texts of its shape. */
type FormsOfStatement = { [decision in RecordedDecision]?: StatementForm };

/** A number that the shape of a text does not cut out: a literal, then, that would stay in the form. */
const NUMBER_LEFT = /(?<![\w$".])\.?\d/;

export class StatementForms {
  readonly #forms = new WeakMap<PlannedStatement, FormsOfStatement>();

  /** The form of a statement and the values that go with it. The same object for the same plan and decision. */
  of(
    plan: Plan,
    planned: PlannedStatement,
    decision: RecordedDecision,
    parameters: readonly ParameterValue[],
  ): AskedValues {
    const alone = plan.statements.length === 1;
    const [start, end] = alone ? [0, plan.text.length] : [planned.analyzed.start, planned.analyzed.end];
    const form = this.#form(plan, planned, decision, start, end);
    const literals = form.text.length === 1 ? [] : literalsOf(plan, form, start, end);
    const { privacy } = planned;
    return {
      form,
      ...(literals.length === 0 ? {} : { literals }),
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(privacy === undefined ? {} : { privacy }),
    };
  }

  #form(
    plan: Plan,
    planned: PlannedStatement,
    decision: RecordedDecision,
    start: number,
    end: number,
  ): StatementForm {
    let known = this.#forms.get(planned);
    if (known === undefined) {
      known = {};
      this.#forms.set(planned, known);
    }
    const form = known[decision];
    if (form !== undefined) return form;
    const text = piecesOf(plan, start, end);
    const readable =
      planned.privacy === undefined || (plan.literals !== undefined && !text.some(holdsNumber));
    const made = formOf(plan, planned, decision, readable ? text : WHOLE);
    known[decision] = made;
    return made;
  }
}

/** Of a text that cannot be taken apart for sure: all of it is one literal. */
export const WHOLE: StatementForm['text'] = ['', ''];

const holdsNumber = (piece: string): boolean => NUMBER_LEFT.test(piece);

function formOf(
  plan: Plan,
  { record, decision }: PlannedStatement,
  recorded: RecordedDecision,
  text: StatementForm['text'],
): StatementForm {
  return {
    ...record,
    text,
    decision: recorded,
    policyVersion: decision.policyVersion,
    ...(plan.forwardText === plan.text ? {} : { rewritten: true }),
  };
}

/** The whole text without its literals; undefined if they cannot be told from the rest for sure. */
export function readablePieces(plan: Plan): readonly string[] | undefined {
  if (plan.literals === undefined) return undefined;
  const pieces = piecesOf(plan, 0, plan.text.length);
  return pieces.some(holdsNumber) ? undefined : pieces;
}

/** The text between `start` and `end` without its literals. */
function piecesOf({ text, literals = [] }: Plan, start: number, end: number): string[] {
  const pieces: string[] = [];
  let from = start;
  for (let i = 0; i < literals.length; i += 2) {
    const [first, last] = [literals[i] as number, literals[i + 1] as number];
    if (first < start || last > end) continue;
    pieces.push(text.slice(from, first));
    from = last;
  }
  pieces.push(text.slice(from, end));
  return pieces;
}

function literalsOf(
  { text, literals = [] }: Plan,
  form: StatementForm,
  start: number,
  end: number,
): string[] {
  if (form.text === WHOLE) return [text.slice(start, end)];
  const found: string[] = [];
  for (let i = 0; i < literals.length; i += 2) {
    const [first, last] = [literals[i] as number, literals[i + 1] as number];
    if (first >= start && last <= end) found.push(text.slice(first, last));
  }
  return found;
}
