/** Times as people write them, in UTC unless they say otherwise. Pure. */

/** A moment, or a whole day, in milliseconds since the epoch. `to` is excluded; equal to `from` for a moment. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** A time of day without a day: milliseconds since midnight. */
export interface TimeOfDay {
  readonly timeOfDay: number;
}

export const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

/** What may be written, for hints. */
export const TIME_FORMS = '2h, 7d, 02:00, today, yesterday, 2026-11-27 or 2026-11-27T02:00Z';

/** @returns undefined for what is no time */
export function timeOf(text: string, now: number): TimeSpan | TimeOfDay | undefined {
  const ago = /^(\d{1,6})(s|m|h|d|w)$/.exec(text);
  if (ago !== null) return moment(now - Number(ago[1]) * (UNITS[ago[2] as string] as number));
  switch (text.toLowerCase()) {
    case 'now':
      return moment(now);
    case 'today':
      return day(midnight(now));
    case 'yesterday':
      return day(midnight(now) - DAY_MS);
  }
  const clock = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text);
  if (clock !== null) return timeOfDay(clock);
  return calendar(text);
}

/** The last time that it was this time of day, at `now` or before. */
export function lastTime({ timeOfDay }: TimeOfDay, now: number): number {
  const today = midnight(now) + timeOfDay;
  return today <= now ? today : today - DAY_MS;
}

/** The first time that it is this time of day after `start`. */
export function nextTime({ timeOfDay }: TimeOfDay, start: number): number {
  const same = midnight(start) + timeOfDay;
  return same > start ? same : same + DAY_MS;
}

export function midnight(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}

const moment = (at: number): TimeSpan => ({ from: at, to: at });
const day = (at: number): TimeSpan => ({ from: at, to: at + DAY_MS });

function timeOfDay([, hours, minutes, seconds = '00']: readonly string[]): TimeOfDay | undefined {
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  return { timeOfDay: (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000 };
}

function calendar(text: string): TimeSpan | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/i.exec(text);
  if (match === null) return undefined;
  const [, date, time, seconds = ':00', zone = 'Z'] = match;
  const at = Date.parse(`${date}T${time ?? '00:00'}${seconds}${zone.toUpperCase()}`);
  if (Number.isNaN(at) || !exists(date as string)) return undefined;
  return time === undefined ? day(at) : moment(at);
}

/** `Date.parse` takes the 31st of February. */
function exists(date: string): boolean {
  const at = Date.parse(`${date}T00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date);
}
