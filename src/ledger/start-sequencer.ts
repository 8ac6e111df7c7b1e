/**
 * Starts the sequencer of a ledger beside the work of the process: in a thread of its own, so that hashing and syncing cost the event loop
 * nothing. One process of a gateway does this; the lanes of the others are read from their files.
 */
import type { LedgerFileSystem } from './file-system.ts';
import { Publicity, type PublicityConfig } from './publicity.ts';
import { S3Bucket, type S3Config } from './s3-bucket.ts';
import { Sequencer } from './sequencer.ts';
import { SequencerLoop, type SequencerStatus } from './sequencer-loop.ts';
import { SequencerSupervisor } from './sequencer-supervisor.ts';

/** Plain data: it crosses threads. */
export interface SequencerConfig {
  /** The ledger's. */
  readonly directory: string;
  /** The log's name in checkpoints; default: the one it has, or one made of its key. */
  readonly origin?: string | undefined;
  /** How long what is there may wait to be published. Default 500; less than a second, whatever the load. */
  readonly intervalMs?: number;
  /** Object storage that holds the log's tiles instead of the directory. */
  readonly tiles?: S3Config;
  /** Where checkpoints go besides. */
  readonly publicity?: PublicityConfig;
}

export interface StartSequencerOptions extends SequencerConfig {
  /** For tests: then it runs in this thread. */
  readonly fileSystem?: LedgerFileSystem;
  /** Told when entries were published, and when that fails or works again. Must not throw. */
  readonly onStatus?: (status: SequencerStatus) => void;
}

export interface RunningSequencer {
  /** As it was told last. */
  status(): SequencerStatus;
  /** Publishes what the lanes have now. Resolves in any case. */
  flush(): Promise<void>;
  /** Publishes what is left, and lets go of the ledger. Close the process's own lane before. */
  close(): Promise<void>;
}

/**
 * Resolves when the sequencer holds the ledger; it makes the directory and the key of a new one.
 * @throws {SluiceError} ledger_locked, ledger_corrupt, ledger_full, ledger_unavailable, config_invalid
 */
export async function startSequencer(options: StartSequencerOptions): Promise<RunningSequencer> {
  const { fileSystem, onStatus = () => {}, ...config } = options;
  return fileSystem === undefined
    ? SequencerSupervisor.start(config, onStatus)
    : runSequencer(config, onStatus, fileSystem);
}

/** Runs a sequencer in this thread. */
export async function runSequencer(
  config: SequencerConfig,
  onStatus: (status: SequencerStatus) => void,
  fileSystem?: LedgerFileSystem,
): Promise<RunningSequencer> {
  const sequencer = await Sequencer.open({
    directory: config.directory,
    origin: config.origin,
    ...(fileSystem === undefined ? {} : { fileSystem }),
    ...(config.tiles === undefined ? {} : { store: new S3Bucket(config.tiles) }),
  });
  let publicity: Publicity | undefined;
  let last: SequencerStatus = { size: 0, publishedAt: 0 };
  const loop = new SequencerLoop({
    sequencer,
    intervalMs: config.intervalMs ?? 500,
    now: Date.now,
    onCheckpoint: (checkpoint, size) => publicity?.offer(checkpoint, size),
    onStatus: (status) => {
      last = status;
      onStatus(status);
    },
  });
  if (config.publicity !== undefined) {
    publicity = new Publicity({
      config: config.publicity,
      source: sequencer.store,
      onCosigned: (checkpoint, lines, size) =>
        loop.between((one) => one.addCosignatures(checkpoint, lines, size)),
      onStatus: (status) => loop.notePublicity(status),
    });
  }
  loop.start();
  return {
    status: () => last,
    flush: () => loop.flush(),
    close: () => loop.close(async () => publicity?.close()),
  };
}
