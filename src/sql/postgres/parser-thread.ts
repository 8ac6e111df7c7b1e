/**
 * The one worker thread of the parser: started when first needed, given one text at a time, killed and replaced when a
 * text takes too long or may have damaged it. It never keeps the process alive.
 */
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ParseReply, ParseRequest } from './parser-worker.ts';

/** The stack of the worker: nesting of some 100,000 levels. */
const STACK_MB = 64;
/** For the tree of one text and its JSON. */
const HEAP_MB = 1_024;

export interface ParserThread {
  /** @throws {SluiceError} statement_too_complex when the time is up, the queue is full or the thread was closed */
  parse(text: string): Promise<ParseReply>;
  close(): Promise<void>;
}

interface Waiting {
  readonly request: ParseRequest;
  readonly resolve: (reply: ParseReply) => void;
  readonly reject: (error: SluiceError) => void;
}

/** @param maxQueued texts that may wait, the one under way included */
export function createParserThread(timeoutMs: number, maxQueued: number): ParserThread {
  return new LazyThread(timeoutMs, maxQueued);
}

class LazyThread implements ParserThread {
  readonly #timeoutMs: number;
  readonly #maxQueued: number;
  readonly #queue: Waiting[] = [];
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #closed = false;
  #lastId = 0;

  constructor(timeoutMs: number, maxQueued: number) {
    this.#timeoutMs = timeoutMs;
    this.#maxQueued = maxQueued;
  }

  parse(text: string): Promise<ParseReply> {
    if (this.#closed) return Promise.reject(complex('the parser is closed'));
    if (this.#queue.length >= this.#maxQueued) {
      return Promise.reject(complex('too many long statements are waiting to be analysed'));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ request: { id: ++this.#lastId, text }, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#discard();
    for (const { reject } of this.#queue.splice(0)) reject(complex('the parser is closed'));
    await worker?.terminate();
  }

  #next(): void {
    const head = this.#queue[0];
    if (this.#busy || head === undefined) return;
    this.#busy = true;
    this.#worker ??= this.#start();
    this.#timer = setTimeout(() => this.#fail(`it took more than ${this.#timeoutMs} ms`), this.#timeoutMs);
    this.#timer.unref();
    this.#worker.ref();
    this.#worker.postMessage(head.request);
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./parser-worker.${extension}`, import.meta.url), {
      // A text that needs more ends the worker, not the process.
      resourceLimits: { stackSizeMb: STACK_MB, maxOldGenerationSizeMb: HEAP_MB },
      execArgv: [],
    });
    worker.unref();
    const failIfCurrent = (reason: string) => worker === this.#worker && this.#fail(reason);
    worker.on('message', (reply: ParseReply) => worker === this.#worker && this.#settle(reply));
    worker.on('messageerror', () => failIfCurrent('its tree could not be handed over'));
    worker.on('error', () => failIfCurrent('the parser thread failed'));
    worker.on('exit', () => failIfCurrent('the parser thread ended'));
    return worker;
  }

  #settle(reply: ParseReply): void {
    const head = this.#queue[0];
    if (head === undefined || head.request.id !== reply.id) return;
    this.#queue.shift();
    this.#idle();
    if ('failure' in reply && reply.failure.kind === 'poisoned') this.#discard();
    head.resolve(reply);
    this.#next();
  }

  /** Ends the text under way, and the worker with it: nobody knows in which state it is. */
  #fail(reason: string): void {
    const head = this.#busy ? this.#queue.shift() : undefined;
    this.#discard();
    head?.reject(complex(reason));
    this.#next();
  }

  #discard(): void {
    this.#idle();
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #idle(): void {
    this.#busy = false;
    clearTimeout(this.#timer);
    this.#worker?.unref();
  }
}

function complex(detail: string): SluiceError {
  return new SluiceError('statement_too_complex', 'the statement is too complex to be analysed', { detail });
}
