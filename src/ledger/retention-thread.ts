/** The thread in which a gateway prunes its ledger now and then. Started by `start-retention.ts` only. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { asSluiceError } from '../errors/sluice-error.ts';
import { pruneLedger } from './prune.ts';
import { S3Bucket } from './s3-bucket.ts';
import type { RetentionConfig, RetentionStatus } from './start-retention.ts';
import { runInThread } from './thread-program.ts';

/** A gateway that has just started has better things to do. */
const FIRST_AFTER_MS = 5 * 60_000;

await runInThread<RetentionConfig, RetentionStatus>(async (config, onStatus) => {
  const { directory, tiles, rules, everyMs, version } = config;
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let pruned = 0;

  const prune = async (): Promise<void> => {
    try {
      const { count } = await pruneLedger({
        ...{ directory, rules, version, by: 'retention', now: Date.now() },
        ...(tiles && { store: new S3Bucket(tiles) }),
        onProgress: async () => {
          await nextTurn();
          closing.signal.throwIfAborted();
        },
      });
      pruned += count;
      onStatus({ pruned, at: Date.now() });
    } catch (cause) {
      // A ledger that has nothing yet has nothing to prune.
      const { code, message } = asSluiceError(cause);
      if (!closing.signal.aborted && code !== 'not_found')
        onStatus({ pruned, at: Date.now(), failure: message });
    }
    if (!closing.signal.aborted) timer = setTimeout(() => (running = prune()), everyMs);
  };
  timer = setTimeout(() => (running = prune()), Math.min(everyMs, FIRST_AFTER_MS));
  return {
    flush: async () => {},
    close: async () => {
      closing.abort();
      clearTimeout(timer);
      await running;
    },
  };
});
