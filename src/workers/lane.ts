/** A process's own lane of the ledger: how it is opened, and what is told of it. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerFileSystem } from '../ledger/file-system.ts';
import { Ledger } from '../ledger/ledger.ts';

export interface LaneOptions {
  readonly config: Pick<Config, 'dataDir'>;
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

function open({ config, lane, version, log, fileSystem, onHealth }: LaneOptions): Promise<Ledger> {
  return Ledger.open({
    directory: join(config.dataDir, 'ledger'),
    lane,
    version,
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
