/** The library against a real PostgreSQL: as its client, and between it and real drivers. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/cli/demo/embedded-postgres.ts';
import {
  type AuthenticationResponse,
  BACKEND_TYPE,
  type BackendMessage,
  backendFrameLimit,
  decodeBackendMessage,
  decodeFrontendMessage,
  decodeStartup,
  type ErrorOrNotice,
  encodeBackendMessage,
  encodeCancelRequest,
  encodeFrontendMessage,
  encodePasswordMessage,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  FrameReader,
  FrameWalker,
  type FrontendMessage,
  frontendFrameLimit,
  md5Password,
  rowsOfTag,
  ScramClient,
  StartupReader,
  traceFrame,
  wholeFramesExcept,
} from '../../../src/wire/postgres/index.ts';

let server: EmbeddedPostgres;
beforeAll(async () => {
  server = await startEmbeddedPostgres({
    hba: ['host all md5_user 127.0.0.1/32 md5', 'host all clear_user 127.0.0.1/32 password'],
  });
});
afterAll(() => server.stop());

/** A client that speaks the protocol with nothing but this library. */
class Conversation {
  readonly transcript: string[] = [];
  readonly #socket: Socket;
  readonly #frames = new FrameReader({ maxFrameBytes: backendFrameLimit(1_000_000) });
  readonly #chunks: AsyncIterator<Buffer>;

  constructor() {
    this.#socket = connect(server.port, server.host);
    this.#chunks = this.#socket[Symbol.asyncIterator]();
  }

  send(...messages: FrontendMessage[]): void {
    const frames = messages.map(encodeFrontendMessage);
    this.transcript.push(...frames.map((frame) => traceFrame('F', frame, { regress: true })));
    this.#socket.write(Buffer.concat(frames));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  async next(): Promise<BackendMessage> {
    for (;;) {
      const frame = this.#frames.next();
      if (frame !== undefined) {
        this.transcript.push(traceFrame('B', frame.bytes, { regress: true }));
        return decodeBackendMessage(frame.bytes);
      }
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error('the server closed the connection');
      this.#frames.push(value);
    }
  }

  /** Everything up to the first message of that type, which is the last of the result. */
  async until(type: BackendMessage['type']): Promise<BackendMessage[]> {
    const messages = [await this.next()];
    while (messages.at(-1)?.type !== type) messages.push(await this.next());
    return messages;
  }

  end(): void {
    this.#socket.destroy();
  }
}

function isError(message: BackendMessage): message is ErrorOrNotice {
  return message.type === 'ErrorResponse';
}

function startupMessage(user: string, minor = 0, options: Record<string, string> = {}): Buffer {
  const parameters = new Map([
    ['user', user],
    ['database', 'postgres'],
  ]);
  return encodeStartupMessage({ minor, parameters, protocolOptions: new Map(Object.entries(options)) });
}

/** Answers whatever authentication the server asks for; returns the methods asked for and the last message. */
async function authenticate(
  conversation: Conversation,
  user: string,
  password: string,
): Promise<{ asked: string[]; last: BackendMessage }> {
  const asked: string[] = [];
  let scram: ScramClient | undefined;
  for (;;) {
    const message = await conversation.next();
    switch (message.type) {
      case 'NegotiateProtocolVersion':
        break;
      case 'AuthenticationCleartextPassword':
        conversation.write(encodePasswordMessage(password));
        break;
      case 'AuthenticationMD5Password':
        conversation.write(encodePasswordMessage(md5Password(user, password, message.salt)));
        break;
      case 'AuthenticationSASL':
        scram = new ScramClient({ password, offered: message.mechanisms });
        conversation.write(encodeSaslInitialResponse(scram.mechanism, Buffer.from(scram.first())));
        break;
      case 'AuthenticationSASLContinue':
        conversation.write(encodeSaslResponse(Buffer.from(await scram!.next(message.data.toString()))));
        break;
      case 'AuthenticationSASLFinal':
        scram!.finish(message.data.toString());
        break;
      default:
        return { asked, last: message };
    }
    asked.push(message.type);
  }
}

/** A connection that is ready for queries. */
async function open(minor = 0): Promise<{ conversation: Conversation; greeting: BackendMessage[] }> {
  const conversation = new Conversation();
  conversation.write(startupMessage('postgres', minor));
  const { last } = await authenticate(conversation, 'postgres', server.password);
  expect(last.type).toBe('AuthenticationOk');
  const greeting = await conversation.until('ReadyForQuery');
  conversation.transcript.length = 0;
  return { conversation, greeting };
}

