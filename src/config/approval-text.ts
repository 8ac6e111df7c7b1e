/**
 * Who must agree, as text: what stands in an `@approval` annotation and in the rules of `access`. Strict: what would be ignored is a
 * mistake its author must hear of.
 *
 *     groups=dba,security; quorum=2; expires=15m; valid=1h; behalf=no;
 *     answer=mon-fri 08:00-18:00 Europe/Berlin; run=mon-thu 09:00-16:00; escalate=managers after 10m;
 *     preview=required
 *
 * `quorum=dba:1+security:1` names groups with a quorum of their own.
 */
import type { ApprovalRule, Seats } from '../model/decision.ts';
import { readTimeWindow } from './time-window.ts';

/** What an `@approval` leaves out if the operator says nothing: one person within 15 minutes, and the groups must be named. */
export const DEFAULT_APPROVAL: ApprovalRule = { groups: [], quorum: 1, expiresMs: 15 * 60_000 };

const SECOND_MS = 1000;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};
const MIN_TIME_MS = 10 * SECOND_MS;
const MAX_TIME_MS = 7 * 86_400 * SECOND_MS;
const MAX_QUORUM = 10;
const KNOWN = ['groups', 'quorum', 'expires', 'valid', 'behalf', 'answer', 'run', 'escalate', 'preview'];
const FORM = 'write it as @approval("groups=dba; quorum=1; expires=15m")';

/** Each part may be left out, all of them too, if the defaults name groups. Throws `Error` with one sentence. */
export function readApproval(text: string, defaults: ApprovalRule = DEFAULT_APPROVAL): ApprovalRule {
  const settings = settingsOf(text);
  const { groups, quorum, seats } = readQuorum(settings, defaults);
  const expiresMs = readTime('expiry', settings.get('expires')) ?? defaults.expiresMs;
  const validMs = readTime('validity', settings.get('valid'));
  const answer = settings.get('answer');
  const run = settings.get('run');
  const escalation = readEscalation(settings.get('escalate'), expiresMs);
  return {
    groups,
    quorum,
    expiresMs,
    ...(seats === undefined ? {} : { seats }),
    ...(validMs === undefined ? {} : { validMs }),
    ...(readBehalf(settings.get('behalf')) ? { behalfMayAnswer: true } : {}),
    ...(isPreviewRequired(settings.get('preview')) ? { previewRequired: true } : {}),
    ...(answer === undefined ? {} : { answerWithin: [readTimeWindow(answer)] }),
    ...(run === undefined ? {} : { runWithin: [readTimeWindow(run)] }),
    ...(escalation === undefined ? {} : { escalation }),
  };
}

function settingsOf(text: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const part of text.trim() === '' ? [] : text.split(';')) {
    const [name = '', value = '', ...rest] = part.split('=').map((side) => side.trim());
    if (!KNOWN.includes(name) || value === '' || rest.length > 0) {
      throw new Error(`@approval cannot read ${JSON.stringify(part.trim())}: ${FORM}`);
    }
    if (settings.has(name)) throw new Error(`@approval says ${name} twice: ${FORM}`);
    settings.set(name, value);
  }
  return settings;
}

type Quorum = Pick<ApprovalRule, 'groups' | 'quorum' | 'seats'>;

function readQuorum(settings: ReadonlyMap<string, string>, defaults: ApprovalRule): Quorum {
  const text = settings.get('quorum');
  if (text?.includes(':')) {
    if (settings.has('groups'))
      throw new Error(`@approval names groups in groups or in quorum, not in both: ${FORM}`);
    return quorumOfGroups(text);
  }
  const groups = readGroups(settings.get('groups'), defaults.groups);
  return { groups, quorum: text === undefined ? defaults.quorum : readCount(text) };
}

function quorumOfGroups(text: string): Quorum {
  const seats = text.split('+').map((part): Seats => {
    const [, group, count] = /^\s*([^:]+?)\s*:\s*(\S+)\s*$/.exec(part) ?? [];
    if (group !== undefined && count !== undefined) return { groups: [group], count: readCount(count) };
    throw new Error(
      `the quorum of @approval must be a number or group:count with + between, such as dba:1+security:1, not ${JSON.stringify(text)}`,
    );
  });
  seats.sort((a, b) => (a.groups[0]! < b.groups[0]! ? -1 : 1));
  const groups = seats.flatMap((seat) => seat.groups);
  const twice = groups.find((group, index) => groups.indexOf(group) !== index);
  if (twice !== undefined) throw new Error(`the quorum of @approval names ${twice} twice`);
  const quorum = seats.reduce((sum, { count }) => sum + count, 0);
  if (quorum > MAX_QUORUM) throw new Error(`@approval may ask for at most ${MAX_QUORUM} people`);
  return { groups, quorum, seats };
}

function readGroups(text: string | undefined, otherwise: readonly string[]): readonly string[] {
  const groups = text === undefined ? otherwise : text.split(',').map((group) => group.trim());
  if (groups.length > 0 && !groups.includes('')) return [...new Set(groups)].sort();
  throw new Error(`@approval must name the groups whose members may approve: ${FORM}`);
}

function readCount(text: string): number {
  const quorum = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (quorum >= 1 && quorum <= MAX_QUORUM) return quorum;
  throw new Error(`the quorum of @approval must be 1 to ${MAX_QUORUM}, not ${JSON.stringify(text)}`);
}

function readTime(what: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parts = /^(\d{1,6})([smhd])$/.exec(text);
  const timeMs = parts === null ? 0 : Number(parts[1]) * UNIT_MS[parts[2]!]!;
  if (timeMs >= MIN_TIME_MS && timeMs <= MAX_TIME_MS) return timeMs;
  throw new Error(
    `the ${what} of @approval must be from 10s to 7d, such as 15m or 2h, not ${JSON.stringify(text)}`,
  );
}

function readBehalf(text = 'no'): boolean {
  if (text === 'yes' || text === 'no') return text === 'yes';
  throw new Error(
    `behalf of @approval says whether people on whose behalf it is asked may approve: yes or no, not ${JSON.stringify(text)}`,
  );
}

function isPreviewRequired(text: string | undefined): boolean {
  if (text === undefined || text === 'required') return text === 'required';
  throw new Error(`preview of @approval can only be required, not ${JSON.stringify(text)}`);
}

function readEscalation(text: string | undefined, expiresMs: number): ApprovalRule['escalation'] {
  if (text === undefined) return undefined;
  const [, names, time] = /^(.+?)\s+after\s+(\S+)$/.exec(text) ?? [];
  if (names === undefined) {
    throw new Error(`@approval escalates to groups after a time, such as escalate=managers after 10m`);
  }
  const afterMs = readTime('escalation', time) as number;
  if (afterMs >= expiresMs) throw new Error('@approval must escalate before the request expires');
  return { groups: readGroups(names, []), afterMs };
}
