/** One statement of a plan as it is forwarded. Pure. */
import { applySplices } from '../sql/splice.ts';
import type { Plan } from './plan.ts';

interface Part {
  readonly start: number;
  readonly end: number;
}

/** What [start, end) of the planned text has become; it must not cut a splice. */
export function forwardedPart(
  { text, splices }: Pick<Plan, 'text' | 'splices'>,
  { start, end }: Part,
): string {
  const inside = splices
    .filter((splice) => splice.start >= start && splice.end <= end)
    .map((splice) => ({ ...splice, start: splice.start - start, end: splice.end - start }));
  return applySplices(text.slice(start, end), inside);
}

/** One statement as it can be run; perhaps with a semicolon behind it. */
export function runnablePart(plan: Plan, part: Part): string {
  // Plans are shared between texts whose literals differ, in length too: the only statement ends where the text does.
  return plan.statements.length === 1 ? plan.forwardText.slice(part.start) : forwardedPart(plan, part);
}
