/** The injected time as policies see it: UTC, to the minute. Pure; reads no clock. */
import type { CedarValueJson } from './cedar.ts';

const MINUTE_MS = 60_000;

/** Minutes since the epoch: what a cache key needs to know of the time. */
export function minuteOf(now: Date): number {
  return Math.floor(now.getTime() / MINUTE_MS);
}

/** Undefined if the calendar has no such minute. */
export function timeContext(minute: number): CedarValueJson | undefined {
  const start = new Date(minute * MINUTE_MS);
  if (Number.isNaN(start.getTime())) return undefined;
  return {
    now: { __extn: { fn: 'datetime', arg: start.toISOString() } },
    hour: start.getUTCHours(),
    minute: start.getUTCMinutes(),
    weekday: ((start.getUTCDay() + 6) % 7) + 1,
  };
}
