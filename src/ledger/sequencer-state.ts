/**
 * What the sequencer has fixed: how many entries the log has, their root, and how far each lane went into it. It is replaced after the
 * tiles are on stable storage and before the checkpoint: the one moment at which entries become *sequenced*.
 */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { EMPTY_ROOT } from './merkle-tree.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

const NAME = 'sequencer.json';

/** How far a lane is in the log. */
export interface SequencedLane {
  /** The number of its next entry. */
  readonly seq: number;
  /** The leaf hash and the time of the entry before. */
  readonly hash: string;
  readonly at: number;
}

export interface SequencerState {
  /** Entries in the log. */
  readonly size: number;
  /** The root over them, in hex. */
  readonly root: string;
  /** Where the tiles lie, if not in the directory. */
  readonly place?: string;
  /** By the lane's number. */
  readonly lanes: Readonly<Record<string, SequencedLane>>;
}

export const EMPTY_STATE: SequencerState = { size: 0, root: EMPTY_ROOT.toString('hex'), lanes: {} };

/**
 * Reads the state of a ledger's directory; undefined if nothing was ever sequenced.
 * @throws {SluiceError} ledger_corrupt if it is malformed; else the file system's own errors.
 */
export function readSequencerState(
  fileSystem: LedgerFileSystem,
  directory: string,
): SequencerState | undefined {
  const text = readWholeFile(fileSystem, join(directory, NAME));
  if (text === undefined) return undefined;
  const state = parseState(text);
  if (state === undefined) throw new SluiceError('ledger_corrupt', `${join(directory, NAME)} is malformed`);
  return state;
}

/** Replaces the state; on stable storage when it resolves. Throws the file system's own errors. */
export async function writeSequencerState(
  fileSystem: LedgerFileSystem,
  directory: string,
  state: SequencerState,
): Promise<void> {
  await replaceWholeFile(fileSystem, join(directory, NAME), textOf(state), 0o600);
}

const textOf = ({ size, root, lanes, place }: SequencerState): string =>
  `${canonicalJson({ size, root, lanes, place })}\n`;

function parseState(text: string): SequencerState | undefined {
  try {
    const state = JSON.parse(text) as SequencerState;
    const typed =
      isCount(state.size) &&
      typeof state.root === 'string' &&
      (state.place === undefined || typeof state.place === 'string') &&
      Object.values(state.lanes).every(
        ({ seq, hash, at }) => isCount(seq) && typeof hash === 'string' && isCount(at),
      );
    return typed && textOf(state) === text ? state : undefined;
  } catch {
    return undefined;
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