async function asSuperuser(...statements: string[]): Promise<void> {
  const { conversation } = await open();
  for (const statement of statements) {
    conversation.write(encodeQuery(statement));
    const messages = await conversation.until('ReadyForQuery');
    expect(messages.map(({ type }) => type)).not.toContain('ErrorResponse');
  }
  conversation.end();
}

describe('authentication', () => {
  const SASL = ['AuthenticationSASL', 'AuthenticationSASLContinue', 'AuthenticationSASLFinal'];

  test.each([
    ['plain', 'pencil'],
    ['with quotes and spaces', `a "b" 'c' = , \\ `],
    ['that SASLprep changes', '\u2168 a\u00adb \u00a0 \ufb01'],
    ['that SASLprep prohibits', 'bell \u0007 \u00e9'],
    ['beyond the basic plane', '\u{1f511}\u{20000}'],
    ['in two directions', '\u0627\u0031'],
    ['that SASLprep makes empty', '\u00ad'],
    ['that was unassigned in Unicode 3.2', '\u0221 \u{1fae0}'],
  ])('SCRAM with a password %s', async (_, password) => {
    await asSuperuser(
      'DROP ROLE IF EXISTS scram_user',
      `CREATE ROLE scram_user LOGIN PASSWORD '${password.replaceAll("'", "''")}'`,
    );
    const conversation = new Conversation();
    conversation.write(startupMessage('scram_user'));
    const { asked, last } = await authenticate(conversation, 'scram_user', password);
    expect({ asked, last }).toEqual({ asked: SASL, last: { type: 'AuthenticationOk' } });
    conversation.end();
  });

  test('md5 and clear text', async () => {
    await asSuperuser(
      `SET password_encryption = 'md5'; CREATE ROLE md5_user LOGIN PASSWORD 'p\u00e9ncil'`,
      `CREATE ROLE clear_user LOGIN PASSWORD 'p\u00e9ncil'`,
    );
    for (const [user, method] of [
      ['md5_user', 'AuthenticationMD5Password'],
      ['clear_user', 'AuthenticationCleartextPassword'],
    ] as const) {
      const conversation = new Conversation();
      conversation.write(startupMessage(user));
      const { asked, last } = await authenticate(conversation, user, 'p\u00e9ncil');
      expect({ asked, last }).toEqual({ asked: [method], last: { type: 'AuthenticationOk' } });
      conversation.end();
    }
  });

  test('a wrong password', async () => {
    const conversation = new Conversation();
    conversation.write(startupMessage('postgres'));
    const { last } = await authenticate(conversation, 'postgres', 'wrong');
    expect(last.type === 'ErrorResponse' && last.fields.get('C')).toBe('28P01');
    conversation.end();
  });
});

describe('version 3.2', () => {
  test('is negotiated as the server does it', async () => {
    const conversation = new Conversation();
    conversation.write(startupMessage('postgres', 9, { '_pq_.unheard_of': '1' }));
    expect(await conversation.next()).toEqual({
      type: 'NegotiateProtocolVersion',
      major: 3,
      minor: 2,
      unrecognizedOptions: ['_pq_.unheard_of'],
    });
    conversation.end();
  });

  test.each([
    [0, 4],
    [2, 32],
  ])('a key of minor version %i has %i bytes and cancels', async (minor, keyBytes) => {
    const { conversation, greeting } = await open(minor);
    const key = greeting.find((message) => message.type === 'BackendKeyData');
    expect(key?.secret.length).toBe(keyBytes);
    const text = Buffer.from(`DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$`);
    conversation.send({ type: 'Query', text });
    await conversation.until('NoticeResponse');
    const canceller = connect(server.port, server.host);
    canceller.end(encodeCancelRequest(key!.processId, key!.secret));
    const messages = await conversation.until('ReadyForQuery');
    const error = messages.find(isError);
    expect(error?.fields.get('C')).toBe('57014');
    conversation.end();
  });
});

