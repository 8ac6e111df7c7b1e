/**
 * The gateway's own questions to a database, over a connection of its own: the simplest client there is. Texts only, one
 * question at a time, results bounded by what the catalog can hold.
 */
import type { Socket } from 'node:net';
import type { Upstream as UpstreamConfig } from '../../config/config.ts';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  BACKEND_TYPE as B,
  backendFrameLimit,
  decodeBackendMessage,
  type ErrorFields,
  encodeFrontendMessage,
  encodeQuery,
  FrameReader,
} from '../../wire/postgres/index.ts';
import type { BoundValues } from './own-questions.ts';
import { connectUpstream } from './upstream.ts';

const MAX_FRAME_BYTES = 64 * 1_048_576;

/** Rows as texts by column name. */
export type Row = Record<string, string | null>;

interface Question {
  readonly rows: Row[];
  columns: string[];
  error: SluiceError | undefined;
  resolve(rows: Row[]): void;
  reject(error: SluiceError): void;
}

export class SqlClient {
  readonly #config: UpstreamConfig;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #frames = new FrameReader({ maxFrameBytes: backendFrameLimit(MAX_FRAME_BYTES) });
  #question: Question | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(config: UpstreamConfig, timeoutMs: number) {
    this.#config = config;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Asks one SQL text; questions queue. Connects when needed and again after the connection was lost.
   * @param values of its parameters; then it must be a single statement
   * @throws {SluiceError} upstream_unavailable, upstream_lost; with the database's SQLSTATE if it refused the text
   */
  query(sql: string, values?: BoundValues): Promise<Row[]> {
    const asked = this.#last.then(() =>
      this.#ask(values === undefined ? encodeQuery(sql) : bound(sql, values)),
    );
    this.#last = asked.catch(() => {});
    return asked;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #ask(message: Buffer): Promise<Row[]> {
    const socket = this.#socket ?? (await this.#connect());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(), this.#timeoutMs);
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          this.#question = undefined;
          settle(value);
        };
      this.#question = {
        rows: [],
        columns: [],
        error: undefined,
        resolve: done(resolve),
        reject: done(reject),
      };
      socket.write(message);
    });
  }

  async #connect(): Promise<Socket> {
    const parameters = new Map([
      ['application_name', 'sluice'],
      ['client_encoding', 'UTF8'],
    ]);
    const { socket } = await connectUpstream(this.#config, parameters, this.#timeoutMs);
    this.#frames = new FrameReader({ maxFrameBytes: backendFrameLimit(MAX_FRAME_BYTES) });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#lose();
    });
    socket.unref();
    socket.resume();
    return socket;
  }

  #lose(): void {
    this.close();
    this.#question?.reject(
      new SluiceError('upstream_lost', 'the connection to the database broke while the catalog was read'),
    );
  }

  #onData(chunk: Buffer): void {
    try {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next())
        this.#onFrame(frame.type, frame.bytes);
    } catch {
      this.#lose();
    }
  }

  #onFrame(type: number, frame: Buffer): void {
    const question = this.#question;
    if (question === undefined || type === B.NoticeResponse || type === B.ParameterStatus) return;
    const message = decodeBackendMessage(frame);
    if (message.type === 'RowDescription')
      question.columns = message.columns.map((column) => column.name.toString('utf8'));
    else if (message.type === 'DataRow') question.rows.push(rowOf(question.columns, message.columns));
    else if (message.type === 'ErrorResponse') question.error = refusal(message.fields);
    else if (message.type === 'ReadyForQuery') {
      if (question.error === undefined) question.resolve(question.rows);
      else question.reject(question.error);
    }
  }
}

/** A statement with values, as the extended protocol has it. */
function bound(sql: string, { parameterTypes, parameterFormats, parameters }: BoundValues): Buffer {
  const [statement, portal] = ['', ''];
  return Buffer.concat([
    encodeFrontendMessage({
      type: 'Parse',
      statement,
      text: Buffer.from(sql),
      parameterTypes: [...parameterTypes],
    }),
    encodeFrontendMessage({
      ...{ type: 'Bind', portal, statement, resultFormats: [] },
      ...{ parameterFormats: [...parameterFormats], parameters: [...parameters] },
    }),
    encodeFrontendMessage({ type: 'Describe', target: 'P', name: portal }),
    encodeFrontendMessage({ type: 'Execute', portal, maxRows: 0 }),
    encodeFrontendMessage({ type: 'Sync' }),
  ]);
}

function rowOf(columns: readonly string[], values: readonly (Buffer | null)[]): Row {
  const row: Row = {};
  for (let i = 0; i < columns.length; i += 1) row[columns[i]!] = values[i]?.toString('utf8') ?? null;
  return row;
}

function refusal(fields: ErrorFields): SluiceError {
  const sqlstate = fields.get('C') ?? 'XX000';
  return new SluiceError(
    'upstream_unavailable',
    `the catalog cannot be read: ${fields.get('M') ?? 'unknown error'}`,
    {
      ...(/^[0-9A-Z]{5}$/.test(sqlstate) ? { sqlstate } : {}),
    },
  );
}
