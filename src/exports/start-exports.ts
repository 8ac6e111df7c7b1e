/** Hands entries on beside the work of the process: in a thread of its own, so that it costs the event loop nothing. */
import { pack } from '../config/packing.ts';
import { SupervisedThread } from '../ledger/supervised-thread.ts';
import type { ExportStatus } from './export-runner.ts';
import type { ExporterConfig } from './exporter.ts';

export interface RunningExports {
  /** As they were told last. */
  statuses(): readonly ExportStatus[];
  /** Why there is no thread, if there is none: then it is tried again. */
  failure(): string | undefined;
  /** Resolves within seconds: what is not handed on by then is after the next start. */
  close(): Promise<void>;
}

/** How long a receiver may take for the last batch. */
const CLOSING_MS = 5_000;

/**
 * Resolves when they run.
 * @param onStatus told of every change; must not throw
 * @throws {SluiceError} store_unavailable, ledger_*
 */
export async function startExports(
  config: ExporterConfig,
  onStatus: (statuses: readonly ExportStatus[], failure: string | undefined) => void,
): Promise<RunningExports> {
  let statuses: readonly ExportStatus[] = [];
  let failure: string | undefined;
  const onChange = () => onStatus(statuses, failure);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const thread = await SupervisedThread.start<readonly ExportStatus[]>({
    program: new URL(`./exports-thread.${extension}`, import.meta.url),
    data: pack(config),
    name: 'the thread of exports',
    onStatus: (told) => {
      statuses = told;
      onChange();
    },
    onDown: ({ message }) => {
      failure = message;
      onChange();
    },
    onRestarted: () => {
      failure = undefined;
      onChange();
    },
  });
  return { statuses: () => statuses, failure: () => failure, close: () => thread.close(CLOSING_MS) };
}
