/** That lanes have no gaps: an entry that was acknowledged and is nowhere would leave one. */
import { SluiceError } from '../errors/sluice-error.ts';
import { readId } from './entry-id.ts';
import type { LedgerFileSystem } from './file-system.ts';
import { laneDirectory, lanesOf } from './lane.ts';
import { LaneCursor } from './lane-cursor.ts';
import { ORIGIN } from './segment-format.ts';
import { EMPTY_STATE, readSequencerState } from './sequencer-state.ts';

/** Follows the numbers of all lanes through a log. */
export class LaneOrder {
  readonly #next = new Map<number, number>();
  /** Entries that were passed over, and whose lanes' gaps were not met yet. */
  #unseen = 0;

  /** Passes over an entry that was pruned: whose it was shows when the lane goes on. */
  passOver(): void {
    this.#unseen++;
  }

  /** Takes the next entry of the log: `bytes[start, end)`. @returns what is wrong with its number, or undefined */
  check(bytes: Buffer, start: number, end: number): string | undefined {
    const id = readId(bytes, start, end);
    if (id === undefined) return 'the entry has no id';
    const { lane, seq } = id;
    const expected = this.#next.get(lane);
    this.#next.set(lane, seq + 1);
    if (expected === undefined || expected === seq) return undefined;
    const gap = seq - expected;
    if (gap > 0 && gap <= this.#unseen) {
      this.#unseen -= gap;
      return undefined;
    }
    return `lane ${lane} goes on with entry ${seq}, not ${expected}`;
  }
}

/** What the lanes have that is not in the log yet, checked line by line. */
export function checkLanes(
  fileSystem: LedgerFileSystem,
  directory: string,
): { readonly pending: number; readonly fault: string | undefined } {
  const state = readSequencerState(fileSystem, directory) ?? EMPTY_STATE;
  let pending = 0;
  for (const lane of lanesOf(fileSystem, directory)) {
    const from = state.lanes[String(lane)] ?? ORIGIN;
    const cursor = new LaneCursor(fileSystem, laneDirectory(directory, lane), lane, from);
    try {
      for (let read = cursor.read(CHUNK_BYTES); read.length > 0; read = cursor.read(CHUNK_BYTES))
        pending += read.length;
    } catch (cause) {
      // The sequencer may have gone on, and removed what it has in the log.
      const now = readSequencerState(fileSystem, directory) ?? EMPTY_STATE;
      const moved = now.size !== state.size;
      if (!(cause instanceof SluiceError) || moved)
        return moved ? checkLanes(fileSystem, directory) : rethrow(cause);
      return { pending, fault: cause.message };
    } finally {
      cursor.close();
    }
  }
  return { pending, fault: undefined };
}

const CHUNK_BYTES = 4 * 1024 * 1024;

function rethrow(cause: unknown): never {
  throw cause;
}
