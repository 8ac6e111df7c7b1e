/**
 * Cancel keys. Clients learn the process id of their backend, as from the database itself: they compare it with `pg_stat_activity`,
 * `pg_blocking_pids()` and the senders of notifications. The secret is the gate's own, and a CancelRequest reaches a session only with
 * the secret that session was given (PostgreSQL's manual, 54.2.8 "Canceling Requests in Progress").
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
  /** Backends of several servers may share a process id. */
  readonly #byProcessId = new Map<number, readonly Registered[]>();

  /**
   * Registers a session until `remove`.
   * @param secretBytes 4 in protocol 3.0, 32 in 3.2.
   * @param processId of its backend; undefined for servers that tell none
   */
  add(session: Cancellable, secretBytes: 4 | 32, processId = randomInt(1, 0x7fff_ffff)): CancelKey {
    const secret = randomBytes(secretBytes);
    this.#byProcessId.set(processId, [...this.#of(processId), { secret, session }]);
    return { processId, secret };
  }

  remove({ processId, secret }: CancelKey): void {
    const left = this.#of(processId).filter((one) => one.secret !== secret);
    if (left.length === 0) this.#byProcessId.delete(processId);
    else this.#byProcessId.set(processId, left);
  }

  /** Cancels if the key is right, and returns whether it was. The client is told nothing either way, as the protocol demands. */
  cancel(processId: number, secret: Uint8Array): boolean {
    let found = false;
    for (const one of this.#of(processId)) {
      if (one.secret.length !== secret.length || !timingSafeEqual(one.secret, secret)) continue;
      one.session.cancel();
      found = true;
    }
    return found;
  }

  #of(processId: number): readonly Registered[] {
    return this.#byProcessId.get(processId) ?? [];
  }
}
