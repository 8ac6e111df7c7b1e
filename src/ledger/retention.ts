/** How long entries are kept, and what nobody may prune. Pure. */
import type { HoldScope } from '../model/ledger-entry.ts';

/** The first rule that fits an entry decides; what none fits is kept for good. */
export interface RetentionRule {
  readonly keepMs: number;
  /** Absent for all. */
  readonly kinds?: readonly string[];
  /** Absent for all; given, the rule fits only what concerns one of them. */
  readonly databases?: readonly string[];
}

/** A hold that is in force. */
export interface LegalHold extends HoldScope {
  readonly hold: string;
  readonly by: string;
  readonly reason: string;
  readonly placedAt: number;
}

/** What holds and rules look at. */
export interface RetainedEntry {
  readonly kind: string;
  readonly at: number;
  readonly database: string | undefined;
  readonly session: string | undefined;
  /** Who acted, and for whom. */
  readonly principals: readonly string[];
}

/** Without these nobody could say what the log is, or why something is not in it. */
const NEVER_PRUNED: ReadonlySet<string> = new Set([
  'entries-pruned',
  'hold-placed',
  'hold-released',
  'keys-destroyed',
  'log-opened',
  'log-recovered',
]);

export function mayBePruned(
  entry: RetainedEntry,
  rules: readonly RetentionRule[],
  holds: readonly LegalHold[],
  now: number,
): boolean {
  if (NEVER_PRUNED.has(entry.kind)) return false;
  const rule = rules.find(
    ({ kinds, databases }) =>
      (kinds?.includes(entry.kind) ?? true) &&
      (databases === undefined || (entry.database !== undefined && databases.includes(entry.database))),
  );
  if (rule === undefined || entry.at >= now - rule.keepMs) return false;
  return !holds.some((hold) => isHeld(entry, hold));
}

/** Where it is not known whether an entry fits, it is held. */
function isHeld(
  entry: RetainedEntry,
  { databases, kinds, principals, sessions, from, to }: HoldScope,
): boolean {
  return (
    (databases === undefined || entry.database === undefined || databases.includes(entry.database)) &&
    (kinds === undefined || kinds.includes(entry.kind)) &&
    (principals === undefined ||
      entry.principals.length === 0 ||
      entry.principals.some((one) => principals.includes(one))) &&
    (sessions === undefined || (entry.session !== undefined && sessions.includes(entry.session))) &&
    (from === undefined || entry.at >= from) &&
    (to === undefined || entry.at <= to)
  );
}
