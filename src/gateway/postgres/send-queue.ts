/**
 * Writes to clients, gathered over one turn of the event loop, so that one write to the ledger covers the answers of all
 * sessions that have some. Nothing is sent before everything it rests on is written (promise 1).
 */
import type { SluiceError } from '../../errors/sluice-error.ts';
import { asSluiceError } from '../../errors/sluice-error.ts';
import type { Ledger } from '../../ledger/ledger.ts';

/** Whoever has bytes to send. */
export interface Sender {
  /** The newest ledger entry the pending bytes rest on; -1 for none. */
  readonly restsOnSeq: number;
  /** Sends what is pending. Called once after each `enqueue`. Must not throw. */
  sendPending(): void;
  /** The entries could not be written: what is pending must not be sent, and the session ends. */
  failPending(error: SluiceError): void;
}

export class SendQueue {
  readonly #ledger: Pick<Ledger, 'writtenSeq' | 'writeOut'>;
  #senders: Sender[] = [];

  constructor(ledger: Pick<Ledger, 'writtenSeq' | 'writeOut'>) {
    this.#ledger = ledger;
  }

  /** The caller enqueues itself at most once until it is called back. */
  enqueue(sender: Sender): void {
    if (this.#senders.push(sender) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const senders = this.#senders;
    this.#senders = [];
    let newest = -1;
    for (const sender of senders) if (sender.restsOnSeq > newest) newest = sender.restsOnSeq;
    let failure: SluiceError | undefined;
    if (newest > this.#ledger.writtenSeq) failure = this.#writeOut();
    for (const sender of senders) {
      if (failure !== undefined && sender.restsOnSeq > this.#ledger.writtenSeq) sender.failPending(failure);
      else sender.sendPending();
    }
  };

  #writeOut(): SluiceError | undefined {
    try {
      this.#ledger.writeOut();
      return undefined;
    } catch (thrown) {
      return asSluiceError(thrown);
    }
  }
}
