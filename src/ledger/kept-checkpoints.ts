/**
 * Checkpoints that were kept in a second place (see anchor.ts), each held against the log as it is now: what was rewritten or cut off since
 * then shows. When a file was kept, its file system says; whoever owns that can change it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ledgerError } from './ledger-error.ts';
import { rootAt } from './merkle-tree.ts';
import { checkCheckpoint } from './signed-checkpoint.ts';
import type { NoteKey } from './signed-note.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

export interface KeptCheckpoint {
  /** Entries that it covers. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly keptAt: number;
  /** Why it does not fit the log; absent if it does. */
  readonly problem?: string;
}

export interface LogToHold {
  readonly key: NoteKey;
  readonly source: TileSource;
  /** Entries of the log, whose tiles were verified. */
  readonly size: number;
}

const NAME = /^\d{16}\.checkpoint$/;
const MAX_BYTES = 64 * 1024;

/**
 * Those in the directory of an anchor, by size.
 * @throws {SluiceError} not_found if there is no such directory, ledger_unavailable if it, or the log, cannot be read
 */
export async function readKeptCheckpoints(directory: string, log: LogToHold): Promise<KeptCheckpoint[]> {
  try {
    const files = readdirSync(directory).filter((name) => NAME.test(name));
    const reader = new TileReader(log.source, log.size);
    const kept: KeptCheckpoint[] = [];
    for (const file of files.sort()) kept.push(await readOne(join(directory, file), log, reader));
    return kept;
  } catch (cause) {
    throw ledgerError(cause, `cannot read the checkpoints in ${directory}`);
  }
}

async function readOne(path: string, { key, size }: LogToHold, reader: TileReader): Promise<KeptCheckpoint> {
  const { mtimeMs, size: bytes } = statSync(path);
  const named = {
    size: Number.parseInt(path.slice(-'0000000000000000.checkpoint'.length), 10),
    keptAt: mtimeMs,
  };
  if (bytes > MAX_BYTES) return { ...named, problem: 'the checkpoint is malformed' };
  const found = checkCheckpoint(readFileSync(path, 'utf8'), key);
  if ('reason' in found) return { ...named, problem: found.reason };
  const kept = { size: found.size, keptAt: mtimeMs };
  if (found.size > size)
    return { ...kept, problem: `it covers ${found.size} entries, and the log has ${size}` };
  const root = found.size === 0 ? found.root : await rootAt(found.size, reader.subtree);
  return root.equals(found.root) ? kept : { ...kept, problem: 'the log is not the one that was signed then' };
}
