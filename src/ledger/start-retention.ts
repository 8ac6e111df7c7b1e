/** Prunes a ledger now and then, beside the work of the process: in a thread of its own. */
import type { RetentionRule } from './retention.ts';
import type { S3Config } from './s3-bucket.ts';
import { SupervisedThread } from './supervised-thread.ts';

/** Plain data: it crosses threads. */
export interface RetentionConfig {
  /** The ledger's. */
  readonly directory: string;
  readonly tiles?: S3Config;
  readonly rules: readonly RetentionRule[];
  readonly everyMs: number;
  /** Of Sluice. */
  readonly version: string;
}

/** How the last run went. Plain data. */
export interface RetentionStatus {
  /** Entries that were pruned since the gateway started. */
  readonly pruned: number;
  /** When the last run ended, in milliseconds since 1970; 0 before the first. */
  readonly at: number;
  readonly failure?: string;
}

export interface RunningRetention {
  status(): RetentionStatus;
  close(): Promise<void>;
}

/** A run that is in the middle of its changes ends them first. */
const CLOSING_MS = 10_000;

/** @param onStatus told of every run; must not throw @throws {SluiceError} ledger_unavailable */
export async function startRetention(
  config: RetentionConfig,
  onStatus: (status: RetentionStatus) => void,
): Promise<RunningRetention> {
  let last: RetentionStatus = { pruned: 0, at: 0 };
  const tell = (status: RetentionStatus): void => {
    last = status;
    onStatus(status);
  };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const thread = await SupervisedThread.start<RetentionStatus>({
    program: new URL(`./retention-thread.${extension}`, import.meta.url),
    data: config,
    name: 'the thread of retention',
    onStatus: tell,
    onDown: ({ message }) => tell({ ...last, failure: message }),
    onRestarted: () => {},
  });
  return { status: () => last, close: () => thread.close(CLOSING_MS) };
}
