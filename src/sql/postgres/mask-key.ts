/**
 * The key of pseudonyms, as settings of a session: HMAC's key padded for the inner and for the outer hash, so that SQL needs two
 * plain hashes. The settings are given at start-up of a connection; PostgreSQL lists settings of modules it does not know in no view, and the
 * gate lets nobody name them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2104
 */
import { hkdfSync } from 'node:crypto';
import { SluiceError } from '../../errors/sluice-error.ts';

/** The settings that hold HMAC's padded keys, as 128 hex digits each. */
export const MASK_KEY_SETTINGS = { inner: 'sluice.mask_inner', outer: 'sluice.mask_outer' } as const;

const BLOCK_BYTES = 64;
const KEY_BYTES = 32;

/** The key of one database of one installation: 32 bytes. */
export function maskKey(installationSecret: Buffer, database: string): Buffer {
  return Buffer.from(hkdfSync('sha256', installationSecret, '', `sluice mask key: ${database}`, KEY_BYTES));
}

/** What a session's start-up sets. @param key 32 bytes */
export function maskKeySettings(key: Buffer): ReadonlyMap<string, string> {
  const padded = (pad: number) => {
    const block = Buffer.alloc(BLOCK_BYTES, pad);
    for (const [index, byte] of key.entries()) block[index]! ^= byte;
    return block.toString('hex');
  };
  return new Map([
    [MASK_KEY_SETTINGS.inner, padded(0x36)],
    [MASK_KEY_SETTINGS.outer, padded(0x5c)],
  ]);
}

/** The one setting under the gate's prefix that clients may choose, at start-up. */
const OPEN_SETTING = 'sluice.on_hold';

/**
 * Nobody reads or sets what the gate keeps in settings of its own, whatever they may see otherwise.
 * @param name lower case
 * @throws {SluiceError} statement_denied
 */
export function refuseOwnSetting(name: string): void {
  if (!name.startsWith('sluice.') || name === OPEN_SETTING) return;
  throw new SluiceError('statement_denied', `the setting ${name.slice(0, 64)} belongs to the gate`, {
    hint: 'Leave settings whose names begin with sluice. alone.',
  });
}
