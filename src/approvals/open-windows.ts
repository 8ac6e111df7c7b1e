/** Whether a time lies within windows of the week. */
import type { TimeWindow } from '../model/decision.ts';

/** True if all windows are open at `at`, milliseconds since the epoch. */
export function areOpen(windows: readonly TimeWindow[] | undefined, at: number): boolean {
  return (windows ?? []).every((window) => isOpen(window, at));
}

function isOpen({ days, from, to, zone }: TimeWindow, at: number): boolean {
  const { day, minute } = localTime(zone, at);
  if (from < to) return days.includes(day) && minute >= from && minute < to;
  // Over midnight, the hours after it belong to the day before.
  const yesterday = day === 1 ? 7 : day - 1;
  return (days.includes(day) && minute >= from) || (days.includes(yesterday) && minute < to);
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
/** By zone. Zones come from policies and the configuration. */
const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(zone: string, at: number): { readonly day: number; readonly minute: number } {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    } as const);
    formats.set(zone, format);
  }
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    day: DAYS.indexOf(parts.get('weekday') ?? '') + 1,
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
