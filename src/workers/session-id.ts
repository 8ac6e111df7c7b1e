/** Names of sessions: unique over all time and all processes, sortable by their start. */

const ULID_DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * A ULID: 48 bits of time, 80 of chance (https://github.com/ulid/spec).
 * @param now milliseconds since the epoch
 */
export function newSessionId(now: number, randomBytes: (size: number) => Buffer): string {
  let value = (BigInt(now) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`);
  let id = '';
  for (let i = 0; i < 26; i += 1) {
    id = ULID_DIGITS[Number(value & 31n)]! + id;
    value >>= 5n;
  }
  return id;
}
