/**
 * What a policy says beside its condition: `@id`, `@reason`, `@hint`, `@approval`, `@lookups`. Strict: an annotation that would be ignored
 * is a mistake its author must hear of.
 */
import type { ApprovalRule } from '../model/decision.ts';

export interface PolicyNotes {
  readonly id?: string;
  /** One sentence for the client: why it is forbidden. */
  readonly reason?: string;
  /** The nearest thing that would be allowed. */
  readonly hint?: string;
  /** Present on a forbid that an approval lifts. */
  readonly approval?: ApprovalRule;
  /** On a permit of `Match`: how many values an hour may be looked up. */
  readonly lookupsPerHour?: number;
}

const KNOWN = ['id', 'reason', 'hint', 'approval', 'lookups'];
const ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,79}$/;
const MAX_SENTENCE_LENGTH = 500;

/** What an `@approval` leaves out if the operator says nothing: one person within 15 minutes, and the groups must be named. */
export const DEFAULT_APPROVAL: ApprovalRule = { groups: [], quorum: 1, expiresMs: 15 * 60_000 };

/** Reads annotations. Throws `Error` with one sentence on what is wrong and what would be right. */
export function readAnnotations(
  effect: 'permit' | 'forbid',
  annotations: Readonly<Record<string, string | null>>,
  defaults: ApprovalRule = DEFAULT_APPROVAL,
): PolicyNotes {
  for (const name of Object.keys(annotations)) {
    if (!KNOWN.includes(name)) {
      throw new Error(`there is no annotation @${name}: use ${KNOWN.map((one) => `@${one}`).join(', ')}`);
    }
    if (effect === 'permit' && name !== 'id' && name !== 'lookups') {
      throw new Error(`@${name} has no effect on a permit: it belongs on a forbid`);
    }
    if (effect === 'forbid' && name === 'lookups') {
      throw new Error('@lookups has no effect on a forbid: it belongs on a permit of Match');
    }
  }
  const { id, reason, hint, approval, lookups } = annotations;
  return {
    ...(id === undefined ? {} : { id: readId(id) }),
    ...(reason === undefined ? {} : { reason: readSentence('reason', reason) }),
    ...(hint === undefined ? {} : { hint: readSentence('hint', hint) }),
    ...(approval === undefined ? {} : { approval: readApproval(approval ?? '', defaults) }),
    ...(lookups === undefined ? {} : { lookupsPerHour: readLookups(lookups ?? '') }),
  };
}

const MAX_LOOKUPS_PER_HOUR = 100_000;

function readLookups(text: string): number {
  const digits = /^(\d{1,6})\/h$/.exec(text.trim())?.[1];
  const count = Number(digits ?? 0);
  if (count >= 1 && count <= MAX_LOOKUPS_PER_HOUR) return count;
  throw new Error(
    `@lookups must be 1 to ${MAX_LOOKUPS_PER_HOUR} an hour, such as @lookups("100/h"), not ${JSON.stringify(text)}`,
  );
}

function readId(id: string | null): string {
  if (id !== null && ID.test(id)) return id;
  throw new Error(
    `@id must be 1 to 80 letters, digits, dots, slashes, underscores or hyphens, not ${JSON.stringify(id ?? '')}`,
  );
}

function readSentence(name: string, text: string | null): string {
  if (
    text !== null &&
    text.trim() !== '' &&
    text.length <= MAX_SENTENCE_LENGTH &&
    !/[\u0000-\u001f]/.test(text)
  ) {
    return text.trim();
  }
  throw new Error(`@${name} must be one line of 1 to ${MAX_SENTENCE_LENGTH} characters`);
}

const SECOND_MS = 1000;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};
const MIN_EXPIRES_MS = 10 * SECOND_MS;
const MAX_EXPIRES_MS = 7 * 86_400 * SECOND_MS;
const MAX_QUORUM = 10;
const FORM = 'write it as @approval("groups=dba; quorum=1; expires=15m")';

/** Reads `groups=dba,security; quorum=2; expires=1h`. Each may be left out, all of them too, if the defaults name groups. */
export function readApproval(text: string, defaults: ApprovalRule = DEFAULT_APPROVAL): ApprovalRule {
  const settings = new Map<string, string>();
  for (const part of text.trim() === '' ? [] : text.split(';')) {
    const [name = '', value = '', ...rest] = part.split('=').map((side) => side.trim());
    if (!['groups', 'quorum', 'expires'].includes(name) || value === '' || rest.length > 0) {
      throw new Error(`@approval cannot read ${JSON.stringify(part.trim())}: ${FORM}`);
    }
    if (settings.has(name)) throw new Error(`@approval says ${name} twice: ${FORM}`);
    settings.set(name, value);
  }
  return {
    groups: readGroups(settings.get('groups'), defaults.groups),
    quorum: readQuorum(settings.get('quorum'), defaults.quorum),
    expiresMs: readExpiry(settings.get('expires'), defaults.expiresMs),
  };
}

function readGroups(text: string | undefined, otherwise: readonly string[]): readonly string[] {
  const groups = text === undefined ? otherwise : text.split(',').map((group) => group.trim());
  if (groups.length > 0 && !groups.includes('')) return [...new Set(groups)].sort();
  throw new Error(`@approval must name the groups whose members may approve: ${FORM}`);
}

function readQuorum(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const quorum = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (quorum >= 1 && quorum <= MAX_QUORUM) return quorum;
  throw new Error(`the quorum of @approval must be 1 to ${MAX_QUORUM}, not ${JSON.stringify(text)}`);
}

function readExpiry(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const parts = /^(\d{1,6})([smhd])$/.exec(text);
  const expiresMs = parts === null ? 0 : Number(parts[1]) * UNIT_MS[parts[2]!]!;
  if (expiresMs >= MIN_EXPIRES_MS && expiresMs <= MAX_EXPIRES_MS) return expiresMs;
  throw new Error(
    `the expiry of @approval must be from 10s to 7d, such as 15m or 2h, not ${JSON.stringify(text)}`,
  );
}
