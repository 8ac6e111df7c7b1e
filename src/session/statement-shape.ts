/** The shape of a held statement, and the values that a grant may bound. */
import { hash } from 'node:crypto';
import { canonicalJson } from '../ledger/canonical-json.ts';
import type { Analysis, Shape } from '../model/dialect.ts';
import type { Opaque } from '../model/facts.ts';
import type { StatementShape } from '../model/grant.ts';
import type { Plan } from './plan.ts';

/** What the shape of a text says of its plan: where the literals are, and for what else an approval may hold. */
export function takenApart(
  { shareable, statements, fixedLiterals = [] }: Analysis,
  { outcome, text }: Plan,
  { key, literals }: Shape,
  doubt: Opaque | undefined,
): Pick<Plan, 'literals' | 'shape'> {
  const [only, ...others] = statements;
  const grantable =
    doubt === undefined && outcome === 'hold' && shareable && others.length === 0 && !only?.sessionObject;
  if (!grantable) return { literals };
  return { literals, shape: statementShape(text, key, literals, fixedLiterals) };
}

/**
 * @param key the text with its literals cut out; equal keys are equal tokens but for the literals
 * @param literals start, end, start, end, …
 * @param fixed which of them may change what the statement is: they belong to the shape
 */
function statementShape(
  text: string,
  key: string,
  literals: readonly number[],
  fixed: readonly number[],
): StatementShape {
  const written = Array.from({ length: literals.length / 2 }, (_, index) =>
    text.slice(literals[2 * index], literals[2 * index + 1]),
  );
  const kept = fixed.map((index) => [index, written[index]]);
  return {
    digest: hash('sha256', canonicalJson({ key, fixed: kept }), 'hex'),
    literals: written.filter((_, index) => !fixed.includes(index)).map(contentOf),
  };
}

/** Digits stand for themselves; a plain string is its content. */
function contentOf(literal: string): string {
  return literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal;
}
