/**
 * The index beside the work of the process: one thread keeps it up with the log, another answers searches, so that neither costs the
 * event loop anything. The second is started with the first search.
 */
import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../errors/error-table.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { S3Config } from '../ledger/s3-bucket.ts';
import type { BehaviourConfig, Deviation } from './behaviour.ts';
import type { Filter } from './filter/filter.ts';
import type { Finding } from './finding.ts';
import type { IndexStatus } from './index-loop.ts';
import { type PlaceConfig, placeOf } from './index-place.ts';
import type { CountResult, SearchCall, SearchCalls, SearchResult } from './search-calls.ts';

/** Plain data: it crosses threads. */
export interface IndexConfig extends PlaceConfig {
  /** The ledger's. */
  readonly directory: string;
  /** Object storage that holds the log's tiles instead of the directory. */
  readonly tiles?: S3Config;
  /** What is learned of behaviour, and the file that keeps it. */
  readonly behaviour?: BehaviourConfig & { readonly path: string };
}

/** What the thread that indexes says. */
export type IndexNews =
  | { readonly status: IndexStatus }
  | { readonly findings: readonly Finding[] }
  | { readonly deviations: readonly Deviation[] };

/** Must not throw. */
export interface IndexListener {
  /** How far the index is, and when it fails or works again. */
  readonly onStatus: (status: IndexStatus) => void;
  /** Findings that are to be recorded. */
  readonly onFindings: (findings: readonly Finding[]) => void;
  /** What policies are to see from now on. */
  readonly onDeviations: (deviations: readonly Deviation[]) => void;
}

export type IndexCommand = 'rebuild' | 'close';

export interface SearchQuestion {
  readonly id: number;
  readonly call: keyof SearchCalls;
  readonly argument: unknown;
}

export interface SearchReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly detail?: string;
    readonly hint?: string;
  };
}

export interface RunningIndex extends SearchCalls {
  /** As it was told last. */
  status(): IndexStatus;
  /** Throws the index away and makes it anew from the log. */
  rebuild(): void;
  close(): Promise<void>;
}

/** A gateway that starts has other things to do first. */
const START_DELAY_MS = 1000;
const RESTART_DELAY_MS = 5000;
/** Of each thread, in MiB: whatever is asked, the process goes on. */
const MAX_HEAP_MIB = 512;
const CLOSE_TIMEOUT_MS = 3000;
/** Searches that may wait; more are refused. */
const MAX_WAITING = 64;

export function startIndex(config: IndexConfig, listener: IndexListener): RunningIndex {
  return new IndexThreads(config, listener);
}

class IndexThreads implements RunningIndex {
  readonly #config: IndexConfig;
  readonly #listener: IndexListener;
  #timer: NodeJS.Timeout | undefined;
  #indexing: Thread | undefined;
  #searching: SearchThread | undefined;
  #status: IndexStatus;

  constructor(config: IndexConfig, listener: IndexListener) {
    this.#config = config;
    this.#listener = listener;
    this.#status = { indexed: 0, entries: 0, items: 0, at: 0, store: placeOf(config).name };
    this.#timer = setTimeout(() => this.#keepUp(), START_DELAY_MS).unref();
  }

  status(): IndexStatus {
    return this.#status;
  }

  rebuild(): void {
    this.#keepUp().worker.postMessage('rebuild' satisfies IndexCommand);
  }

  search(call: SearchCall): Promise<SearchResult> {
    return this.#ask('search', call) as Promise<SearchResult>;
  }

  count(filter: Filter): Promise<CountResult> {
    return this.#ask('count', filter) as Promise<CountResult>;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await Promise.all([this.#indexing?.close(), this.#searching?.close()]);
  }

  /** The thread that indexes; it is started if it is not there. */
  #keepUp(): Thread {
    if (this.#indexing !== undefined) return this.#indexing;
    clearTimeout(this.#timer);
    const thread = new Thread('index-thread', this.#config);
    thread.worker.on('message', (news: IndexNews) => {
      if ('status' in news) this.#tell(news.status);
      else if ('findings' in news) this.#listener.onFindings(news.findings);
      else this.#listener.onDeviations(news.deviations);
    });
    thread.onEnd((reason) => {
      this.#indexing = undefined;
      this.#tell({ ...this.#status, failure: reason });
      this.#timer = setTimeout(() => this.#keepUp(), RESTART_DELAY_MS).unref();
    });
    this.#indexing = thread;
    return thread;
  }

  #tell(status: IndexStatus): void {
    this.#status = status;
    this.#listener.onStatus(status);
  }

  async #ask(call: keyof SearchCalls, argument: unknown): Promise<unknown> {
    this.#keepUp();
    if (this.#searching === undefined || this.#searching.hasEnded)
      this.#searching = new SearchThread(this.#config);
    return this.#searching.ask(call, argument);
  }
}

/** A thread of this room, and its end. */
class Thread {
  readonly worker: Worker;
  readonly #ended: Promise<void>;
  #isClosing = false;
  #hasEnded = false;

  constructor(name: 'index-thread' | 'search-thread', config: IndexConfig) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.worker = new Worker(new URL(`./${name}.${extension}`, import.meta.url), {
      workerData: config,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.worker.on('exit', () => {
      this.#hasEnded = true;
      resolve();
    });
    this.#ended = promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Tells why it ended, unless it was closed. */
  onEnd(tell: (reason: string) => void): void {
    let reason = 'the thread of the index ended';
    this.worker.on('error', (cause) => {
      reason = `the thread of the index failed: ${(cause as Error).message}`;
    });
    this.worker.on('exit', () => {
      if (!this.#isClosing) tell(reason);
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (!this.#hasEnded) this.worker.postMessage('close');
    // A database that does not answer is not waited for: what was not committed is put in by the next start.
    const timer = setTimeout(() => void this.worker.terminate(), CLOSE_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

class SearchThread extends Thread {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 1;

  constructor(config: IndexConfig) {
    super('search-thread', config);
    this.worker.on('message', (reply: SearchReply) => this.#take(reply));
    this.onEnd((reason) => {
      for (const { reject } of this.#waiting.values()) reject(new SluiceError('store_unavailable', reason));
      this.#waiting.clear();
    });
  }

  ask(call: keyof SearchCalls, argument: unknown): Promise<unknown> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new SluiceError('too_many_connections', 'too many searches wait for an answer', {
        hint: 'Try again in a moment.',
      });
    }
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.worker.postMessage({ id, call, argument } satisfies SearchQuestion);
    return answer.promise;
  }

  #take({ id, value, error }: SearchReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new SluiceError(error.code, error.message, error));
  }
}
