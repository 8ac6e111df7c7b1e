/** What the ledger, and an approval, hold of the values a statement is bound to. Pure. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ParameterValue } from '../../model/session.ts';
import { type Bind, formatOf } from '../../wire/postgres/index.ts';
import { decodeAtOnce, type Encodings, encodingOf } from './statement-text.ts';

/** Longer parameter values are recorded by their digest. */
const MAX_RECORDED_PARAMETER_BYTES = 1_024;
/** So are all that come when those before them have filled this. */
const MAX_RECORDED_BYTES = 64 * 1_024;

/** What is recorded and bound of the parameters of a Bind or FunctionCall, whose texts are in the client's encoding. */
export function recordParameters(
  { parameters, parameterFormats }: Pick<Bind, 'parameters' | 'parameterFormats'>,
  encodings: Encodings,
): ParameterValue[] {
  let recordedBytes = 0;
  return parameters.map((value, i) => {
    const length = value?.length ?? 0;
    const whole = length <= MAX_RECORDED_PARAMETER_BYTES && recordedBytes + length <= MAX_RECORDED_BYTES;
    if (whole) recordedBytes += length;
    return recordParameter(value, formatOf(parameterFormats, i) === 1, whole, encodings);
  });
}

/**
 * Text stays text; a leading backslash is doubled, so that the forms below cannot be imitated: `\x64:…` holds base64 of binary
 * values, `\t64:…` that of texts in an encoding that the gate does not read, `\sha256:…` the digest of what is not recorded whole.
 */
function recordParameter(
  value: Buffer | null,
  binary: boolean,
  whole: boolean,
  encodings: Encodings,
): ParameterValue {
  if (value === null) return null;
  if (!whole) {
    const digest = createHash('sha256').update(value).digest('hex');
    return `\\sha256:${binary ? 'b' : 't'}:${value.length}:${digest}`;
  }
  if (binary) return `\\x64:${value.toString('base64')}`;
  const text = textOf(value, encodings);
  if (text === undefined) return `\\t64:${value.toString('base64')}`;
  return text.charCodeAt(0) === 0x5c ? `\\${text}` : text;
}

/** Undefined if nobody but the database can tell, or it would refuse it. */
function textOf(value: Buffer, encodings: Encodings): string | undefined {
  return encodingOf(encodings) !== 'UTF8' || isUtf8(value) ? decodeAtOnce(value, encodings) : undefined;
}
