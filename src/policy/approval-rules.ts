/** One rule out of several: whoever satisfies it satisfies each of them. Pure. */
import type { ApprovalRule, Seats, TimeWindow } from '../model/decision.ts';

/** Who has to approve, seat by seat. */
export function seatsOf({ seats, groups, quorum }: ApprovalRule): readonly Seats[] {
  return seats ?? [{ groups, count: quorum }];
}

/** The rule that satisfies every rule given; undefined if none is. */
export function mergeApprovals(rules: readonly ApprovalRule[]): ApprovalRule | undefined {
  const [first, ...rest] = rules;
  if (first === undefined || rest.length === 0) return first;
  const seats = mergeSeats(rules.map(seatsOf));
  const expiresMs = Math.min(...rules.map((rule) => rule.expiresMs));
  const validMs = Math.min(...rules.map((rule) => rule.validMs ?? Number.POSITIVE_INFINITY));
  const escalation = mergeEscalations(rules, expiresMs);
  return {
    groups: [...new Set(seats.flatMap(({ groups }) => groups))].sort(),
    quorum: seats.reduce((sum, { count }) => sum + count, 0),
    expiresMs,
    ...(seats.length === 1 ? {} : { seats }),
    ...(Number.isFinite(validMs) ? { validMs } : {}),
    ...(rules.every((rule) => rule.behalfMayAnswer === true) ? { behalfMayAnswer: true } : {}),
    ...(rules.some((rule) => rule.previewRequired === true) ? { previewRequired: true } : {}),
    ...windows('answerWithin', rules),
    ...windows('runWithin', rules),
    ...(escalation === undefined ? {} : { escalation }),
  };
}

/**
 * Rules of one quorum ask any members of the groups they have in common. What has nothing in common is asked of each, and a person
 * takes one seat only, which is never less than each rule wants.
 */
function mergeSeats(all: readonly (readonly Seats[])[]): readonly Seats[] {
  const merged: Seats[] = [];
  for (const seats of all.filter(({ length }) => length > 1)) for (const seat of seats) addSame(merged, seat);
  const fixed = merged.length;
  for (const [seat] of all.filter(({ length }) => length === 1)) addAny(merged, seat as Seats, fixed);
  return merged.sort((a, b) => (a.groups.join() < b.groups.join() ? -1 : 1));
}

/** Of two that name the same groups, the larger one holds both. */
function addSame(merged: Seats[], seat: Seats): void {
  const at = merged.findIndex(({ groups }) => sameSet(groups, seat.groups));
  if (at < 0) merged.push(seat);
  else merged[at] = { groups: merged[at]!.groups, count: Math.max(merged[at]!.count, seat.count) };
}

/** @param fixed how many of the seats stand as they are; those behind may give up groups to hold another one as well */
function addAny(merged: Seats[], seat: Seats, fixed: number): void {
  const covered = merged
    .slice(0, fixed)
    .filter(({ groups }) => groups.every((group) => seat.groups.includes(group)))
    .reduce((sum, { count }) => sum + count, 0);
  if (covered >= seat.count) return;
  const wanted = { groups: seat.groups, count: seat.count - covered };
  for (let at = fixed; at < merged.length; at += 1) {
    const { groups, count } = merged[at]!;
    const common = groups.filter((group) => wanted.groups.includes(group));
    if (common.length === 0) continue;
    merged[at] = { groups: common, count: Math.max(count, wanted.count) };
    return;
  }
  merged.push(wanted);
}

function mergeEscalations(rules: readonly ApprovalRule[], expiresMs: number): ApprovalRule['escalation'] {
  const all = rules.flatMap(({ escalation }) => escalation ?? []);
  // Whoever may answer in anybody's place must be that for each of them.
  if (all.length < rules.length) return undefined;
  const groups = all[0]!.groups.filter((group) => all.every((one) => one.groups.includes(group)));
  const afterMs = Math.max(...all.map((one) => one.afterMs));
  return groups.length === 0 || afterMs >= expiresMs ? undefined : { groups, afterMs };
}

function windows(
  which: 'answerWithin' | 'runWithin',
  rules: readonly ApprovalRule[],
): { [name in typeof which]?: readonly TimeWindow[] } {
  const byText = new Map(
    rules.flatMap((rule) => rule[which] ?? []).map((window) => [JSON.stringify(window), window]),
  );
  return byText.size === 0 ? {} : { [which]: [...byText.values()] };
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
