/** What is out of the ordinary for a principal, in a sentence, and what it was compared with. Pure. */
import { hash } from 'node:crypto';
import type { FindingRule, LedgerEvent } from '../model/ledger-entry.ts';

export type Finding = Extract<LedgerEvent, { kind: 'finding' }>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Something done for the first time, or for the first time in long. */
export interface FirstTime {
  readonly rule: FindingRule;
  readonly principal: string;
  /** `read public.payments`. */
  readonly what: string;
  readonly at: number;
  /** When it was done last; absent for never. */
  readonly last?: number;
  /** When the principal was first seen. */
  readonly known: number;
  readonly seq: number;
  readonly session: string;
  readonly database: string;
}

export function firstTimeFinding(first: FirstTime): Finding {
  const { rule, principal, what, at, last, known, seq, session, database } = first;
  return {
    kind: 'finding',
    finding: idOf([rule, principal, what, seq]),
    ...{ rule, principal, database, session },
    what: `${principal} ${what} for the first time in ${agoText(at - (last ?? known))}`,
    evidence: { seq, at, known, ...(last === undefined ? {} : { last }) },
  };
}

/** More within an hour than ever within one before. */
export interface Excess {
  readonly rule: FindingRule;
  readonly principal: string;
  /** `was refused ${count} times`. */
  readonly what: string;
  /** The hour's first millisecond. */
  readonly hour: number;
  readonly value: number;
  /** The most within one hour before, and since when that was looked at. */
  readonly usual: number;
  readonly since: number;
  readonly seq: number;
  readonly session: string;
  readonly database: string;
}

export function excessFinding(excess: Excess): Finding {
  const { rule, principal, what, hour, value, usual, since, seq, session, database } = excess;
  const hours = `${clock(hour)} and ${clock(hour + HOUR)} UTC`;
  return {
    kind: 'finding',
    finding: idOf([rule, principal, hour]),
    ...{ rule, principal, database, session },
    what: `${principal} ${what} between ${hours}; the most in any hour of the ${agoText(hour - since)} before was ${usual}`,
    evidence: { seq, at: hour, known: since, value, usual },
  };
}

/** The same for the same thing, however often it is found. */
function idOf(parts: readonly (string | number)[]): string {
  return `fnd_${hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 16)}`;
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);

function agoText(ms: number): string {
  const [size, unit] =
    ms >= 2 * DAY
      ? [DAY, 'days']
      : ms >= 2 * HOUR
        ? [HOUR, 'hours']
        : ms >= 2 * MINUTE
          ? [MINUTE, 'minutes']
          : [1000, 'seconds'];
  return `${Math.floor(ms / size)} ${unit}`;
}
