/** What the ledger, and an approval, hold of the values a statement is bound to. Pure. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ParameterValue } from '../../model/session.ts';
import { type Bind, formatOf } from '../../wire/postgres/index.ts';

/** Longer parameter values are recorded by their digest. */
const MAX_RECORDED_PARAMETER_BYTES = 1_024;
/** So are all that come when those before them have filled this. */
const MAX_RECORDED_BYTES = 64 * 1_024;

/** What is recorded and bound of the parameters of a Bind or FunctionCall. */
export function recordParameters({
  parameters,
  parameterFormats,
}: Pick<Bind, 'parameters' | 'parameterFormats'>): ParameterValue[] {
  let recordedBytes = 0;
  return parameters.map((value, i) => {
    const length = value?.length ?? 0;
    const whole = length <= MAX_RECORDED_PARAMETER_BYTES && recordedBytes + length <= MAX_RECORDED_BYTES;
    if (whole) recordedBytes += length;
    return recordParameter(value, formatOf(parameterFormats, i) === 1, whole);
  });
}

/**
 * Text stays text; a leading backslash is doubled, so that the forms below cannot be imitated: `\x64:…` holds base64 of binary
 * values, `\sha256:…` the digest of those that are not recorded whole.
 */
function recordParameter(value: Buffer | null, binary: boolean, whole: boolean): ParameterValue {
  if (value === null) return null;
  if (!whole) {
    const digest = createHash('sha256').update(value).digest('hex');
    return `\\sha256:${binary ? 'b' : 't'}:${value.length}:${digest}`;
  }
  if (binary || !isUtf8(value)) return `\\x64:${value.toString('base64')}`;
  const text = value.toString('utf8');
  return text.charCodeAt(0) === 0x5c ? `\\${text}` : text;
}
