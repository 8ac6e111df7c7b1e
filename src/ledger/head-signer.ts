/** Signs the head of an open ledger: on demand, and at most once an interval while there is traffic. */
import type { LedgerFileSystem } from './file-system.ts';
import { writeHead } from './head.ts';
import type { LedgerKey } from './ledger-key.ts';
import type { ChainPosition } from './segment-format.ts';

export interface HeadSignerOptions {
  readonly fileSystem: LedgerFileSystem;
  readonly directory: string;
  readonly key: LedgerKey;
  readonly now: () => number;
  readonly intervalMs: number;
  /** The chain as far as it is on stable storage. */
  readonly durable: () => ChainPosition;
  /** Told when a head that was due could not be signed. */
  readonly onFailure: (cause: unknown) => void;
}

export class HeadSigner {
  readonly #options: HeadSignerOptions;
  #signedSeq = -1;
  #signing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeadSignerOptions) {
    this.#options = options;
  }

  /** The last entry covered by a head that this process signed; -1 before the first. */
  get signedSeq(): number {
    return this.#signedSeq;
  }

  /** Says that entries became durable: a head follows within the interval, or at once if `now`. */
  arm(now: boolean): void {
    if (!now && (this.#timer !== undefined || this.#signedSeq >= this.#options.durable().seq - 1)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#due, now ? 0 : this.#options.intervalMs).unref();
  }

  /** Signs what is durable now, one head at a time. Throws what the file system throws. */
  async sign(): Promise<void> {
    while (this.#signing !== undefined) await this.#signing.catch(() => {});
    this.#signing = this.#sign();
    try {
      await this.#signing;
    } finally {
      this.#signing = undefined;
    }
  }

  /** No head is signed on its own any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #due = (): void => {
    this.#timer = undefined;
    this.sign().catch(this.#options.onFailure);
  };

  async #sign(): Promise<void> {
    const { fileSystem, directory, key } = this.#options;
    const { seq, hash } = this.#options.durable();
    if (seq - 1 <= this.#signedSeq) return;
    await writeHead(
      fileSystem,
      directory,
      { seq: seq - 1, hash, log: key.log, at: this.#options.now() },
      key,
    );
    this.#signedSeq = seq - 1;
  }
}
