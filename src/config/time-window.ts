/**
 * Times of the week as text, such as `mon-fri 09:00-17:00 Europe/Berlin`, and back. Days, hours and zone may each be left out: every
 * day, all day, UTC.
 */
import type { TimeWindow } from '../model/decision.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const DAY_MINUTES = 24 * 60;
const HOURS = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/;
const FORM = 'write them as "mon-fri 09:00-17:00 Europe/Berlin"';

/** Throws `Error` with one sentence on what is wrong and what would be right. */
export function readTimeWindow(text: string): TimeWindow {
  const words = text.trim().split(/\s+/);
  const days = daysOf(words[0] ?? '');
  if (days !== undefined) words.shift();
  const hours = hoursOf(words[0] ?? '');
  if (hours !== undefined) words.shift();
  const [zone = 'UTC', ...rest] = words;
  if (rest.length > 0 || (words.length > 0 && !/^(UTC|[A-Za-z_]+(\/[A-Za-z0-9_+-]+){1,2})$/.test(zone))) {
    throw new Error(`cannot read the times ${JSON.stringify(text)}: ${FORM}`);
  }
  if (days === undefined && hours === undefined) throw new Error(`times need days or hours: ${FORM}`);
  if (!isZone(zone)) throw new Error(`there is no time zone ${JSON.stringify(zone)}: ${FORM}`);
  return { days: days ?? [1, 2, 3, 4, 5, 6, 7], ...(hours ?? { from: 0, to: DAY_MINUTES }), zone };
}

/** As `readTimeWindow` reads it. */
export function timeWindowText({ days, from, to, zone }: TimeWindow): string {
  const hours = from === 0 && to === DAY_MINUTES ? '' : ` ${clock(from)}-${clock(to)}`;
  return `${days.map((day) => DAYS[day - 1]).join(',')}${hours} ${zone}`;
}

function daysOf(word: string): number[] | undefined {
  const found = new Set<number>();
  for (const part of word.toLowerCase().split(',')) {
    const [first, last = first, ...rest] = part.split('-').map((name) => DAYS.indexOf(name));
    if (first === undefined || last === undefined || first < 0 || last < 0 || rest.length > 0)
      return undefined;
    // sat-mon goes over the end of the week.
    for (let day = first; ; day = (day + 1) % DAYS.length) {
      found.add(day + 1);
      if (day === last) break;
    }
  }
  return [...found].sort((a, b) => a - b);
}

function hoursOf(word: string): { from: number; to: number } | undefined {
  const numbers = HOURS.exec(word)?.slice(1).map(Number);
  if (numbers === undefined) return undefined;
  const [fromHour, fromMinute, toHour, toMinute] = numbers as [number, number, number, number];
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  const isTime = fromMinute < 60 && toMinute < 60 && from < DAY_MINUTES && to <= DAY_MINUTES && from !== to;
  return isTime ? { from, to } : undefined;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function clock(minutes: number): string {
  const two = (number: number) => String(number).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
