/**
 * Keeps a sequencer's thread alive: one that dies is replaced, with growing delays while its successors die as well. Statements wait for
 * none of this: they are recorded in the lanes, and the next thread publishes what came meanwhile.
 */
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../errors/sluice-error.ts';
import type { SequencerStatus } from './sequencer-loop.ts';
import type {
  RunningSequencer,
  SequencerCommand,
  SequencerConfig,
  SequencerReply,
} from './start-sequencer.ts';

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
/** A thread that served this long was well: its end says nothing of the next one. */
const WELL_AFTER_MS = 30_000;

export class SequencerSupervisor implements RunningSequencer {
  readonly #config: SequencerConfig;
  readonly #onStatus: (status: SequencerStatus) => void;
  #thread: SequencerThread | undefined;
  #status: SequencerStatus = { size: 0, publishedAt: 0 };
  #endsInARow = 0;
  #restarts = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #closed = false;

  private constructor(config: SequencerConfig, onStatus: (status: SequencerStatus) => void) {
    this.#config = config;
    this.#onStatus = onStatus;
  }

  /** The first thread must start. @throws {SluiceError} as `startSequencer` does */
  static async start(
    config: SequencerConfig,
    onStatus: (status: SequencerStatus) => void,
  ): Promise<SequencerSupervisor> {
    const supervisor = new SequencerSupervisor(config, onStatus);
    await supervisor.#start();
    return supervisor;
  }

  status(): SequencerStatus {
    return this.#status;
  }

  async flush(): Promise<void> {
    await this.#thread?.ask('flush');
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#starting;
    await this.#thread?.ask('close');
  }

  async #start(): Promise<void> {
    const thread = new SequencerThread(this.#config, (status) => this.#tell(status));
    await thread.started;
    this.#thread = thread;
    this.#startedAt = performance.now();
    void thread.ended.then((reason) => this.#onEnd(reason));
  }

  #onEnd(reason: string): void {
    this.#thread = undefined;
    if (this.#closed) return;
    const wasWell = performance.now() - this.#startedAt >= WELL_AFTER_MS;
    this.#endsInARow = wasWell ? 1 : this.#endsInARow + 1;
    this.#fail(reason);
  }

  /** Says what is wrong, and tries again later. */
  #fail(message: string, code = 'ledger_unavailable'): void {
    this.#tell({ ...this.#status, failure: { code, message } });
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#endsInARow - 1));
    this.#timer = setTimeout(() => {
      this.#starting = this.#restart();
    }, delayMs);
  }

  async #restart(): Promise<void> {
    this.#restarts++;
    try {
      await this.#start();
      const { failure: _, ...well } = this.#status;
      this.#tell(well);
    } catch (cause) {
      this.#endsInARow++;
      if (!this.#closed) this.#fail((cause as Error).message, (cause as SluiceError).code);
    }
  }

  #tell(status: SequencerStatus): void {
    this.#status = this.#restarts === 0 ? status : { ...status, restarts: this.#restarts };
    this.#onStatus(this.#status);
  }
}

/** One thread, from its start to its end. */
class SequencerThread {
  /** Resolves when it holds the ledger. Rejects with why it does not. */
  readonly started: Promise<void>;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  readonly #waiting: Record<SequencerCommand, (() => void)[]> = { flush: [], close: [] };
  #isEnded = false;

  constructor(config: SequencerConfig, onStatus: (status: SequencerStatus) => void) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./sequencer-thread.${extension}`, import.meta.url), {
      workerData: config,
      execArgv: [],
    });
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    this.started = started.promise;
    this.ended = ended.promise;
    this.#worker.on('message', (reply: SequencerReply) => {
      if ('started' in reply) started.resolve();
      else if ('status' in reply) onStatus(reply.status);
      else if ('done' in reply) this.#waiting[reply.done].shift()?.();
      else started.reject(errorOf(reply.error));
    });
    const end = (reason: string) => {
      started.reject(new SluiceError('ledger_unavailable', reason));
      ended.resolve(reason);
      this.#isEnded = true;
      for (const resolve of Object.values(this.#waiting).flat()) resolve();
    };
    this.#worker.on('error', (cause) => end(`the sequencer failed: ${cause.message}`));
    this.#worker.on('exit', () => end('the sequencer ended'));
  }

  /** Resolves when it is done, or the thread has ended. */
  ask(command: SequencerCommand): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting[command].push(resolve);
      this.#worker.postMessage(command);
    });
  }
}

function errorOf({ code, message, hint }: { code: string; message: string; hint?: string }): SluiceError {
  return new SluiceError(code as 'ledger_corrupt', message, hint === undefined ? {} : { hint });
}
