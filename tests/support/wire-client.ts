/**
 * A client that speaks the protocol message by message, for what no driver would send. Uses the wire library, no driver.
 */
import { connect, type Socket } from 'node:net';
import {
  type BackendMessage,
  decodeBackendMessage,
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  FrameReader,
  md5Password,
  ScramClient,
} from '../../src/wire/postgres/index.ts';

export interface WireTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export class WireClient {
  readonly socket: Socket;
  /** Every message since the last `take`. */
  #messages: BackendMessage[] = [];
  readonly #frames = new FrameReader({ maxFrameBytes: () => 1 << 30 });
  #wake: (() => void) | undefined;
  closed = false;
  key: { processId: number; secret: Buffer } | undefined;
  parameters = new Map<string, string>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
        this.#messages.push(decodeBackendMessage(Buffer.from(frame.bytes)));
      }
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  /** Opens a connection without saying anything. */
  static dial(target: Pick<WireTarget, 'host' | 'port'>): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: target.host, port: target.port, noDelay: true }, () =>
        resolve(new WireClient(socket)),
      );
      socket.once('error', reject);
    });
  }

  /** Connects and authenticates. @throws {Error} with the ErrorResponse's message */
  static async open(
    target: WireTarget,
    more: ReadonlyMap<string, string> = new Map(),
    minor = 0,
  ): Promise<WireClient> {
    const client = await WireClient.dial(target);
    return client.#start(target, more, minor);
  }

  /** Authenticates over a connection that was made otherwise. @throws {Error} with the ErrorResponse's message */
  static over(socket: Socket, target: WireTarget): Promise<WireClient> {
    return new WireClient(socket).#start(target, new Map(), 0);
  }

  async #start(target: WireTarget, more: ReadonlyMap<string, string>, minor: number): Promise<WireClient> {
    const parameters = new Map([['user', target.user], ['database', target.database], ...more]);
    this.send(encodeStartupMessage({ parameters, minor }));
    await this.#authenticate(target);
    return this;
  }

  async #authenticate(target: WireTarget): Promise<void> {
    let scram: ScramClient | undefined;
    for (;;) {
      const message = await this.next();
      if (message.type === 'AuthenticationSASL') {
        scram = new ScramClient({ password: target.password });
        this.send(encodeSaslInitialResponse('SCRAM-SHA-256', Buffer.from(scram.first())));
      } else if (message.type === 'AuthenticationSASLContinue') {
        this.send(encodeSaslResponse(Buffer.from(await scram!.next(message.data.toString()))));
      } else if (message.type === 'AuthenticationSASLFinal') scram!.finish(message.data.toString());
      else if (message.type === 'AuthenticationMD5Password') {
        this.send(encodePasswordMessage(md5Password(target.user, target.password, message.salt)));
      } else if (message.type === 'BackendKeyData')
        this.key = { processId: message.processId, secret: message.secret };
      else if (message.type === 'ParameterStatus') this.parameters.set(message.name, message.value);
      else if (message.type === 'ErrorResponse')
        throw new Error(`${message.fields.get('C')} ${message.fields.get('M')}`);
      else if (message.type === 'ReadyForQuery') return;
    }
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The next message. @throws {Error} if the connection ends first or nothing comes within twenty seconds */
  async next(): Promise<BackendMessage> {
    const deadline = Date.now() + 20_000;
    while (this.#messages.length === 0) {
      if (this.closed) throw new Error('the connection was closed');
      if (Date.now() > deadline) throw new Error('no message within twenty seconds');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#messages.shift()!;
  }

  /** Messages up to and including the `count`-th ReadyForQuery. */
  async untilReady(count = 1): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    for (let left = count; left > 0; ) {
      const message = await this.next();
      messages.push(message);
      if (message.type === 'ReadyForQuery') left -= 1;
    }
    return messages;
  }

  /** Messages up to the first of a type. */
  async until(type: BackendMessage['type']): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    for (;;) {
      const message = await this.next();
      messages.push(message);
      if (message.type === type) return messages;
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
