/**
 * What of the database's errors and notices a principal may read whose statement ran on values that it may not see: a table by
 * SQLSTATE. What is not known to be harmless is withheld; SQLSTATE, and the names of constraints, columns and tables in the
 * database's own errors, always stay.
 *
 * Knows nothing of plans: whoever calls it has found that something may be quoted.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 * @see https://www.postgresql.org/docs/18/protocol-error-fields.html
 */
import { ErrorFields } from '../../wire/postgres/index.ts';

/** One field of an error. */
type ErrorEntry = ErrorFields['entries'][number];

/** Detail, hint, context, internal query and the position in it. */
const QUOTING_FIELDS: ReadonlySet<string> = new Set(['D', 'H', 'W', 'q', 'p']);
/** Names of objects: code that raises an error can write anything into them. */
const NAMING_FIELDS: ReadonlySet<string> = new Set(['s', 't', 'c', 'd', 'n']);

/**
 * Classes whose messages name objects, limits and states only. `23`: constraints (`duplicate key value violates unique
 * constraint "x"`, whose row stands in the detail); `44`: check options of views.
 */
const NAMING_CLASSES: ReadonlySet<string> = new Set([
  '0A',
  '21',
  '23',
  '25',
  '28',
  '40',
  '42',
  '44',
  '53',
  '55',
  '57',
]);

/** Single codes of classes that quote values otherwise (`22P02`: invalid input syntax for type integer: "…"). */
const NAMING_CODES: ReadonlySet<string> = new Set([
  '22001', // value too long for type character varying(80)
  '22002',
  '22004',
  '22011', // negative substring length not allowed
  '22012', // division by zero
  '22026', // bit string length 3 does not match type bit(4)
  '2201W', // LIMIT must not be negative
  '2201X',
  '2202E', // array subscript errors
]);

/** Codes whose detail and hint are fixed texts about definitions. */
const EXPLAINED_CODES: ReadonlySet<string> = new Set([
  '0A000',
  '21000', // ON CONFLICT DO UPDATE command cannot affect row a second time
  '25P02',
  '40001',
  '40P01', // the processes of a deadlock; what they wait for are tables and pages
  '428C9', // cannot insert a non-DEFAULT value into column "id"
  '55000', // cannot update view "v"
  '55006',
]);

/** Conditions that clients act upon: where code raised them their words are replaced by the usual ones. */
const USUAL_WORDS: Readonly<Record<string, string>> = {
  '23502': 'a not-null constraint is violated',
  '23503': 'a foreign key constraint is violated',
  '23505': 'a unique constraint is violated',
  '23514': 'a check constraint is violated',
  '40001': 'could not serialize access',
  '40P01': 'deadlock detected',
  '55P03': 'could not obtain a lock',
  '57014': 'canceling statement',
};

const WITHHELD =
  'the database refused the statement; its message is withheld, as it could quote masked values';

/** What is left of an error. */
export function withoutValues(fields: ErrorFields): ErrorEntry[] {
  const code = fields.get('C') ?? '';
  // An error with a context was raised within code, which chooses its words and SQLSTATE.
  const isCode = fields.get('W') !== undefined;
  // One that points into the text was found before any row was read: what it quotes stands there.
  const isOfText = !isCode && fields.get('P') !== undefined && fields.get('q') === undefined;
  if (isOfText) return [...fields.entries];
  const keepsMessage = !isCode && namesOnly(code);
  const keepsDetail = !isCode && EXPLAINED_CODES.has(code);
  return fields.entries.flatMap((entry) => {
    const isExplaining = entry.code === 'D' || entry.code === 'H';
    if (QUOTING_FIELDS.has(entry.code)) return isExplaining && keepsDetail ? [entry] : [];
    if (isCode && NAMING_FIELDS.has(entry.code)) return [];
    if (entry.code !== 'M' || keepsMessage) return [entry];
    const usual = Object.hasOwn(USUAL_WORDS, code) ? USUAL_WORDS[code] : undefined;
    const words = usual === undefined ? WITHHELD : `${usual}; the rest of the message is withheld`;
    return [{ code: 'M', value: Buffer.from(words) }];
  });
}

/** True if a NoticeResponse can pass as it is. */
export function isHarmlessNotice(frame: Buffer): boolean {
  const fields = ErrorFields.decode('NoticeResponse', frame.subarray(5));
  const isQuoting = fields.entries.some(({ code }) => QUOTING_FIELDS.has(code));
  return !isQuoting && namesOnly(fields.get('C') ?? '');
}

function namesOnly(code: string): boolean {
  return NAMING_CLASSES.has(code.slice(0, 2)) || NAMING_CODES.has(code);
}
