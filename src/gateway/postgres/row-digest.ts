/**
 * Digests of rows as requests and the ledger may hold them. The database's own digest would let whoever knows all of a row but one masked value
 * try that until it fits; under a key of the installation, nobody can.
 */
import { createHmac } from 'node:crypto';
import type { DatabaseConfig } from '../../config/config.ts';

/** @param digest as the database computed it @returns hex */
export function keyedDigest({ rowKey }: Pick<DatabaseConfig, 'rowKey'>, digest: string): string {
  if (rowKey === undefined) throw new TypeError('rows are digested where there is a key for them');
  return createHmac('sha256', rowKey.reveal()).update(digest).digest('hex');
}
