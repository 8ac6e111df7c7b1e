/** Runs a sequencer: a round an interval, at once while there is more, later and later while it fails. One round at a time. */
import { SluiceError } from '../errors/sluice-error.ts';
import type { PublicityStatus } from './publicity.ts';
import type { Sequencer } from './sequencer.ts';

/** How the log stands. Plain data: it crosses threads. */
export interface SequencerStatus {
  /** Entries that are published. */
  readonly size: number;
  /** When the last checkpoint was signed, in milliseconds since 1970; 0 before the first. */
  readonly publishedAt: number;
  /** Why nothing is published at the moment. */
  readonly failure?: { readonly code: string; readonly message: string };
  /** How witnesses and second places do, if there are any. */
  readonly publicity?: readonly PublicityStatus[];
  /** How often a thread that died was replaced; absent before the first time. */
  readonly restarts?: number;
}

export interface SequencerLoopOptions {
  readonly sequencer: Sequencer;
  readonly intervalMs: number;
  readonly now: () => number;
  readonly onStatus: (status: SequencerStatus) => void;
  /** Told of each new checkpoint. Must not throw. */
  readonly onCheckpoint?: (checkpoint: string, size: number) => void;
}

const MAX_PAUSE_MS = 10_000;

export class SequencerLoop {
  readonly #options: SequencerLoopOptions;
  #status: SequencerStatus = { size: 0, publishedAt: 0 };
  #failures = 0;
  #running: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SequencerLoopOptions) {
    this.#options = options;
  }

  /** Begins with a round at once. */
  start(): void {
    this.#timer = setTimeout(this.#due, 0);
  }

  /** Publishes all that is there now. Resolves in any case: `status` says how it went. */
  async flush(): Promise<void> {
    while (await this.#roundAlone());
  }

  /** Begins no round any more, publishes what is left, does the last work, and lets go of the ledger. */
  async close(lastWork: () => Promise<void> = async () => {}): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.flush();
    await lastWork();
    this.#options.sequencer.close();
  }

  /** Does something with the sequencer while no round runs. Throws what `work` throws. */
  async between(work: (sequencer: Sequencer) => Promise<void>): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    const done = work(this.#options.sequencer);
    this.#running = done.then(
      () => false,
      () => false,
    );
    await this.#running;
    this.#running = undefined;
    await done;
  }

  /** Notes how witnesses and second places do. */
  notePublicity(publicity: readonly PublicityStatus[]): void {
    this.#say({ ...this.#status, publicity });
  }

  readonly #due = async (): Promise<void> => {
    const more = await this.#roundAlone();
    if (this.#stopped) return;
    const pause = Math.min(MAX_PAUSE_MS, this.#options.intervalMs * 2 ** Math.min(10, this.#failures));
    this.#timer = setTimeout(this.#due, more ? 0 : pause);
  };

  async #roundAlone(): Promise<boolean> {
    while (this.#running !== undefined) await this.#running;
    this.#running = this.#round();
    const more = await this.#running;
    this.#running = undefined;
    return more;
  }

  /** @returns true if there is more to publish. */
  async #round(): Promise<boolean> {
    const { sequencer, now, onCheckpoint } = this.#options;
    try {
      const { size, more, checkpoint } = await sequencer.round();
      this.#failures = 0;
      const publishedAt = checkpoint === undefined ? this.#status.publishedAt : now();
      const { publicity } = this.#status;
      this.#say({ size, publishedAt, ...(publicity === undefined ? {} : { publicity }) });
      if (checkpoint !== undefined) onCheckpoint?.(checkpoint, size);
      return more;
    } catch (cause) {
      this.#failures++;
      const { code, message } =
        cause instanceof SluiceError ? cause : { code: 'internal', message: String(cause) };
      this.#say({ ...this.#status, failure: { code, message } });
      return false;
    }
  }

  #say(status: SequencerStatus): void {
    const before = this.#status;
    this.#status = status;
    const same =
      before.size === status.size &&
      before.failure?.message === status.failure?.message &&
      before.publicity === status.publicity;
    if (!same) this.#options.onStatus(status);
  }
}
