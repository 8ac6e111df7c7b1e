/** What is recorded of parameters (`recorded-parameters.ts`), bound once more. Pure. */
import type { ParameterValue } from '../../model/session.ts';
import type { BoundValues } from './own-questions.ts';

/** A digest, or a text whose characters are not known. */
const UNKNOWN = /^\\(?:sha256|t64):/;
const BASE64 = /^\\x64:/;

/** Undefined if a value was not recorded as it is. */
export function boundAgain(
  parameters: readonly ParameterValue[],
  parameterTypes: readonly number[],
): BoundValues | undefined {
  if (parameters.some((value) => value !== null && UNKNOWN.test(value))) return undefined;
  const isBinary = (value: ParameterValue) => value !== null && BASE64.test(value);
  return {
    parameterTypes,
    parameterFormats: parameters.map((value) => (isBinary(value) ? 1 : 0)),
    parameters: parameters.map((value) => {
      if (value === null) return null;
      if (isBinary(value)) return Buffer.from(value.slice('\\x64:'.length), 'base64');
      return Buffer.from(value.startsWith('\\') ? value.slice(1) : value);
    }),
  };
}
