/**
 * The text of a token: `slc_<id>_<secret><checksum>`, 66 characters of letters, digits and underscores, so that a double
 * click takes all of it, no shell, URL or connection string needs to quote it, and secret scanners can find it:
 *
 *     slc_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}
 *
 * - id: 12 random characters (71 bits), by which the token is looked up; no secret
 * - secret: 32 random bytes in base 62
 * - checksum: CRC-32 of everything before it, in base 62, so that typing errors and false finds are told apart offline
 */
import { crc32 } from 'node:zlib';

/** What every token starts with. */
export const TOKEN_PREFIX = 'slc_';
/** Matches tokens in any text, for redaction and scanners. */
export const TOKEN_PATTERN = /slc_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}/;

const ID_LENGTH = 12;
const SECRET_BYTES = 32;
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const WHOLE = new RegExp(`^${TOKEN_PATTERN.source}$`);

/** Gives `size` unpredictable bytes, as `crypto.randomBytes` does. */
export type RandomBytes = (size: number) => Buffer;

/** A token just made. `text` is shown once and kept nowhere. */
export interface MintedToken {
  readonly id: string;
  readonly text: string;
}

/** A new token of 256 random bits. */
export function mintToken(randomBytes: RandomBytes): MintedToken {
  // Nine bytes are 72 bits; 62^12 is a little less, so the id is taken modulo and the bias (under 2%) is of no use to anyone.
  const id = toBase62(randomBytes(9), ID_LENGTH);
  const body = `${TOKEN_PREFIX}${id}_${toBase62(randomBytes(SECRET_BYTES), SECRET_LENGTH)}`;
  return { id, text: body + checksumOf(body) };
}

/** The id inside a token's text, or undefined if it is no token or was mistyped. Proves nothing about its validity. */
export function tokenIdOf(text: string): string | undefined {
  if (!WHOLE.test(text)) return undefined;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  if (checksumOf(body) !== text.slice(-CHECKSUM_LENGTH)) return undefined;
  return text.slice(TOKEN_PREFIX.length, TOKEN_PREFIX.length + ID_LENGTH);
}

function checksumOf(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return toBase62(bytes, CHECKSUM_LENGTH);
}

/** The last `length` digits of `bytes` as a number in base 62. */
function toBase62(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  while (text.length < length) {
    text = DIGITS[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text;
}
