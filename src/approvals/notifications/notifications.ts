/**
 * Tells the world outside about approval requests. A message is stored in one step with what it tells and removed when its receiver
 * has taken it, so a restart loses none; it may arrive twice, under the same id. Messages of one request arrive in order.
 * No statement and no answer ever waits for a receiver.
 */
import type { ApprovalRecord, NewNotice } from '../../store/store.ts';
import { DeliveryLane, type DeliveryOptions } from './delivery-lane.ts';
import type { Receiver } from './receiver.ts';

export interface NotificationsOptions extends DeliveryOptions {
  readonly receivers: readonly Receiver[];
}

export class Notifications {
  readonly #options: NotificationsOptions;
  readonly #lanes: readonly DeliveryLane[];

  constructor(options: NotificationsOptions) {
    this.#options = options;
    this.#lanes = options.receivers.map((receiver) => new DeliveryLane(receiver, options));
  }

  /** What is to be sent about a request as it has become. */
  noticesOf(record: ApprovalRecord): NewNotice[] {
    const { request, revision } = record;
    return this.#options.receivers.flatMap((receiver) => {
      const body = receiver.bodyOf(record);
      if (body === undefined) return [];
      return [{ target: receiver.name, id: `${request.id}_${revision}`, request: request.id, body }];
    });
  }

  /** Begins to send, with what an earlier run left. @throws {SluiceError} store_unavailable */
  async start(): Promise<void> {
    await this.#options.store.keepOnly(this.#options.receivers.map(({ name }) => name));
    this.poke();
  }

  /** Something may be there to send. */
  poke(): void {
    for (const lane of this.#lanes) lane.poke();
  }

  /** Messages that wait, by receiver. */
  async waiting(): Promise<ReadonlyMap<string, number>> {
    const counts = this.#options.receivers.map(
      async ({ name }) => [name, await this.#options.store.count(name)] as const,
    );
    return new Map(await Promise.all(counts));
  }

  /** Ends what is under way; it is sent again after the next start. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}
