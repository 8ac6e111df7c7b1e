/** Somebody outside who is told of approval requests: what the delivery of messages needs to know of each kind. */
import type { ApprovalRecord, Notice } from '../../store/store.ts';

/** How one attempt ended. */
export type Attempt =
  | {
      readonly sent: true;
      /** Where the message stands now, in the receiver's words, if the next step of the request is to change it there. */
      readonly place?: string;
    }
  | {
      readonly sent: false;
      /** For logs: nothing of address, secret or text. */
      readonly why: string;
      /** Trying again is of no use. */
      readonly isFinal?: boolean;
      /** When the receiver wants to be asked again, in milliseconds from now. */
      readonly retryAfterMs?: number;
    };

export interface Receiver {
  /** Unique. For logs, metrics and what waits to be sent. */
  readonly name: string;
  /** The longest that one attempt may take; its signal aborts then. */
  readonly timeoutMs: number;
  /** What it is told of a request as it has become, as text that is stored until it is sent; undefined for nothing. Pure. */
  bodyOf(record: ApprovalRecord): string | undefined;
  /**
   * Sends a message, or changes the one at `place`. What it throws counts as a failed attempt; its message must hold nothing
   * secret.
   */
  send(notice: Notice, place: string | undefined, signal: AbortSignal): Promise<Attempt>;
}
