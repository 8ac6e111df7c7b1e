/**
 * The primary's side of one worker process: starts it, answers it, and takes back what it held when it is gone, whether it ended well,
 * crashed in the middle of a message, or was killed because it did not answer.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Teller } from '../budgets/budget-book.ts';
import type { SlotRelease } from '../gateway/postgres/connection-slots.ts';
import type { TaintNews } from '../session/taint-registry.ts';
import type { RememberedLabel } from '../sql/postgres/label-memory.ts';
import {
  acceptedByPrimary,
  type MetricsSnapshot,
  type PrimaryCalls,
  type WorkerCalls,
  type WorkerOrder,
} from './calls.ts';
import { Channel, type Port } from './channel.ts';
import type { SharedServices } from './shared-services.ts';
import { withinMs } from './within.ts';
import { relayLogLine } from './worker-log.ts';

/** What a worker wants the other workers to know. */
export interface Broadcast {
  cancel(from: WorkerLink, processId: number, secret: Uint8Array): Promise<void>;
  catalogChanged(from: WorkerLink, database: string): Promise<void>;
  taintMet(from: WorkerLink, news: TaintNews): Promise<void>;
  keepLabels(
    from: WorkerLink,
    database: string,
    labels: readonly RememberedLabel[],
    copied: boolean,
  ): Promise<void>;
}

export interface WorkerLinkOptions {
  readonly shared: SharedServices;
  readonly order: WorkerOrder;
  readonly broadcast: Broadcast;
  /** Gets back a connection that the worker did not live to take. */
  readonly onReturned: (socket: Socket) => void;
  /** Told once when the process has ended, however it did. */
  readonly onExit: (how: string) => void;
}

const OWN = import.meta.url;
const EXECUTABLE = fileURLToPath(new URL(`./worker-process${extname(OWN)}`, OWN));
/** Flags of the primary that workers have, too. */
const INHERITED_FLAGS = /^--(enable-source-maps|max-|cpu-prof|heap-prof|disable-warning)/;
/** How long a worker whose channel is closed may take to close its lane. */
const EXIT_MS = 5_000;
/** One that has not answered for this long gets no new connections … */
const SLOW_MS = 3_000;
/** How long others wait for it to give back what it has of a budget. */
const RECALL_MS = 1_000;
/** … and after this long it is killed: whatever it does, its sessions are stuck. */
const STUCK_MS = 30_000;