test('a transcript reads as libpq’s PQtrace prints it', async () => {
  const { conversation } = await open();
  conversation.send(
    {
      type: 'Parse',
      statement: '',
      text: Buffer.from('select n from generate_series(1,$1) n'),
      parameterTypes: [23],
    },
    {
      type: 'Bind',
      portal: '',
      statement: '',
      parameterFormats: [0],
      parameters: [Buffer.from('2')],
      resultFormats: [],
    },
    { type: 'Describe', target: 'P', name: '' },
    { type: 'Execute', portal: '', maxRows: 1 },
    { type: 'Execute', portal: '', maxRows: 0 },
    { type: 'Sync' },
  );
  await conversation.until('ReadyForQuery');
  conversation.send({ type: 'Query', text: Buffer.from('select 1/0 as "é"') });
  await conversation.until('ReadyForQuery');
  expect(conversation.transcript).toEqual([
    'F\t49\tParse\t "" "select n from generate_series(1,$1) n" 1 NNNN',
    'F\t19\tBind\t "" "" 1 0 1 1 \'2\' 0',
    'F\t6\tDescribe\t P ""',
    'F\t9\tExecute\t "" 1',
    'F\t9\tExecute\t "" 0',
    'F\t4\tSync',
    'B\t4\tParseComplete',
    'B\t4\tBindComplete',
    'B\t26\tRowDescription\t 1 "n" NNNN 0 NNNN 4 -1 0',
    "B\t11\tDataRow\t 1 1 '1'",
    'B\t4\tPortalSuspended',
    "B\t11\tDataRow\t 1 1 '2'",
    'B\t13\tCommandComplete\t "SELECT 1"',
    'B\t5\tReadyForQuery\t I',
    'F\t23\tQuery\t "select 1/0 as "\\xc3\\xa9""',
    'B\tNN\tErrorResponse\t S "ERROR" V "ERROR" C "22012" M "division by zero" F "SSSS" L "SSSS" R "SSSS" \\x00',
    'B\t5\tReadyForQuery\t I',
  ]);
  conversation.end();
});

/**
 * Stands between a driver and the server and holds every frame to `encode(decode(frame)) = frame`. What goes to the driver
 * passes a `FrameWalker` too, cut into small chunks, and is what the driver gets.
 */
class Checkpoint {
  readonly seen = new Set<string>();
  readonly failures: unknown[] = [];
  readonly tags: string[] = [];
  /** Rows the walker counted before each CommandComplete. */
  readonly counted: number[] = [];
  readonly #server: Server;
  #connections = 0;

  constructor() {
    this.#server = createServer((client) => this.#serve(client));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  async close(): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
    expect(this.failures).toEqual([]);
    expect(this.#connections).toBeGreaterThan(0);
  }

  #serve(client: Socket): void {
    this.#connections++;
    const upstream = connect(server.port, server.host);
    const close = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('close', close).on('error', close);
    upstream.on('close', close).on('error', close);
    const startup = new StartupReader();
    const requests = new FrameReader({ maxFrameBytes: frontendFrameLimit(10_000_000) });
    const replies = new FrameReader({ maxFrameBytes: backendFrameLimit(1_000_000) });
    const relay = this.#walkingRelay(client);
    let expected: AuthenticationResponse['type'] = 'PasswordMessage';
    let started = false;
    client.on('data', (chunk: Buffer) => {
      upstream.write(chunk);
      this.#check(() => {
        let rest = chunk;
        if (!started) {
          startup.push(chunk);
          const message = startup.next();
          if (message === undefined) return;
          this.seen.add(message.type);
          if (message.type === 'StartupMessage') {
            expect(decodeStartup(encodeStartupMessage(message))).toEqual(message);
          }
          started = true;
          rest = startup.takeRest();
        }
        for (const frame of framesOf(requests, rest)) {
          const message = decodeFrontendMessage(frame, expected);
          this.seen.add(message.type);
          expect(encodeFrontendMessage(message)).toEqual(frame);
        }
      });
    });
    upstream.on('data', (chunk: Buffer) => {
      this.#check(() => {
        for (const frame of framesOf(replies, chunk)) {
          const message = decodeBackendMessage(frame);
          this.seen.add(message.type);
          expect(encodeBackendMessage(message)).toEqual(frame);
          if (message.type === 'CommandComplete') this.tags.push(message.tag);
          if (message.type === 'AuthenticationSASL') expected = 'SASLInitialResponse';
          if (message.type === 'AuthenticationSASLContinue') expected = 'SASLResponse';
        }
        for (let at = 0; at < chunk.length; at += 1_000) relay(chunk.subarray(at, at + 1_000));
      });
    });
  }

  #walkingRelay(client: Socket): (chunk: Buffer) => void {
    let rows = 0;
    const walker = new FrameWalker({
      whole: wholeFramesExcept(BACKEND_TYPE.DataRow, BACKEND_TYPE.CopyData),
      maxFrameBytes: backendFrameLimit(1_000_000),
    });
    return (chunk) => {
      let from = 0;
      const settled = walker.walk(chunk, {
        onRows: (count) => {
          rows += count;
        },
        onFrame: (type, frame, start, end) => {
          if (type === BACKEND_TYPE.CommandComplete) {
            this.counted.push(rows);
            rows = 0;
          }
          if (start >= 0) return;
          client.write(frame);
          from = end;
        },
      });
      if (settled > from) client.write(chunk.subarray(from, settled));
    };
  }

  #check(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.failures.push(thrown);
    }
  }
}

