/** By what a portal runs: for as long as it has rows left. */
import type { Plan } from '../../session/plan.ts';
import { capped } from '../../session/row-limit.ts';
import type { Portal } from './session-objects.ts';

/** Notes what an Execute ran by: the rows that are left when it has had its share are covered, too, and under the same limit. */
export function noteRelease(portal: Portal, { cap }: Plan, approval: string | undefined): void {
  if (approval !== undefined) portal.approval = approval;
  if (cap !== undefined) portal.cap = cap;
  portal.counted = true;
}

/** The plan of a portal, under the limit of rows by which it was released. */
export function underCap({ cap }: Portal, plan: Plan): Plan {
  return cap === undefined ? plan : capped(plan, cap);
}
