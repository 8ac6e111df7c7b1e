/**
 * Syslog over TLS: RFC 5424 messages with their length in front. A receiver confirms nothing, so what was written counts as arrived only
 * when the connection has held for a while after it, or was ended in good order by both sides.
 *
 * Specs: https://www.rfc-editor.org/rfc/rfc5424 and https://www.rfc-editor.org/rfc/rfc5425
 */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { connect, type TLSSocket } from 'node:tls';
import type { ExportSink } from '../../config/config.ts';
import type { ExportItem, Sink, SinkLimits } from './sink.ts';

type SyslogConfig = Extract<ExportSink, { kind: 'syslog' }>;

/** Log audit. */
const FACILITY = 13;
const SEVERITIES = { warning: 4, notice: 5, info: 6 } as const;
const SETTLE_MS = 5_000;
const BOM = '\u{feff}';

export class SyslogSink implements Sink {
  readonly limits: SinkLimits = { maxItems: 1000, maxBytes: 512 * 1024, lingerMs: 0, settleMs: SETTLE_MS };
  readonly #config: SyslogConfig;
  readonly #host = headerField(hostname(), 255);
  #socket: TLSSocket | undefined;
  #broken: Error | undefined;

  constructor(config: SyslogConfig) {
    this.#config = config;
  }

  async send(items: readonly ExportItem[]): Promise<void> {
    const broken = this.check();
    if (broken !== undefined) throw broken;
    try {
      this.#socket ??= await this.#connect();
      const frames = items.map((item) => frameOf(messageOf(item, this.#host, this.#config.appName)));
      await this.#write(this.#socket, Buffer.concat(frames));
    } catch (cause) {
      this.#drop();
      throw cause;
    }
  }

  check(): Error | undefined {
    const broken = this.#broken;
    if (broken !== undefined) this.#drop();
    return broken;
  }

  async close(): Promise<boolean> {
    const socket = this.#socket;
    if (socket === undefined || this.#broken !== undefined) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, this.#config.timeoutMs, false);
    socket.once('end', () => resolve(true));
    socket.once('close', () => resolve(false));
    socket.end();
    const ended = await promise;
    clearTimeout(timer);
    socket.destroy();
    return ended;
  }

  #connect(): Promise<TLSSocket> {
    const { host, port, tls, timeoutMs } = this.#config;
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const socket = connect({
      ...{ host, port, timeout: timeoutMs },
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(tls.ca && { ca: tls.ca }),
      ...(tls.keyPair && { cert: tls.keyPair.cert, key: tls.keyPair.key.reveal() }),
    });
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.setKeepAlive(true, 10_000);
      resolve(socket);
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.on('error', (cause: NodeJS.ErrnoException) => this.#break(cause.code ?? cause.message));
    socket.on('end', () => this.#break('the receiver ended the connection'));
    socket.on('close', () => {
      reject(this.#broken ?? new Error('the connection was closed'));
      this.#break('the connection was closed');
    });
    // What a receiver has to say nobody asked for.
    socket.on('data', () => {});
    this.#broken = undefined;
    return promise;
  }

  async #write(socket: TLSSocket, bytes: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('the receiver does not read')), this.#config.timeoutMs);
    socket.write(bytes, (cause) => (cause ? reject(this.#broken ?? cause) : resolve()));
    await promise.finally(() => clearTimeout(timer));
  }

  /** Remembered for the next batch: what was written before may not have arrived. */
  #break(why: string): void {
    this.#broken ??= new Error(why);
  }

  #drop(): void {
    this.#socket?.destroy();
    this.#socket?.removeAllListeners();
    this.#socket?.on('error', () => {});
    this.#socket = undefined;
    this.#broken = undefined;
  }
}

/** `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [meta sequenceId="…"] BOM JSON` */
function messageOf({ entry, json }: ExportItem, host: string, appName: string): string {
  const { event, at, seq } = entry;
  const severity =
    event.kind === 'authentication-failed' || (event.kind === 'statement' && event.decision === 'deny')
      ? SEVERITIES.warning
      : event.kind === 'statement' && event.decision === 'hold'
        ? SEVERITIES.notice
        : SEVERITIES.info;
  const sequence = (seq % 2_147_483_647) + 1;
  return `<${FACILITY * 8 + severity}>1 ${new Date(at).toISOString()} ${host} ${appName} ${process.pid} ${headerField(event.kind, 32)} [meta sequenceId="${sequence}"] ${BOM}${json}`;
}

function frameOf(message: string): Buffer {
  const bytes = Buffer.from(message);
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
}

/** Printable ASCII without spaces, as header fields have it; `-` for nothing. */
function headerField(text: string, maxLength: number): string {
  return text.replace(/[^\x21-\x7e]/g, '_').slice(0, maxLength) || '-';
}
