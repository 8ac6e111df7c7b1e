/**
 * Parts: what was too large for an entry, in a file of its own. The entry commits to it by its SHA-256, so what is there is believed only if it is
 * the one: whoever shows an entry shows what was signed, or fails.
 */
import { hash as digest } from 'node:crypto';
import { SluiceError } from '../errors/sluice-error.ts';
import { partPath } from './tile.ts';
import type { TileSource } from './tile-store.ts';

/** Where a part lies while those that need it are taken out of the log. */
export const asidePath = (hash: string): string => `pruning/${partPath(hash)}`;

/**
 * The part that an entry names, or undefined if it is not there.
 * @param named as the entry has it: anything
 * @throws {SluiceError} ledger_corrupt if that names no part, or if what is there is another one; else what the source throws
 */
export async function readPart(source: TileSource, named: unknown): Promise<Buffer | undefined> {
  if (typeof named !== 'string' || !/^[0-9a-f]{64}$/.test(named))
    throw new SluiceError('ledger_corrupt', 'an entry of the ledger names a part that is none');
  const bytes = await source.read(partPath(named));
  if (bytes === undefined || digest('sha256', bytes, 'hex') === named) return bytes;
  throw new SluiceError('ledger_corrupt', `${partPath(named)} is not the part that was signed`);
}
