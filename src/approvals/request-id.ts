/** Ids that people type. */
import { randomBytes } from 'node:crypto';

/** Crockford's base 32: no letters that are taken for digits (https://www.crockford.com/base32.html). */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

/** `apr_` and 10 characters: 50 bits of chance. */
export const newRequestId = (): string => newId('apr_');

/** `grt_` and as many. */
export const newGrantId = (): string => newId('grt_');

function newId(prefix: string): string {
  let id = prefix;
  for (const byte of randomBytes(10)) id += DIGITS[byte & 31];
  return id;
}
