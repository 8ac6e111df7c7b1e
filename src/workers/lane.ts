/** A process's own lane of the ledger: how it is opened, and what is told of it. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from '../ledger/file-system.ts';
import type { KeyWrapper } from '../ledger/key-wrapper.ts';
import { Ledger } from '../ledger/ledger.ts';
import { SealKeys } from '../ledger/seal-keys.ts';
import type { SequencerStatus } from '../ledger/sequencer-loop.ts';
import type { RunningSequencer } from '../ledger/start-sequencer.ts';
import { openKeyWrapper } from '../ledger/wrapper-key-file.ts';
import { EVERYONE } from '../model/ledger-entry.ts';

export interface LaneOptions {
  readonly config: Pick<Config, 'dataDir' | 'databases' | 'ledger'>;
  /** 0 for the process that there is one of; a worker's number else. */
  readonly lane: number;
  readonly version: string;
  readonly log: Logger;
  /** The real one if absent. */
  readonly fileSystem?: LedgerFileSystem;
  readonly onHealth?: (failure: SluiceError | undefined) => void;
  /** How long to wait for a predecessor that is still ending. Default 0. */
  readonly patienceMs?: number;
}

const RETRY_MS = 100;

/** @throws {SluiceError} ledger_* */
export async function openLane(options: LaneOptions): Promise<Ledger> {
  const deadline = performance.now() + (options.patienceMs ?? 0);
  for (;;) {
    try {
      return await open(options);
    } catch (thrown) {
      const held = thrown instanceof SluiceError && thrown.code === 'ledger_locked';
      if (!held || performance.now() >= deadline) throw thrown;
      await wait(RETRY_MS);
    }
  }
}

async function open(options: LaneOptions): Promise<Ledger> {
  const { config, lane, version, log, fileSystem, onHealth } = options;
  const sealer = await openSealer(options);
  const opened = Ledger.open({
    directory: join(config.dataDir, 'ledger'),
    lane,
    version,
    sealer,
    ...(fileSystem === undefined ? {} : { fileSystem }),
    onHealth: (failure) => {
      if (failure === undefined) log.info('the ledger is whole again');
      else
        log.error(
          { code: failure.code, cause: failure.message },
          'the ledger cannot be written: statements are refused',
        );
      onHealth?.(failure);
    },
  });
  opened.catch(() => sealer.close());
  return opened;
}

/** Encrypts what concerns people: under keys of the ledger's directory, wrapped by that of the data directory. */
function openSealer({ config, log, fileSystem }: LaneOptions): Promise<SealKeys> {
  const wrapper = openKeyWrapper(config.dataDir, config.ledger.wrappingKey?.reveal(), true);
  return SealKeys.open({
    directory: join(config.dataDir, 'ledger'),
    wrapper: wrapper as KeyWrapper,
    scopes: [...config.databases].flatMap(([database, { subjects }]) =>
      [...new Set([EVERYONE, ...subjects.values()])].map((subject) => ({ database, subject })),
    ),
    ...(fileSystem === undefined ? {} : { fileSystem }),
    onFailure: (failure) =>
      log.error({ code: failure.code, cause: failure.message }, 'the keys of the ledger cannot be renewed'),
  });
}

/** What Prometheus learns of a lane. Where there are several, the sums count, and the worst health. */
export function measureLane(registry: Registry, ledger: Ledger): void {
  const gauge = (name: string, help: string, aggregator: 'sum' | 'min', read: () => number) =>
    new Gauge({
      name,
      help,
      aggregator,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('sluice_ledger_entries', 'Entries appended to the ledger', 'sum', () => ledger.appendedSeq + 1);
  gauge(
    'sluice_ledger_lag_entries',
    'Entries not yet on stable storage',
    'sum',
    () => ledger.appendedSeq - ledger.durableSeq,
  );
  gauge('sluice_ledger_healthy', '1 if the ledger can be written', 'min', () =>
    ledger.failure === undefined ? 1 : 0,
  );
}

/** Says in the log when entries can no longer be published, and when they can again. */
export function sequencerReports(log: Logger): (status: SequencerStatus) => void {
  let told: string | undefined;
  const toldOf = new Map<string, string | undefined>();
  return ({ failure, publicity = [] }) => {
    for (const one of publicity) {
      if (toldOf.get(one.name) === one.failure) continue;
      toldOf.set(one.name, one.failure);
      if (one.failure === undefined) log.info({ place: one.name }, 'checkpoints arrive there');
      else log.warn({ place: one.name, cause: one.failure }, 'a checkpoint did not arrive there');
    }
    if (failure?.message === told) return;
    told = failure?.message;
    if (failure === undefined) log.info('the ledger is published again');
    else log.error({ code: failure.code, cause: failure.message }, 'the ledger cannot be published');
  };
}

export function measureSequencer(registry: Registry, sequencer: RunningSequencer): void {
  const gauge = (name: string, help: string, read: (status: SequencerStatus) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(sequencer.status()));
      },
    });
  gauge(
    'sluice_ledger_published_entries',
    'Entries of the ledger that a checkpoint covers',
    ({ size }) => size,
  );
  gauge(
    'sluice_ledger_published_timestamp_seconds',
    'When the last checkpoint was signed; 0 before the first',
    ({ publishedAt }) => publishedAt / 1000,
  );
  gauge(
    'sluice_ledger_sequencer_restarts',
    'How often the thread that publishes the ledger died and was replaced',
    ({ restarts }) => restarts ?? 0,
  );
  gauge('sluice_ledger_publishing', '1 if the ledger can be published', ({ failure }) =>
    failure === undefined ? 1 : 0,
  );
}
