/** Which ledger a command is about, and who can read what is sealed in it. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { recordCommand } from '../ledger/command-lane.ts';
import { listKeyIds } from '../ledger/data-key.ts';
import type { Opener } from '../ledger/entry-decoder.ts';
import { nodeFileSystem } from '../ledger/file-system.ts';
import { S3Bucket } from '../ledger/s3-bucket.ts';
import { SealOpener } from '../ledger/seal-keys.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import { openKeyWrapper } from '../ledger/wrapper-key-file.ts';
import { storageConfig } from '../workers/sequencing.ts';
import { type CliContext, configOf, type GlobalOptions } from './cli-context.ts';

export interface PlaceOptions extends GlobalOptions {
  readonly directory?: string;
}

/** A directory or an address. @throws {SluiceError} config_invalid */
export function ledgerPlace(context: CliContext, options: PlaceOptions): string {
  return options.directory ?? join(configOf(context, options).dataDir, 'ledger');
}

/**
 * Reads sealed values if this user can read the keys of the configured ledger; undefined for copies and addresses. That it is read is
 * recorded first.
 * @param query what is asked for, as it is written to the ledger
 */
export async function openerOf(
  context: CliContext,
  options: PlaceOptions,
  query: string,
): Promise<Opener | undefined> {
  if (options.directory !== undefined) return undefined;
  const { dataDir, ledger } = configOf(context, options);
  // Secrets are read only where one is needed: an operator's shell has few.
  const secret = ledger.ownsWrappingKey
    ? configOf(context, options, 'read').ledger.wrappingKey?.reveal()
    : undefined;
  const directory = join(dataDir, 'ledger');
  const wrapper = openKeyWrapper(dataDir, secret, false);
  if (wrapper === undefined || listKeyIds(nodeFileSystem, directory).size === 0) return undefined;
  await recordCommand(directory, context.version, [{ kind: 'audit-read', by: userInfo().username, query }]);
  return SealOpener.open(directory, wrapper);
}

/** Where the tiles of the ledger are, if not in its directory. @throws {SluiceError} config_invalid */
export function tilesOf(context: CliContext, options: PlaceOptions): TileSource | undefined {
  if (options.directory !== undefined || configOf(context, options).ledger.tiles === undefined)
    return undefined;
  const { tiles } = configOf(context, options, 'read').ledger;
  return tiles === undefined ? undefined : new S3Bucket(storageConfig(tiles));
}
