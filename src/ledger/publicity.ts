/**
 * Carries checkpoints out of the gateway: to witnesses, whose cosignatures come back, and to second places. Each goes its own pace, takes the
 * newest there is, and holds up nobody; what fails is said and tried again with the next one.
 */
import { asSluiceError } from '../errors/sluice-error.ts';
import { type Anchor, type AnchorConfig, createAnchor } from './anchor.ts';
import { type NoteSignature, parseVkey, signatureLine } from './signed-note.ts';
import type { TileSource } from './tile-store.ts';
import { Witness } from './witness.ts';

/** Plain data: it crosses threads. */
export interface PublicityConfig {
  readonly witnesses: readonly { readonly vkey: string; readonly url: string }[];
  readonly anchors: readonly AnchorConfig[];
  /** How often a second place gets a checkpoint, if there is a new one. */
  readonly anchorIntervalMs: number;
}

/** How one of them does. Plain data. */
export interface PublicityStatus {
  readonly name: string;
  /** The size of the last checkpoint it has; 0 for none. */
  readonly size: number;
  readonly failure?: string;
}

export interface PublicityOptions {
  readonly config: PublicityConfig;
  readonly source: TileSource;
  /** Gives a checkpoint with cosignatures to whoever reads the log. */
  readonly onCosigned: (checkpoint: string, lines: string, size: number) => Promise<void>;
  readonly onStatus: (status: readonly PublicityStatus[]) => void;
}

interface Errand {
  readonly name: string;
  readonly pauseMs: number;
  run(checkpoint: string, size: number): Promise<void>;
}

/** One place, one errand at a time. */
class Runner {
  status: PublicityStatus;
  readonly #errand: Errand;
  readonly #onChange: () => void;
  #next: readonly [checkpoint: string, size: number] | undefined;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ranAt = Number.NEGATIVE_INFINITY;

  constructor(errand: Errand, onChange: () => void) {
    this.#errand = errand;
    this.#onChange = onChange;
    this.status = { name: errand.name, size: 0 };
  }

  offer(checkpoint: string, size: number): void {
    this.#next = [checkpoint, size];
    if (this.#running !== undefined || this.#timer !== undefined) return;
    const wait = this.#ranAt + this.#errand.pauseMs - performance.now();
    this.#timer = setTimeout(() => void this.run(), Math.max(0, wait)).unref();
  }

  /** Carries what is there, now. Resolves in any case. */
  async run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
    this.#running = this.#run();
    await this.#running;
    this.#running = undefined;
    if (this.#next !== undefined) this.offer(...this.#next);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#next = undefined;
  }

  async #run(): Promise<void> {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    this.#ranAt = performance.now();
    const { name, failure: before } = this.status;
    try {
      await this.#errand.run(...next);
      this.status = { name, size: next[1] };
    } catch (thrown) {
      this.status = { ...this.status, failure: asSluiceError(thrown).message };
      // The newest there is, later; unless a newer one came meanwhile.
      this.#next ??= next;
    }
    if (this.status.failure !== before || this.status.failure === undefined) this.#onChange();
  }
}

export class Publicity {
  readonly #runners: readonly Runner[];

  /** @throws {TypeError} if a witness's key is none: the configuration was checked */
  constructor({ config, source, onCosigned, onStatus }: PublicityOptions) {
    const errands = [
      ...config.witnesses.map((one) => witnessErrand(one, source, onCosigned)),
      ...config.anchors.map((one) => anchorErrand(createAnchor(one), config.anchorIntervalMs)),
    ];
    this.#runners = errands.map(
      (errand) => new Runner(errand, () => onStatus(this.#runners.map(({ status }) => status))),
    );
  }

  /** Says that there is a new checkpoint. Never throws, never waits. */
  offer(checkpoint: string, size: number): void {
    for (const runner of this.#runners) runner.offer(checkpoint, size);
  }

  /** Carries out what is left, once. */
  async close(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.run()));
    for (const runner of this.#runners) runner.stop();
  }
}

const WITNESS_PAUSE_MS = 1000;

function witnessErrand(
  { vkey, url }: PublicityConfig['witnesses'][number],
  source: TileSource,
  onCosigned: PublicityOptions['onCosigned'],
): Errand {
  const key = parseVkey(vkey);
  if (key === undefined) throw new TypeError(`${vkey} is not a verifier key`);
  const witness = new Witness(key, url);
  return {
    name: `witness ${key.name}`,
    pauseMs: WITNESS_PAUSE_MS,
    run: async (checkpoint, size) => {
      const signatures: readonly NoteSignature[] = await witness.cosign(checkpoint, source);
      await onCosigned(checkpoint, signatures.map(signatureLine).join(''), size);
    },
  };
}

function anchorErrand(anchor: Anchor, pauseMs: number): Errand {
  return {
    name: `anchor ${anchor.name}`,
    pauseMs,
    run: (checkpoint, size) => anchor.keep(checkpoint, size),
  };
}
