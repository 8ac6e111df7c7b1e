/**
 * What a policy says beside its condition: `@id`, `@reason`, `@hint`, `@approval`, `@row_limit`, `@lookups`. Strict: an annotation that would be ignored
 * is a mistake its author must hear of.
 */
import { DEFAULT_APPROVAL, readApproval } from '../config/approval-text.ts';
import type { ApprovalRule } from '../model/decision.ts';

export interface PolicyNotes {
  readonly id?: string;
  /** One sentence for the client: why it is forbidden. */
  readonly reason?: string;
  /** The nearest thing that would be allowed. */
  readonly hint?: string;
  /** Present on a forbid that an approval lifts. */
  readonly approval?: ApprovalRule;
  /** On a forbid: it forbids only what touches more rows than that. */
  readonly rowLimit?: number;
  /** On a permit of `Match`: how many values an hour may be looked up. */
  readonly lookupsPerHour?: number;
}

const KNOWN = ['id', 'reason', 'hint', 'approval', 'row_limit', 'lookups'];
const ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,79}$/;
const MAX_SENTENCE_LENGTH = 500;

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
  const { id, reason, hint, approval, lookups, row_limit: rowLimit } = annotations;
  if (approval !== undefined && rowLimit !== undefined)
    throw new Error('@approval and @row_limit are two things: write a policy for each');
  return {
    ...(id === undefined ? {} : { id: readId(id) }),
    ...(reason === undefined ? {} : { reason: readSentence('reason', reason) }),
    ...(hint === undefined ? {} : { hint: readSentence('hint', hint) }),
    ...(approval === undefined ? {} : { approval: readApproval(approval ?? '', defaults) }),
    ...(rowLimit === undefined ? {} : { rowLimit: readRowLimit(rowLimit ?? '') }),
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

const MAX_ROW_LIMIT = 1_000_000_000;

function readRowLimit(text: string): number {
  const rows = /^\d{1,10}$/.test(text.trim()) ? Number(text) : -1;
  if (rows >= 0 && rows <= MAX_ROW_LIMIT) return rows;
  throw new Error(
    `@row_limit must be 0 to ${MAX_ROW_LIMIT} rows, such as @row_limit("1000"), not ${JSON.stringify(text)}`,
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
