/**
 * Checkpoints that were kept in a second place (see anchor.ts), each held against the log as it is now: what was rewritten or cut off since
 * then shows. When one was kept, the place says; whoever owns that can change it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { CHECKPOINTS } from './anchor.ts';
import { readAddress } from './http-source.ts';
import { ledgerError } from './ledger-error.ts';
import { rootAt } from './merkle-tree.ts';
import type { S3Bucket } from './s3-bucket.ts';
import type { ListedVersion } from './s3-listing.ts';
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

/** One as it was found, not believed yet. */
export interface KeptNote {
  /** Entries that it should cover by its name. */
  readonly named: number;
  /** Milliseconds since the epoch. */
  readonly keptAt: number;
  readonly text: string;
}

export interface LogToHold {
  readonly key: NoteKey;
  readonly source: TileSource;
  /** Entries of the log, whose tiles were verified. */
  readonly size: number;
}

/** A time, in milliseconds since the epoch, both ends included. */
export interface KeptWithin {
  readonly from: number;
  readonly to: number;
}

const NAME = /^(\d{16})\.checkpoint$/;
const MAX_BYTES = 64 * 1024;
/** Objects that are asked for at a time. */
const READS = 16;

/** The checkpoints held against the log, by size. Throws what reading the log throws. */
export async function holdAgainst(notes: readonly KeptNote[], log: LogToHold): Promise<KeptCheckpoint[]> {
  const reader = new TileReader(log.source, log.size);
  const kept: KeptCheckpoint[] = [];
  for (const note of notes) kept.push(await heldAgainst(note, log, reader));
  return kept.sort((a, b) => a.size - b.size || a.keptAt - b.keptAt);
}

async function heldAgainst(
  { named, keptAt, text }: KeptNote,
  { key, size }: LogToHold,
  reader: TileReader,
): Promise<KeptCheckpoint> {
  const found = checkCheckpoint(text, key);
  if ('reason' in found) return { size: named, keptAt, problem: found.reason };
  const kept = { size: found.size, keptAt };
  if (found.size > size)
    return { ...kept, problem: `it covers ${found.size} entries, and the log has ${size}` };
  const root = found.size === 0 ? found.root : await rootAt(found.size, reader.subtree);
  return root.equals(found.root) ? kept : { ...kept, problem: 'the log is not the one that was signed then' };
}

/**
 * All that the directory of an anchor has.
 * @throws {SluiceError} not_found if there is no such directory, ledger_unavailable if it cannot be read
 */
export function notesInDirectory(directory: string): KeptNote[] {
  try {
    return readdirSync(directory).flatMap((name) => {
      const path = join(directory, name);
      const named = NAME.exec(name)?.[1];
      if (named === undefined) return [];
      const { mtimeMs, size } = statSync(path);
      return {
        named: Number(named),
        keptAt: mtimeMs,
        text: size > MAX_BYTES ? '' : readFileSync(path, 'utf8'),
      };
    });
  } catch (cause) {
    throw ledgerError(cause, `cannot read the checkpoints in ${directory}`);
  }
}

/**
 * What the bucket of an anchor got within a time. Every version counts: what was put over one, or marked as deleted, hides nothing.
 * @throws {SluiceError} ledger_unavailable
 */
export async function notesInBucket(bucket: S3Bucket, { from, to }: KeptWithin): Promise<KeptNote[]> {
  const waiting: (ListedVersion & { readonly named: number })[] = [];
  for await (const one of bucket.versions(CHECKPOINTS)) {
    const named = NAME.exec(one.path.slice(CHECKPOINTS.length))?.[1];
    if (named !== undefined && one.at >= from && one.at <= to) waiting.push({ ...one, named: Number(named) });
  }
  const notes: KeptNote[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { path, version, at, named } = next;
      const bytes = await bucket.readVersion(path, version, MAX_BYTES);
      notes.push({ named, keptAt: at, text: bytes?.toString('utf8') ?? '' });
    }
  };
  await Promise.all(Array.from({ length: READS }, work));
  return notes;
}

/**
 * What the receiver of a webhook serves: a line of JSON for each, with `at` (RFC 3339) and `checkpoint`.
 * @throws {SluiceError} ledger_unavailable, not_found; bad_request for what is no such list
 */
export async function notesAtAddress(url: string): Promise<KeptNote[]> {
  const bytes = await readAddress(url);
  if (bytes === undefined) throw new SluiceError('not_found', `there are no checkpoints at ${url}`);
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.map((line, index) => {
    const note = noteOf(line);
    if (note !== undefined) return note;
    throw new SluiceError('bad_request', `line ${index + 1} of ${url} holds no checkpoint`, {
      hint: 'Serve a line of JSON for each: {"at":"2026-11-28T10:00:00Z","checkpoint":"..."}',
    });
  });
}

function noteOf(line: string): KeptNote | undefined {
  try {
    const { at, checkpoint } = JSON.parse(line) as Record<string, unknown>;
    const keptAt = typeof at === 'string' ? Date.parse(at) : Number.NaN;
    if (typeof checkpoint !== 'string' || Number.isNaN(keptAt)) return undefined;
    return { named: Number(/^[^\n]*\n(\d{1,15})\n/.exec(checkpoint)?.[1] ?? 0), keptAt, text: checkpoint };
  } catch {
    return undefined;
  }
}
