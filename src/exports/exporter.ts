/** All exports of a gateway: one runner each, at its own pace, over one memory of sessions. */
import { join } from 'node:path';
import type { ExportConfig } from '../config/config.ts';
import { LogFollower } from '../ledger/log-follower.ts';
import type { S3Config } from '../ledger/s3-bucket.ts';
import { S3Bucket } from '../ledger/s3-bucket.ts';
import { ExportRunner, type ExportRunnerOptions, type ExportStatus } from './export-runner.ts';
import { ExportState } from './export-state.ts';
import { ocsfFormat } from './ocsf-format.ts';
import { createSink } from './sinks/create-sink.ts';
import type { KnownEntry, Sink } from './sinks/sink.ts';
import { boundedJson, sluiceFormat } from './sluice-format.ts';

export interface ExporterConfig {
  readonly dataDir: string;
  readonly exports: readonly ExportConfig[];
  /** Object storage that holds the log's tiles instead of the data directory. */
  readonly tiles?: S3Config;
  /** Of Sluice. */
  readonly version: string;
}

export interface ExporterOptions extends ExporterConfig {
  readonly onStatus: (statuses: readonly ExportStatus[]) => void;
  /** For tests. */
  readonly sinkOf?: (config: ExportConfig) => Sink;
  readonly timing?: Pick<ExportRunnerOptions, 'pollMs' | 'firstDelayMs'>;
}

/** Statuses change with every batch; more often than this nobody wants to know. */
const TELL_EVERY_MS = 500;
/** So many entries before its beginning, a new export looks for sessions that are still open. */
const LOOK_BACK = 100_000;
const PIECE_ENTRIES = 1024;

export class Exporter {
  readonly #state: ExportState;
  readonly #runners: readonly ExportRunner[];
  readonly #onStatus: (statuses: readonly ExportStatus[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(
    options: ExporterOptions,
    state: ExportState,
    runners: (tell: () => void) => ExportRunner[],
  ) {
    this.#state = state;
    this.#onStatus = options.onStatus;
    this.#runners = runners(() => this.#changed());
  }

  /** @throws {SluiceError} store_unavailable, ledger_* */
  static async open(options: ExporterOptions): Promise<Exporter> {
    const state = new ExportState(join(options.dataDir, 'exports.db'));
    try {
      state.keepOnly(options.exports.map(({ name }) => name));
      const followers = new Map<string, LogFollower>();
      for (const config of options.exports)
        followers.set(config.name, await followerOf(options, config, state));
      const sinkOf = options.sinkOf ?? ((config: ExportConfig) => createSink(config, options.version));
      return new Exporter(options, state, (onStatus) =>
        options.exports.map(
          (config) =>
            new ExportRunner({
              ...options.timing,
              ...{ config, state, onStatus, sink: sinkOf(config) },
              follower: followers.get(config.name) as LogFollower,
              format: formatOf(config, options.version),
            }),
        ),
      );
    } catch (cause) {
      state.close();
      throw cause;
    }
  }

  start(): void {
    for (const runner of this.#runners) runner.start();
    this.#timer = setInterval(() => this.#tell(), TELL_EVERY_MS * 10).unref();
    this.#tell();
  }

  statuses(): readonly ExportStatus[] {
    return this.#runners.map((runner) => runner.status());
  }

  async close(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.close()));
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#onStatus(this.statuses());
    this.#state.close();
  }

  /** Says it soon; the lag also grows while nothing happens here, so it is said now and then in any case. */
  #changed(): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.#tell(), TELL_EVERY_MS).unref();
  }

  #tell(): void {
    this.#onStatus(this.statuses());
  }
}

async function followerOf(
  { dataDir, tiles }: ExporterConfig,
  { name, from }: ExportConfig,
  state: ExportState,
): Promise<LogFollower> {
  const directory = join(dataDir, 'ledger');
  const place = { directory, ...(tiles === undefined ? {} : { source: new S3Bucket(tiles) }) };
  const kept = state.placeOf(name);
  const size = new LogFollower(place).size();
  const begin = kept ?? (from === 'now' ? size : 0);
  if (kept === undefined) {
    const before = new LogFollower({ ...place, from: Math.max(0, begin - LOOK_BACK) });
    while (before.position < begin) {
      const { entries } = await before.read(PIECE_ENTRIES);
      for (const entry of entries) state.observe(entry);
    }
    state.keep(name, begin);
  }
  return new LogFollower({ ...place, from: begin });
}

function formatOf({ format }: ExportConfig, version: string) {
  const write =
    format === 'ocsf'
      ? (known: KnownEntry) => ocsfFormat(known, version)
      : (known: KnownEntry) => sluiceFormat(known);
  return (known: KnownEntry) => boundedJson(write(known));
}
