/** What is recorded of parameters (`recorded-parameters.ts`), bound once more. Pure. */
import type { ParameterValue } from '../../model/session.ts';
import type { BoundValues } from './own-questions.ts';

const DIGEST = /^\\sha256:/;
const BASE64 = /^\\x64:/;

/** Undefined if a value was too long to be recorded whole. */
export function boundAgain(
  parameters: readonly ParameterValue[],
  parameterTypes: readonly number[],
): BoundValues | undefined {
  if (parameters.some((value) => value !== null && DIGEST.test(value))) return undefined;
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
