/**
 * A lane's head: which entry was the last one known to be on stable storage. With it, what a crash tore is told from what
 * somebody cut. Renewed at most once an interval while entries come; what is published needs it no longer.
 *
 * Not signed: the signature that counts is that of the log's checkpoint, which follows within a second.
 */
import { join } from 'node:path';
import { SluiceError } from '../errors/sluice-error.ts';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerFileSystem } from './file-system.ts';
import type { ChainPosition } from './segment-format.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

const NAME = 'head.json';

export interface LaneHead {
  /** The number of the last entry covered. */
  readonly seq: number;
  /** Its leaf hash. */
  readonly hash: string;
}

/**
 * Reads the head of a lane's directory; undefined if there is none.
 * @throws {SluiceError} ledger_corrupt if it is malformed.
 */
export function readLaneHead(fileSystem: LedgerFileSystem, directory: string): LaneHead | undefined {
  const path = join(directory, NAME);
  const text = readWholeFile(fileSystem, path);
  if (text === undefined) return undefined;
  const head = parseHead(text);
  if (head === undefined) throw new SluiceError('ledger_corrupt', `${path} is malformed`);
  return head;
}

/** Only the very text that is written is taken. */
function parseHead(text: string): LaneHead | undefined {
  try {
    const { hash, seq } = JSON.parse(text) as LaneHead;
    if (!Number.isSafeInteger(seq) || typeof hash !== 'string' || textOf({ hash, seq }) !== text)
      return undefined;
    return { hash, seq };
  } catch {
    return undefined;
  }
}

const textOf = (head: LaneHead): string => `${canonicalJson(head)}\n`;

export interface HeadKeeperOptions {
  readonly fileSystem: LedgerFileSystem;
  /** The lane's. */
  readonly directory: string;
  readonly intervalMs: number;
  /** The lane as far as it is on stable storage. */
  readonly durable: () => ChainPosition;
  /** Told when a head that was due could not be written. */
  readonly onFailure: (cause: unknown) => void;
}

/** Keeps the head of an open lane. */
export class HeadKeeper {
  readonly #options: HeadKeeperOptions;
  #keptSeq = -1;
  #keeping: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HeadKeeperOptions) {
    this.#options = options;
  }

  /** The last entry covered by a head that this process wrote; -1 before the first. */
  get keptSeq(): number {
    return this.#keptSeq;
  }

  /** Says that entries became durable: a head follows within the interval, or at once if `now`. */
  arm(now: boolean): void {
    if (this.#stopped) return;
    if (!now && (this.#timer !== undefined || this.#keptSeq >= this.#options.durable().seq - 1)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#due, now ? 0 : this.#options.intervalMs).unref();
  }

  /** Writes what is durable now, one head at a time; it is on stable storage then. Throws what the file system throws. */
  async keep(): Promise<void> {
    await this.idle();
    this.#keeping = this.#keep();
    try {
      await this.#keeping;
    } finally {
      this.#keeping = undefined;
    }
  }

  /** No head is written on its own any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Resolves when no head is being written. */
  async idle(): Promise<void> {
    while (this.#keeping !== undefined) await this.#keeping.catch(() => {});
  }

  readonly #due = (): void => {
    this.#timer = undefined;
    this.keep().catch(this.#options.onFailure);
  };

  async #keep(): Promise<void> {
    const { fileSystem, directory } = this.#options;
    const { seq, hash } = this.#options.durable();
    if (seq - 1 <= this.#keptSeq) return;
    await replaceWholeFile(fileSystem, join(directory, NAME), textOf({ hash, seq: seq - 1 }), 0o600);
    this.#keptSeq = seq - 1;
  }
}