export class WorkerLink {
  readonly order: WorkerOrder;
  /** Connections passed to it that are open. */
  connections = 0;
  /** Why its lane of the ledger cannot be written. */
  laneFailure: string | undefined;
  /** What it counted when it was last asked. */
  lastMetrics: MetricsSnapshot = [];
  readonly #o: WorkerLinkOptions;
  readonly #child: ChildProcess;
  readonly #channel: Channel<WorkerCalls>;
  readonly #slots = new Map<number, { readonly session: string; readonly release: SlotRelease }>();
  readonly #waits = new Map<number, AbortController>();
  /** Connections on their way. */
  readonly #passing = new Map<number, Socket>();
  readonly #exited = Promise.withResolvers<void>();
  /** Draws on budgets for it; what a worker that does not answer has stays with it. */
  readonly #teller: Teller = {
    recall: async (keys) => (await withinMs(this.#channel.call('recallBudgets', keys), RECALL_MS)) ?? [],
  };
  #nextSlot = 1;
  #nextConnection = 1;
  #unansweredSince: number | undefined;

  constructor(options: WorkerLinkOptions) {
    this.#o = options;
    this.order = options.order;
    const { log } = options.shared;
    const { lane } = options.order;
    this.#child = fork(EXECUTABLE, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [
        ...process.execArgv.filter((flag) => INHERITED_FLAGS.test(flag)),
        '--disable-warning=ExperimentalWarning',
      ],
    });
    this.#channel = new Channel<WorkerCalls>({
      port: this.#child as Port,
      offer: this.#offer(),
      accepts: acceptedByPrimary,
      onClose: () => this.#onClose(),
      onError: (err) => log.error({ err, worker: lane }, 'a call of a worker failed'),
    });
    createInterface({ input: this.#child.stderr! }).on('line', (line) => relayLogLine(log, lane, line));
    this.#child.on('error', (err) => log.error({ err, worker: lane }, 'the process of a worker failed'));
    this.#child.once('exit', (code, signal) => this.#onExit(signal ?? `exit code ${code}`));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when the process has ended. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  get calls(): Channel<WorkerCalls> {
    return this.#channel;
  }

  /** True if it does not answer at the moment. */
  get slow(): boolean {
    return this.#unansweredMs > SLOW_MS;
  }

  /** Starts serving. @throws {SluiceError} why it cannot, or worker_lost */
  start(): Promise<void> {
    return this.#channel.callUnhurried('start', this.order);
  }

  /** Hands over a connection; what the worker does not take comes back. */
  pass(socket: Socket): void {
    const id = this.#nextConnection++;
    this.#passing.set(id, socket);
    this.connections += 1;
    if (!this.#channel.pass(socket, id)) this.#return(id);
  }

  /** Asks for a sign of life. Kills the process if it has given none for too long. */
  checkLife(): void {
    if (this.#unansweredMs > STUCK_MS) {
      this.#o.shared.log.error({ worker: this.order.lane }, 'a worker does not answer and is killed');
      this.kill();
    }
    if (this.#unansweredSince !== undefined) return;
    this.#unansweredSince = performance.now();
    this.#channel.callUnhurried('ping').then(
      () => {
        this.#unansweredSince = undefined;
      },
      () => {},
    );
  }

  /** Tells it to end, which it does without looking at its sessions. */
  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  get #unansweredMs(): number {
    return this.#unansweredSince === undefined ? 0 : performance.now() - this.#unansweredSince;
  }

  #offer(): PrimaryCalls {
    const { shared, broadcast } = this.#o;
    const { approvals, throttle } = shared;
    return {
      requestApproval: (demand) => approvals.request(demand),
      awaitApproval: (id, waiting) => this.#awaitApproval(id, waiting),
      withdrawWait: (waiting) => this.#waits.get(waiting)?.abort(),
      claimApproval: (id, digests, rule) => approvals.claimByDigests(id, digests, rule),
      claimGranted: (digests, rule) => approvals.claimGrantedByDigests(digests, rule),
      claimShape: (use, rule) => approvals.claimShape(use, rule),
      driftApproval: (id) => approvals.drift(id),
      getApproval: (id) => approvals.get(id),
      authenticationFailed: (address, user) => throttle.failed(address, user),
      authenticationSucceeded: (user) => throttle.succeeded(user),
      acquireSlot: (principal, database, session) => {
        const answer = shared.slots.acquire(principal, database);
        if (typeof answer === 'string') return answer;
        const slot = this.#nextSlot++;
        this.#slots.set(slot, { session, release: answer });
        return slot;
      },
      releaseSlot: (slot) => {
        this.#slots.get(slot)?.release();
        this.#slots.delete(slot);
      },
      takeLookups: (principals, database, demands) => shared.lookups.take(principals, database, demands),
      cancel: (processId, secret) => broadcast.cancel(this, processId, secret),
      connectionTaken: (id) => {
        this.#passing.get(id)?.destroy();
        this.#passing.delete(id);
      },
      connectionClosed: () => {
        this.connections -= 1;
      },
      catalogChanged: (database) => broadcast.catalogChanged(this, database),
      drawBudgets: (demands) => shared.budgetBook.draw(this.#teller, demands),
      settleBudgets: (reports) => shared.budgetBook.settle(this.#teller, reports),
      taintMet: (news) => broadcast.taintMet(this, news),
      keepLabels: (database, labels, copied) => broadcast.keepLabels(this, database, labels, copied),
      letGoLabels: (database, keys) => shared.labels.letGo(database, keys),
      laneFailed: (reason) => {
        this.laneFailure = reason;
      },
    };
  }

  async #awaitApproval(id: string, waiting: number) {
    const withdrawal = new AbortController();
    this.#waits.set(waiting, withdrawal);
    try {
      return await this.#o.shared.approvals.wait(id, withdrawal.signal);
    } finally {
      this.#waits.delete(waiting);
    }
  }

  /** Nothing more will be heard of it: its sessions are gone, and so is what they waited for and what they counted for. */
  #onClose(): void {
    for (const withdrawal of this.#waits.values()) withdrawal.abort();
    for (const { release } of this.#slots.values()) release();
    this.#o.shared.budgetBook.lost(this.#teller);
    for (const id of [...this.#passing.keys()]) this.#return(id);
    const timer = setTimeout(() => this.kill(), EXIT_MS);
    this.exited.then(() => clearTimeout(timer));
  }

  #return(id: number): void {
    const socket = this.#passing.get(id);
    this.#passing.delete(id);
    this.connections -= 1;
    if (socket !== undefined) this.#o.onReturned(socket);
  }

  #onExit(how: string): void {
    this.#channel.close();
    this.connections = 0;
    this.#closeLost(how);
    this.#exited.resolve();
    this.#o.onExit(how);
  }

  /** Says of the sessions that it had that they are over: it cannot any more, and nobody else knows of them. */
  #closeLost(how: string): void {
    const { ledger, log } = this.#o.shared;
    const reason = `the process that served it ended (${how})`;
    try {
      for (const { session } of this.#slots.values())
        ledger.append({ kind: 'session-closed', session, reason });
    } catch (err) {
      log.error({ err, worker: this.order.lane }, 'the end of lost sessions could not be recorded');
    }
    this.#slots.clear();
  }
}
