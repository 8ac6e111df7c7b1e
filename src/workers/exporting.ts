/** How the configuration's `exports` run, and what is told of them. */
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import type { ExportStatus } from '../exports/export-runner.ts';
import { type RunningExports, startExports } from '../exports/start-exports.ts';
import { storageConfig } from './sequencing.ts';

/** @throws {SluiceError} store_unavailable, ledger_* */
export async function openExports(
  config: Pick<Config, 'dataDir' | 'exports' | 'ledger'>,
  { version, log, registry }: { readonly version: string; readonly log: Logger; readonly registry: Registry },
): Promise<RunningExports> {
  const { dataDir, exports, ledger } = config;
  const report = reporter(log);
  const running = await startExports(
    { dataDir, exports, version, ...(ledger.tiles && { tiles: storageConfig(ledger.tiles) }) },
    (statuses, failure) => report(statuses, failure),
  );
  measure(registry, running);
  return running;
}

/** What is wrong with exports, as a phrase for anybody; undefined if nothing is. The log has the reasons. */
export function exportProblem(running: RunningExports): string | undefined {
  const failing = running.statuses().filter(({ failure }) => failure !== undefined);
  const problems = failing.map(({ name, lag }) => `${name} is ${lag} entries behind`);
  return running.failure() ?? (problems.length === 0 ? undefined : problems.join('; '));
}

/** Says when a receiver does not take entries, when it does again, and what it refuses for good. */
function reporter(log: Logger): (statuses: readonly ExportStatus[], failure: string | undefined) => void {
  const told = new Map<string, ExportStatus>();
  let threadFailure: string | undefined;
  return (statuses, failure) => {
    if (failure !== undefined && failure !== threadFailure)
      log.error({ cause: failure }, 'exports stopped; they are started again');
    threadFailure = failure;
    for (const status of statuses) {
      const before = told.get(status.name);
      told.set(status.name, status);
      const { name, lag, rejected } = status;
      if (status.failure !== undefined && before?.failure === undefined)
        log.warn(
          { export: name, lag, cause: status.failure },
          'entries are not handed on; it is tried again',
        );
      if (status.failure === undefined && before?.failure !== undefined)
        log.info({ export: name, lag }, 'entries are handed on again');
      if (rejected > (before?.rejected ?? 0))
        log.error({ export: name, rejected }, 'the receiver refuses entries, which were passed over');
    }
  };
}

function measure(registry: Registry, running: RunningExports): void {
  const metric = (
    Kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    read: (status: ExportStatus) => number,
  ) =>
    new Kind({
      name,
      help,
      labelNames: ['export'],
      registers: [registry],
      collect() {
        this.reset();
        for (const status of running.statuses()) this.inc({ export: status.name }, read(status));
      },
    });
  metric(Gauge, 'sluice_export_lag_entries', 'Entries that are not handed on yet', ({ lag }) => lag);
  metric(Gauge, 'sluice_export_healthy', '1 if the receiver takes entries', ({ failure }) =>
    failure === undefined && running.failure() === undefined ? 1 : 0,
  );
  metric(Counter, 'sluice_export_entries_total', 'Entries handed on', ({ sent }) => sent);
  metric(Counter, 'sluice_export_failures_total', 'Attempts that failed', ({ failures }) => failures);
  metric(
    Counter,
    'sluice_export_rejected_total',
    'Entries that the receiver refused for good',
    ({ rejected }) => rejected,
  );
}
