/**
 * Keeps a sequencer's thread alive. Statements wait for none of this: while there is no thread they are recorded in the lanes, and the next
 * one publishes what came meanwhile.
 */
import type { SequencerStatus } from './sequencer-loop.ts';
import type { RunningSequencer, SequencerConfig } from './start-sequencer.ts';
import { SupervisedThread } from './supervised-thread.ts';

export class SequencerSupervisor implements RunningSequencer {
  readonly #onStatus: (status: SequencerStatus) => void;
  #thread: SupervisedThread<SequencerStatus> | undefined;
  #status: SequencerStatus = { size: 0, publishedAt: 0 };

  private constructor(onStatus: (status: SequencerStatus) => void) {
    this.#onStatus = onStatus;
  }

  /** The first thread must start. @throws {SluiceError} as `startSequencer` does */
  static async start(
    config: SequencerConfig,
    onStatus: (status: SequencerStatus) => void,
  ): Promise<SequencerSupervisor> {
    const supervisor = new SequencerSupervisor(onStatus);
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    supervisor.#thread = await SupervisedThread.start<SequencerStatus>({
      program: new URL(`./sequencer-thread.${extension}`, import.meta.url),
      data: config,
      name: 'the sequencer',
      onStatus: (status) => supervisor.#tell(status),
      onDown: (failure) => supervisor.#tell({ ...supervisor.#status, failure }),
      onRestarted: (restarts) => {
        const { failure: _, ...well } = supervisor.#status;
        supervisor.#tell({ ...well, restarts });
      },
    });
    return supervisor;
  }

  status(): SequencerStatus {
    return this.#status;
  }

  async flush(): Promise<void> {
    await this.#thread?.flush();
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }

  #tell(status: SequencerStatus): void {
    const { restarts } = this.#status;
    this.#status = restarts === undefined ? status : { restarts, ...status };
    this.#onStatus(this.#status);
  }
}
