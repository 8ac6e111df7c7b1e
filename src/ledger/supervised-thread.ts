/**
 * A thread that does one thing for as long as the process lives: one that dies is replaced, with growing delays while its successors die as
 * well. Nobody waits for it but whoever asks it something.
 */
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../errors/sluice-error.ts';

/** What is said to such a thread: first its data, then commands. */
export type ThreadCommand = 'flush' | 'close';

/** What it says. `started` comes once, or `error` instead of it; `done` answers commands in order. */
export type ThreadReply<Status> =
  | { readonly started: true }
  | { readonly done: ThreadCommand }
  | { readonly status: Status }
  | { readonly error: { readonly code: string; readonly message: string; readonly hint?: string } };

export interface SupervisedThreadOptions<Status> {
  /** Its program, as a file of this folder's kind: `./x-thread.ts`. */
  readonly program: URL;
  /** Plain data. */
  readonly data: unknown;
  /** For people: `the sequencer`. */
  readonly name: string;
  readonly onStatus: (status: Status) => void;
  /** It died, or its successor could not start; `restarts` of them came before. Another one is tried. */
  readonly onDown: (failure: { readonly code: string; readonly message: string }, restarts: number) => void;
  /** A successor has started. */
  readonly onRestarted: (restarts: number) => void;
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
/** A thread that served this long was well: its end says nothing of the next one. */
const WELL_AFTER_MS = 30_000;

export class SupervisedThread<Status> {
  readonly #options: SupervisedThreadOptions<Status>;
  #thread: Thread<Status> | undefined;
  #endsInARow = 0;
  #restarts = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #closed = false;

  private constructor(options: SupervisedThreadOptions<Status>) {
    this.#options = options;
  }

  /** The first thread must start. @throws {SluiceError} what it says, or ledger_unavailable if it dies */
  static async start<Status>(options: SupervisedThreadOptions<Status>): Promise<SupervisedThread<Status>> {
    const supervised = new SupervisedThread(options);
    await supervised.#start();
    return supervised;
  }

  /** Resolves when it is done, or no thread is there. */
  async flush(): Promise<void> {
    await this.#thread?.ask('flush');
  }

  /**
   * Lets it end, and replaces it no more.
   * @param patienceMs after this it is ended; by default it may take as long as it needs
   */
  async close(patienceMs?: number): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#starting;
    const thread = this.#thread;
    const timer = patienceMs && setTimeout(() => thread?.terminate(), patienceMs);
    await thread?.ask('close');
    clearTimeout(timer);
  }

  async #start(): Promise<void> {
    const thread = new Thread(this.#options);
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
    this.#fail({ code: 'ledger_unavailable', message: reason });
  }

  /** Says what is wrong, and tries again later. */
  #fail(failure: { readonly code: string; readonly message: string }): void {
    this.#options.onDown(failure, this.#restarts);
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#endsInARow - 1));
    this.#timer = setTimeout(() => {
      this.#starting = this.#restart();
    }, delayMs);
  }

  async #restart(): Promise<void> {
    this.#restarts++;
    try {
      await this.#start();
      this.#options.onRestarted(this.#restarts);
    } catch (cause) {
      this.#endsInARow++;
      const { code, message } = cause as SluiceError;
      if (!this.#closed) this.#fail({ code, message });
    }
  }
}

/** One thread, from its start to its end. */
class Thread<Status> {
  /** Resolves when it works. Rejects with why it does not. */
  readonly started: Promise<void>;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  readonly #waiting: Record<ThreadCommand, (() => void)[]> = { flush: [], close: [] };
  #isEnded = false;

  constructor({ program, data, name, onStatus }: SupervisedThreadOptions<Status>) {
    this.#worker = new Worker(program, { workerData: data, execArgv: [] });
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    this.started = started.promise;
    this.ended = ended.promise;
    this.#worker.on('message', (reply: ThreadReply<Status>) => {
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
    this.#worker.on('error', (cause) => end(`${name} failed: ${cause.message}`));
    this.#worker.on('exit', () => end(`${name} ended`));
  }

  terminate(): void {
    void this.#worker.terminate();
  }

  /** Resolves when it is done, or the thread has ended. */
  ask(command: ThreadCommand): Promise<void> {
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