function* framesOf(reader: FrameReader, chunk: Buffer): Generator<Buffer> {
  reader.push(chunk);
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) yield frame.bytes;
}

describe('between a driver and the server', () => {
  let checkpoint: Checkpoint;
  let port: number;
  beforeAll(async () => {
    checkpoint = new Checkpoint();
    port = await checkpoint.listen();
    await asSuperuser('CREATE TABLE t (id int, name text, data bytea)');
  });

  test('node-postgres: queries, parameters, binary, errors, notices, notifications', async () => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      password: server.password,
      database: 'postgres',
    });
    const notices: string[] = [];
    const notifications: unknown[] = [];
    client.on('notice', ({ message }) => notices.push(message ?? ''));
    client.on('notification', ({ channel, payload }) => notifications.push([channel, payload]));
    await client.connect();
    await client.query('BEGIN; SELECT 1; COMMIT');
    await client.query('');
    await client.query({
      name: 'insert',
      text: 'INSERT INTO t SELECT n, $1, $2 FROM generate_series(1, $3) n',
      values: ['naïve ☃', Buffer.from([0, 1, 255]), 2_000],
    });
    const { rows } = await client.query({
      text: 'SELECT id, data FROM t WHERE id < $1',
      values: [4],
      binary: true,
    } as pg.QueryConfig);
    expect(rows.length).toBe(3);
    const all = await client.query('SELECT * FROM t');
    expect(all.rows.length).toBe(2_000);
    await expect(client.query('SELECT * FROM nowhere')).rejects.toMatchObject({
      code: '42P01',
      position: '15',
    });
    await client.query(`DO $$ BEGIN RAISE NOTICE 'look'; END $$`);
    await client.query('LISTEN c');
    await client.query(`NOTIFY c, 'payload'`);
    await client.query('SELECT 1');
    await client.end();
    expect(notices).toEqual(['look']);
    expect(notifications).toEqual([['c', 'payload']]);
  });

  test('postgres.js: pipelines, cursors, copies in both directions', async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      password: server.password,
      database: 'postgres',
      max: 1,
      onnotice: () => {},
    });
    const answers = await Promise.all([sql`SELECT ${1}::int AS n`, sql`SELECT ${'two'}::text AS n`]);
    expect(answers.map(([row]) => row!.n)).toEqual([1, 'two']);
    const batches: number[] = [];
    await sql`SELECT generate_series(1, 25)`.cursor(10, (rows) => {
      batches.push(rows.length);
    });
    expect(batches).toEqual([10, 10, 5]);
    const text = Array.from({ length: 5_000 }, (_, i) => `${i}\tname ${i}\t\\\\x00ff\n`).join('');
    await sql`TRUNCATE t`;
    await pipeline(
      Readable.from([text.slice(0, 40_000), text.slice(40_000)]),
      await sql`COPY t FROM STDIN`.writable(),
    );
    let copied = '';
    for await (const chunk of await sql`COPY t TO STDOUT`.readable()) copied += String(chunk);
    expect(copied.length).toBe(text.length);
    await sql.end();
  });

  test('every frame was understood, and every row counted', async () => {
    await checkpoint.close();
    expect([...checkpoint.seen]).toEqual(
      expect.arrayContaining([
        ...['StartupMessage', 'SASLInitialResponse', 'SASLResponse', 'Query', 'Parse', 'Bind', 'Describe'],
        ...['Execute', 'Sync', 'CopyData', 'CopyDone', 'Terminate', 'AuthenticationSASL', 'AuthenticationOk'],
        ...['AuthenticationSASLContinue', 'AuthenticationSASLFinal', 'ParameterStatus', 'BackendKeyData'],
        ...['ReadyForQuery', 'RowDescription', 'DataRow', 'CommandComplete', 'EmptyQueryResponse'],
        ...['ParseComplete', 'BindComplete', 'ParameterDescription', 'NoData', 'PortalSuspended'],
        ...['ErrorResponse', 'NoticeResponse', 'NotificationResponse', 'CopyInResponse', 'CopyOutResponse'],
      ]),
    );
    const shown = /^(SELECT|COPY) /;
    expect(checkpoint.tags.length).toBe(checkpoint.counted.length);
    for (const [i, tag] of checkpoint.tags.entries()) {
      // A cursor's rows come in batches before its one tag; a copy in sends none to the client.
      const rows = shown.test(tag) && tag !== 'COPY 5000' ? rowsOfTag(tag) : undefined;
      if (rows !== undefined && tag !== 'SELECT 5') expect([tag, checkpoint.counted[i]]).toEqual([tag, rows]);
    }
  });
});
