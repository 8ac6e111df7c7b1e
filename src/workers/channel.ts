/**
 * Calls between two processes over the channel that Node.js gives a parent and its child. Each side names what it offers and what it
 * may ask; whatever else arrives is refused.
 *
 * The other side is the gateway's own code, but it may die in the middle of anything: then every call that waits for it is rejected,
 * and no call after that waits at all. Calls are bounded in number, and in time unless they wait for people.
 *
 * @see https://nodejs.org/api/child_process.html#subprocesssendmessage-sendhandle-options-callback
 */
import type { SendHandle, Serializable } from 'node:child_process';
import type { Socket } from 'node:net';
import { asSluiceError, SluiceError } from '../errors/sluice-error.ts';
import { packError, unpackError } from './packed-error.ts';

type Name<Functions> = keyof Functions & string;
type ArgumentsOf<Function> = Function extends (...args: infer Arguments) => unknown ? Arguments : never;
type AnswerOf<Function> = Function extends (...args: never[]) => infer Answer ? Awaited<Answer> : never;

/** A `ChildProcess`, or the `process` of a child. */
export interface Port {
  send(
    message: Serializable,
    handle: SendHandle | undefined,
    options: { readonly keepOpen: boolean },
    callback: (error: Error | null) => void,
  ): boolean;
  on(event: 'message', listener: (message: unknown, handle?: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

export interface ChannelOptions {
  readonly port: Port;
  /** What this side offers: functions of plain data, by name. */
  readonly offer: object;
  /** True if these are arguments that the function takes. */
  readonly accepts: (name: string, args: readonly unknown[]) => boolean;
  /** Gets each socket that the other side passes, by its number; undefined for one that was lost on the way. */
  readonly onSocket?: (socket: Socket | undefined, id: number) => void;
  /** Told once when the other side is gone. */
  readonly onClose: () => void;
  /** Told of what the other side must not send, and of functions that failed though nobody waits for them. */
  readonly onError: (error: unknown) => void;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: SluiceError) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

type Envelope =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'notice'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: unknown }
  | { readonly kind: 'socket'; readonly id: number };

const CALL_TIMEOUT_MS = 30_000;
const MAX_WAITING = 100_000;

/** The way to another process that offers `Theirs`. */
export class Channel<Theirs> {
  readonly #o: ChannelOptions;
  readonly #offer: Readonly<Record<string, (...args: unknown[]) => unknown>>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#o = options;
    this.#offer = options.offer as Record<string, (...args: unknown[]) => unknown>;
    options.port.on('message', (message, handle) => this.#onMessage(message, handle));
    options.port.on('disconnect', () => this.close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Asks the other side. @throws {SluiceError} what the function threw there; worker_lost if there is no answer */
  call<Asked extends Name<Theirs>>(
    name: Asked,
    ...args: ArgumentsOf<Theirs[Asked]>
  ): Promise<AnswerOf<Theirs[Asked]>> {
    return this.#call(name, args, CALL_TIMEOUT_MS);
  }

  /** Asks for what takes as long as it takes. */
  callUnhurried<Asked extends Name<Theirs>>(
    name: Asked,
    ...args: ArgumentsOf<Theirs[Asked]>
  ): Promise<AnswerOf<Theirs[Asked]>> {
    return this.#call(name, args, undefined);
  }

  /** Tells the other side something that nobody waits for. What is said to nobody is lost. */
  notify<Asked extends Name<Theirs>>(name: Asked, ...args: ArgumentsOf<Theirs[Asked]>): void {
    this.#send({ kind: 'notice', name, args });
  }

  /**
   * Hands a socket over. This side keeps its own hold of it, to be let go by `destroy` when the other side says that it has it: until then
   * it may be lost. False if it cannot even be sent.
   */
  pass(socket: Socket, id: number): boolean {
    return this.#send({ kind: 'socket', id }, socket);
  }

  #call<Answer>(name: string, args: readonly unknown[], timeoutMs: number | undefined): Promise<Answer> {
    if (this.#closed || this.#waiting.size >= MAX_WAITING) return Promise.reject(lost());
    const id = this.#nextId++;
    return new Promise<Answer>((resolve, reject) => {
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => this.#settle(id)?.reject(lost()), timeoutMs);
      timer?.unref();
      this.#waiting.set(id, { resolve, reject, timer });
      if (!this.#send({ kind: 'call', id, name, args })) this.#settle(id)?.reject(lost());
    });
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #send(envelope: Envelope, socket?: Socket): boolean {
    if (this.#closed) return false;
    try {
      this.#o.port.send(envelope, socket, { keepOpen: true }, () => {
        // Whoever waits learns it when the channel closes.
      });
      return true;
    } catch {
      return false;
    }
  }

  #onMessage(message: unknown, handle: unknown): void {
    if (!isEnvelope(message)) {
      this.#o.onError(new TypeError('a message of no known kind'));
      return;
    }
    switch (message.kind) {
      case 'socket':
        this.#o.onSocket?.((handle ?? undefined) as Socket | undefined, message.id);
        break;
      case 'answer':
        this.#settle(message.id)?.resolve(message.value as never);
        break;
      case 'failure':
        this.#settle(message.id)?.reject(unpackError(message.error));
        break;
      case 'notice':
        this.#serve(message.name, message.args).catch(this.#o.onError);
        break;
      case 'call':
        this.#serve(message.name, message.args).then(
          (value) => this.#send({ kind: 'answer', id: message.id, value }),
          (thrown) => {
            const error = asSluiceError(thrown);
            if (error.code === 'internal') this.#o.onError(thrown);
            this.#send({ kind: 'failure', id: message.id, error: packError(error) });
          },
        );
        break;
    }
  }

  async #serve(name: string, args: readonly unknown[]): Promise<unknown> {
    const asked = Object.hasOwn(this.#offer, name) ? this.#offer[name] : undefined;
    if (asked === undefined || !this.#o.accepts(name, args)) {
      throw new TypeError(`${name} was not asked for as it must be`);
    }
    return asked(...args);
  }

  /**
   * Nothing more will come. For whoever knows that the other process has ended: Node.js does not say so while a socket is on its way.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(lost());
    this.#o.onClose();
  }
}

function lost(): SluiceError {
  return new SluiceError('worker_lost', 'another process of the gateway did not answer');
}

function isEnvelope(message: unknown): message is Envelope {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, id, name, args } = message as Record<string, unknown>;
  switch (kind) {
    case 'socket':
    case 'answer':
    case 'failure':
      return Number.isSafeInteger(id);
    case 'call':
      return Number.isSafeInteger(id) && typeof name === 'string' && Array.isArray(args);
    case 'notice':
      return typeof name === 'string' && Array.isArray(args);
    default:
      return false;
  }
}
