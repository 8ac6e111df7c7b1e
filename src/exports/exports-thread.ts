/** The thread that entries are handed on in. Started by `start-exports.ts` only. */
import { unpack } from '../config/packing.ts';
import { runInThread } from '../ledger/thread-program.ts';
import type { ExportStatus } from './export-runner.ts';
import { Exporter, type ExporterConfig } from './exporter.ts';

await runInThread<unknown, readonly ExportStatus[]>(async (data, onStatus) => {
  const exporter = await Exporter.open({ ...(unpack(data) as ExporterConfig), onStatus });
  exporter.start();
  return { flush: async () => {}, close: () => exporter.close() };
});
