/** How the configuration's `ledger.retention` runs, and what is told of it. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { type RetentionStatus, type RunningRetention, startRetention } from '../ledger/start-retention.ts';
import { storageConfig } from './sequencing.ts';

/**
 * Undefined where nothing is to be pruned.
 * @param onPruned told after each run that took something out; must not throw
 * @throws {SluiceError} ledger_unavailable
 */
export async function openRetention(
  { dataDir, ledger }: Pick<Config, 'dataDir' | 'ledger'>,
  { version, log, registry }: { readonly version: string; readonly log: Logger; readonly registry: Registry },
  onPruned: () => void,
): Promise<RunningRetention | undefined> {
  const { rules, everyMs } = ledger.retention;
  let before = 0;
  if (rules.length === 0 || everyMs === 0) return undefined;
  const running = await startRetention(
    {
      ...{ directory: join(dataDir, 'ledger'), rules, everyMs, version },
      ...(ledger.tiles && { tiles: storageConfig(ledger.tiles) }),
    },
    ({ pruned, failure }) => {
      if (failure === undefined) log.info({ pruned }, 'the ledger was pruned');
      else log.error({ cause: failure }, 'the ledger could not be pruned; it is tried again');
      if (pruned > before) onPruned();
      before = pruned;
    },
  );
  const gauge = (name: string, help: string, read: (status: RetentionStatus) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(running.status()));
      },
    });
  gauge('sluice_ledger_pruned_entries', 'Entries pruned since the start', ({ pruned }) => pruned);
  gauge(
    'sluice_ledger_prune_timestamp_seconds',
    'When pruning was tried last; 0 before the first time',
    ({ at }) => at / 1000,
  );
  gauge('sluice_ledger_pruning', '1 if the last run went well', ({ failure }) =>
    failure === undefined ? 1 : 0,
  );
  return running;
}
