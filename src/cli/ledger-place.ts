/** Which ledger a command is about, and who can read what is sealed in it. */
import { join } from 'node:path';
import type { Opener } from '../ledger/entry-decoder.ts';
import { SealOpener } from '../ledger/seal-keys.ts';
import { openKeyWrapper } from '../ledger/wrapper-key-file.ts';
import { type CliContext, configOf, type GlobalOptions } from './cli-context.ts';

export interface PlaceOptions extends GlobalOptions {
  readonly directory?: string;
}

/** A directory or an address. @throws {SluiceError} config_invalid */
export function ledgerPlace(context: CliContext, options: PlaceOptions): string {
  return options.directory ?? join(configOf(context, options).dataDir, 'ledger');
}

/** Reads sealed values if this user can read the keys of the configured ledger; undefined for copies and addresses. */
export async function openerOf(context: CliContext, options: PlaceOptions): Promise<Opener | undefined> {
  if (options.directory !== undefined) return undefined;
  const { dataDir } = configOf(context, options);
  const wrapper = openKeyWrapper(dataDir, undefined, false);
  return wrapper === undefined ? undefined : SealOpener.open(join(dataDir, 'ledger'), wrapper);
}
