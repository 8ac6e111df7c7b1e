/** Whether enough of the right people have approved: each takes one seat, whatever groups they are in. Pure. */
import type { ApprovalRequest, ApprovalVote } from '../model/approval.ts';
import type { ApprovalRule } from '../model/decision.ts';
import { seatsOf } from '../policy/approval-rules.ts';

/** Groups whose members may answer the request as it is now. */
export function answeringGroups({ rule, escalated }: ApprovalRequest): readonly string[] {
  return escalated === undefined ? rule.groups : [...new Set([...rule.groups, ...escalated.groups])];
}

/** How many more people have to approve; 0 if it is enough. */
export function missingApprovals({ votes, rule, escalated }: ApprovalRequest): number {
  const approving = votes.filter(({ verdict }) => verdict === 'approve');
  const seats = seatsOf(rule).flatMap(({ groups, count }) => Array<readonly string[]>(count).fill(groups));
  return seats.length - seated(approving, seats, escalated?.groups ?? []);
}

/** In words: `1 of dba and 2 of security`. */
export function ruleText(rule: ApprovalRule): string {
  return seatsOf(rule)
    .map(({ groups, count }) => `${count} of ${groups.join(' or ')}`)
    .join(' and ');
}

/** How many seats the people can take between them: a maximum matching, seat by seat along augmenting paths. */
function seated(
  people: readonly ApprovalVote[],
  seats: readonly (readonly string[])[],
  anywhere: readonly string[],
): number {
  const fits = ({ groups }: ApprovalVote, seat: readonly string[]) =>
    // Votes of earlier versions do not say by which group they counted: there was one kind of seat.
    groups === undefined || groups.some((group) => seat.includes(group) || anywhere.includes(group));
  const seatOf = new Map<number, number>();
  const find = (seat: number, tried: Set<number>): boolean => {
    for (const [person, vote] of people.entries()) {
      if (tried.has(person) || !fits(vote, seats[seat]!)) continue;
      tried.add(person);
      const taken = seatOf.get(person);
      if (taken === undefined || find(taken, tried)) {
        seatOf.set(person, seat);
        return true;
      }
    }
    return false;
  };
  return seats.filter((_, seat) => find(seat, new Set())).length;
}
