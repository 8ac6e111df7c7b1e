/**
 * Cancel keys. Clients get keys of the gate's own; a CancelRequest reaches a session only with the key that session was given
 * (PostgreSQL's manual, 54.2.8 "Canceling Requests in Progress").
 */
import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** Who can be cancelled. */
export interface Cancellable {
  /** Cancels what the session waits for, or what its backend runs. Must not throw. */
  cancel(): void;
}

interface Registered {
  readonly secret: Buffer;
  readonly session: Cancellable;
}

/** What a client is told in BackendKeyData. */
export interface CancelKey {
  readonly processId: number;
  readonly secret: Buffer;
}

export class CancelRegistry {
  readonly #byProcessId = new Map<number, Registered>();

  /**
   * Registers a session until `remove`.
   * @param secretBytes 4 in protocol 3.0, 32 in 3.2.
   */
  add(session: Cancellable, secretBytes: 4 | 32): CancelKey {
    let processId = randomInt(1, 0x7fff_ffff);
    while (this.#byProcessId.has(processId)) processId = randomInt(1, 0x7fff_ffff);
    const secret = randomBytes(secretBytes);
    this.#byProcessId.set(processId, { secret, session });
    return { processId, secret };
  }

  remove(key: CancelKey): void {
    this.#byProcessId.delete(key.processId);
  }

  /** Cancels if the key is right; says nothing either way, as the protocol demands. */
  cancel(processId: number, secret: Buffer): void {
    const registered = this.#byProcessId.get(processId);
    if (registered === undefined || registered.secret.length !== secret.length) return;
    if (timingSafeEqual(registered.secret, secret)) registered.session.cancel();
  }
}
