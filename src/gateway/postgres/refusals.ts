/**
 * What the gate itself says to a client, as wire messages; and what it withholds of what the database says when that could quote
 * values the principal may not see.
 */
import { ruleText } from '../../approvals/quorum.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import { refusalDetail } from '../../policy/refusal-detail.ts';
import type { Plan } from '../../session/plan.ts';
import { mapPosition } from '../../sql/splice.ts';
import { ErrorFields, encodeNotice, errorFields } from '../../wire/postgres/index.ts';
import { withoutValues } from './withheld-errors.ts';

/** A text as bytes in client_encoding. */
export type InClient = (text: string) => Buffer;
const inUtf8: InClient = (text) => Buffer.from(text);

/** An ErrorResponse of the gate. `FATAL` ends the session. */
export function errorFrame(
  error: SluiceError,
  severity: 'ERROR' | 'FATAL' = 'ERROR',
  inClient: InClient = inUtf8,
): Buffer {
  const { entries } = errorFields({
    severity,
    sqlstate: error.sqlstate,
    message: `sluice: ${error.message}`,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.position === undefined ? {} : { position: error.position }),
  });
  const encoded = entries.map(({ code, value }) => ({ code, value: inClient(value.toString()) }));
  return new ErrorFields(encoded).encode('ErrorResponse');
}

/**
 * What a client gets in place of the error that stands in for a refused message; undefined for nothing.
 * @param actual the database's own error on the message that was made to fail
 */
export type Refusal = (actual: ErrorFields) => Buffer | undefined;

/** Errors that the database itself would raise: they are told in its words, not as the gate's. */
const DATABASE_ERRORS: ReadonlySet<string> = new Set([
  'syntax_error',
  'no_such_relation',
  'no_such_statement',
  'no_such_portal',
  'bad_encoding',
  'cancelled',
]);

/** Whether the database would have refused it, too. */
export function isDatabaseError(error: SluiceError): boolean {
  return DATABASE_ERRORS.has(error.code);
}

/** The refusal that tells this error. */
export function refusalFor(error: SluiceError, inClient: InClient): Refusal {
  if (!isDatabaseError(error)) {
    const frame = errorFrame(error, 'ERROR', inClient);
    return () => frame;
  }
  return (actual) => {
    // A failed transaction is told of first.
    if (actual.get('C') === '25P02') return actual.encode('ErrorResponse');
    const entries = actual.entries.flatMap(({ code, value }) => {
      if (code === 'M') return [{ code, value: inClient(error.message) }];
      return code === 'P' || code === 'C' ? [] : [{ code, value }];
    });
    const position =
      error.position === undefined ? [] : [{ code: 'P', value: Buffer.from(String(error.position)) }];
    const sqlstate = { code: 'C', value: Buffer.from(error.sqlstate) };
    const at = entries.findIndex((entry) => entry.code === 'M');
    return new ErrorFields([
      ...entries.slice(0, at),
      sqlstate,
      entries[at]!,
      ...position,
      ...entries.slice(at + 1),
    ]).encode('ErrorResponse');
  };
}

/**
 * The refusal of a text that did not parse, where the database was given it with a token that never parses at its end.
 * @param text the client's
 */
export function syntaxRefusal(error: SluiceError, text: string, inClient: InClient): Refusal {
  const foundHere = refusalFor(foundLate(error), inClient);
  return (actual) => {
    // Behind the line break. Whoever stops there has found nothing before, and knows nothing of the text's end.
    if (actual.get('P') === String(codePoints(text) + 2)) return foundHere(actual);
    const entries = actual.entries.map(({ code, value }) => ({
      code,
      value: code === 'M' ? withoutEnd(value) : value,
    }));
    return new ErrorFields(entries).encode('ErrorResponse');
  };
}

/** Since PostgreSQL 16 the grammar checks it; older servers stop at the end, and would tell it when the statement runs. */
const LATE_CHECK = /^unrecognized partitioning strategy "/;

function foundLate(error: SluiceError): SluiceError {
  if (!LATE_CHECK.test(error.message)) return error;
  return new SluiceError('syntax_error', error.message, { sqlstate: '22023' });
}

/** What is unterminated is quoted up to the text's end. */
function withoutEnd(message: Buffer): Buffer {
  const at = message.lastIndexOf('\n{');
  return at < 0 ? message : Buffer.concat([message.subarray(0, at), message.subarray(at + 2)]);
}

/** PostgreSQL counts characters, JavaScript UTF-16 code units. */
function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Tells a waiting client where to look. */
export function heldNotice(request: ApprovalRequest): Buffer {
  return encodeNotice({
    severity: 'NOTICE',
    sqlstate: 'SL002',
    message: `sluice: waiting for approval ${request.id} until ${new Date(request.expiresAt).toISOString()}`,
    detail: refusalDetail('statement_held', { request: request.id, ...request }),
    hint: `It needs ${ruleText(request.rule)}: sluice approvals show ${request.id}; cancel this statement to withdraw the request.`,
  });
}

/**
 * An ErrorResponse of the database as the client may see it: positions point into the client's own text, and fields that
 * could quote real values are withheld where the plan says so. Returns undefined if it can pass as it is.
 * @param withholding withhold whatever the plan says
 */
export function clientErrorFields(
  fields: ErrorFields,
  plan: Plan | undefined,
  withholding = false,
): ErrorFields | undefined {
  const withholds = withholding || plan?.withholdsErrors === true;
  if (!withholds && (plan === undefined || plan.splices.length === 0)) return undefined;
  const kept = withholds ? withoutValues(fields) : fields.entries;
  const entries = kept.flatMap((entry) =>
    entry.code === 'P' && plan !== undefined ? mapped(plan, entry.value.toString('latin1')) : [entry],
  );
  return new ErrorFields(entries);
}

function mapped(plan: Plan, position: string): { code: string; value: Buffer }[] {
  const { text, forwardText, splices } = plan;
  const planned = mapPosition(text, { text: forwardText, splices }, Number(position));
  // A text that is not rewritten is forwarded as it is written.
  const original = splices.length === 0 ? planned : positionAsWritten(plan, planned);
  return [{ code: 'P', value: Buffer.from(String(original)) }];
}

/** Where a position of the text that was planned stands in what the client wrote. */
function positionAsWritten({ text, written }: Plan, position: number): number {
  return written === undefined
    ? position
    : mapPosition(written.text, { text, splices: written.splices }, position);
}
