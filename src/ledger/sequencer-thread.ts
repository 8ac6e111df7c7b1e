/** The thread a sequencer runs in. Started by `start-sequencer.ts` only. */
import type { SequencerStatus } from './sequencer-loop.ts';
import { runSequencer, type SequencerConfig } from './start-sequencer.ts';
import { runInThread } from './thread-program.ts';

await runInThread<SequencerConfig, SequencerStatus>((config, onStatus) => runSequencer(config, onStatus));
