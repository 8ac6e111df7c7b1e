/**
 * Random conversations, direct and through the gate, must be the same: any messages of the simple and extended protocol in any
 * order, with errors, COPY, cursors and names that collide, sent in any pieces.
 *
 * `SLUICE_CONVERSATIONS` says how many, `SLUICE_SEED` which; a failure prints its seed and the smallest conversation that fails.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type ChoppingRelay, startChoppingRelay } from '../support/chopping-relay.ts';
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describePortal,
  describeStatement,
  execute,
  flush,
  parse,
  query,
  sync,
} from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { transcribe } from '../support/transcript.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

const RUNS = Number(process.env.SLUICE_CONVERSATIONS ?? 160);
const SEED = Number(process.env.SLUICE_SEED ?? 20_260);

/** One statement each, so that they can also be prepared. */
const STATEMENTS = [
  'SELECT 1 AS one',
  'SELECT generate_series(1, 5) AS n',
  'SELECT generate_series(1, 3000) AS n',
  "SELECT repeat('x', 20000)",
  'SELECT 1/0',
  'SELECT 1/(3 - n) FROM generate_series(1, 5) AS g (n)',
  'SELECT nosuch',
  'SELECT * FROM nosuch',
  'SELECT FROM WHERE',
  '',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT s',
  'ROLLBACK TO s',
  'RELEASE s',
  'PREPARE a AS SELECT 11 AS eleven',
  'PREPARE b (int) AS SELECT $1 AS parameter',
  'EXECUTE a',
  'EXECUTE b (7)',
  'DEALLOCATE a',
  'DEALLOCATE ALL',
  'DECLARE c CURSOR FOR SELECT generate_series(1, 4)',
  'DECLARE d CURSOR WITH HOLD FOR SELECT generate_series(1, 4)',
  'FETCH 2 FROM c',
  'FETCH ALL FROM d',
  'MOVE 1 FROM c',
  'CLOSE c',
  'CLOSE ALL',
  'CREATE TEMP TABLE t (a int)',
  'DROP TABLE t',
  'INSERT INTO t VALUES (1), (2) RETURNING a',
  'INSERT INTO t VALUES (3)',
  'SELECT a FROM t',
  'UPDATE t SET a = a + 1',
  'COPY t FROM STDIN',
  'COPY (SELECT generate_series(1, 3)) TO STDOUT',
  'SET search_path = pg_temp, public',
  'SET LOCAL work_mem = 100',
  "SET application_name = 'x'",
  'RESET search_path',
  'SHOW search_path',
  'LISTEN here',
  "NOTIFY here, 'hello'",
  "DO $$ BEGIN RAISE NOTICE 'n'; END $$",
  "DO $$ BEGIN RAISE EXCEPTION 'e' USING DETAIL = 'd'; END $$",
  'SELECT count(*) FROM orders',
  'SELECT status FROM orders WHERE id = 3',
] as const;
const PARAMETERIZED = [
  'SELECT $1::int + 1 AS n',
  'SELECT status FROM orders WHERE id = $1',
  'INSERT INTO t VALUES ($1)',
];

type Message = readonly [frame: Buffer, words: string];
const message =
  (words: string) =>
  (frame: Buffer): Message => [frame, words];

const statementName = fc.constantFrom('', 'a', 'b');
const portalName = fc.constantFrom('', 'c', 'd');
const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);

const queryMessage = fc
  .array(fc.constantFrom(...STATEMENTS), { minLength: 1, maxLength: 3 })
  .map((texts) => texts.join('; '))
  .map((text): Message => [query(text), `Query ${text}`]);
const parseMessage = fc
  .tuple(fc.constantFrom(...STATEMENTS, ...PARAMETERIZED), statementName)
  .map(([text, name]): Message => [parse(text, name), `Parse ${name}: ${text}`]);
const bindMessage = fc
  .tuple(oneOf<string[]>([], [], ['4'], ['x']), statementName, portalName, oneOf<number[]>([], [1]))
  .map(
    ([values, name, portal, formats]): Message => [
      bind(values, name, portal, formats),
      `Bind ${portal} to ${name} (${values})`,
    ],
  );
const executeMessage = fc
  .tuple(oneOf(0, 0, 1, 2), portalName)
  .map(([rows, portal]): Message => [execute(rows, portal), `Execute ${portal} ${rows}`]);
const otherMessage = fc.oneof(
  statementName.map((name): Message => [describeStatement(name), `Describe statement ${name}`]),
  portalName.map((name): Message => [describePortal(name), `Describe portal ${name}`]),
  statementName.map((name): Message => [close('S', name), `Close statement ${name}`]),
  portalName.map((name): Message => [close('P', name), `Close portal ${name}`]),
  fc.constant(message('Flush')(flush)),
);
const copyMessage = oneOf(
  message('CopyData')(copyData('1\n2\n')),
  message('CopyData in part')(copyData('1')),
  message('CopyData that fails')(copyData('x\n')),
  message('CopyDone')(copyDone),
  message('CopyFail')(copyFail()),
);
const SYNC = message('Sync')(sync);

/** What programs send, besides the chaos. */
const phrase = fc.oneof(
  { weight: 3, arbitrary: queryMessage.map((one) => [one]) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...STATEMENTS), oneOf('', 'a'), oneOf('', 'c'), oneOf(0, 2), fc.boolean())
      .map(([text, name, portal, rows, ends]): Message[] => [
        [parse(text, name), `Parse ${name}: ${text}`],
        [bind([], name, portal), `Bind ${portal} to ${name}`],
        [execute(rows, portal), `Execute ${portal} ${rows}`],
        ...(ends ? [SYNC] : []),
      ]),
  },
  { weight: 1, arbitrary: parseMessage.map((one) => [one]) },
  { weight: 1, arbitrary: bindMessage.map((one) => [one]) },
  { weight: 1, arbitrary: executeMessage.map((one) => [one]) },
  { weight: 1, arbitrary: otherMessage.map((one) => [one]) },
  { weight: 2, arbitrary: fc.constant([SYNC]) },
  { weight: 1, arbitrary: copyMessage.map((one) => [one]) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.boolean(), copyMessage).map(([extended, one]): Message[] => [
      [query('CREATE TEMP TABLE t (a int)'), 'Query CREATE TEMP TABLE t'],
      ...(extended
        ? ([
            [parse('COPY t FROM STDIN'), 'Parse COPY'],
            [bind(), 'Bind  to '],
            [execute(), 'Execute  0'],
          ] as Message[])
        : ([[query('COPY t FROM STDIN; SELECT 1'), 'Query COPY; SELECT']] as Message[])),
      one,
    ]),
  },
);

interface Piece {
  readonly bytes: number;
  /** Time for answers to come before the next piece leaves. */
  readonly pauseMs: number;
}

/** Messages that leave in pieces; the answers to all of them are awaited. */
interface Burst {
  readonly messages: readonly Message[];
  readonly pieces: readonly Piece[];
}
const burst: fc.Arbitrary<Burst> = fc.record({
  messages: fc.array(phrase, { minLength: 1, maxLength: 6 }).map((phrases) => asPrograms(phrases.flat())),
  pieces: fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 200 }), pauseMs: oneOf(0, 0, 0, 3) }), {
    maxLength: 5,
  }),
});
const conversation = fc.array(burst, { minLength: 1, maxLength: 4 });

/**
 * Without what no program sends and the gate may answer differently: a Sync among the data of a COPY, which counts or not by where
 * the server's buffer ends; a Query behind a Bind that was not executed; an Execute of the unnamed portal without a Bind, which
 * may find what is left of a Query that failed.
 */
function asPrograms(messages: readonly Message[]): Message[] {
  let bound = false;
  let unnamed = false;
  return messages.flatMap((one, i): Message[] => {
    const [, words] = one;
    const before: Message[] = [];
    if (one === SYNC && messages[i - 1]?.[1].startsWith('CopyData'))
      before.push(message('CopyDone')(copyDone));
    if (bound && words.startsWith('Query')) before.push(SYNC);
    if (words.startsWith('Execute  ') && !unnamed) return [];
    if (before.includes(SYNC) || one === SYNC || words.startsWith('Execute')) bound = false;
    else if (words.startsWith('Bind')) bound = true;
    if (words.startsWith('Bind  ')) unnamed = true;
    else if (words.startsWith('Query')) unnamed = false;
    return [...before, one];
  });
}

let gate: Gate;
let relay: ChoppingRelay;
let through: WireTarget;
let direct: WireTarget;
const clients = new Map<WireTarget, WireClient>();

beforeAll(async () => {
  const pieces = fc.sample(fc.integer({ min: 1, max: 3_000 }), { seed: SEED, numRuns: 997 });
  let next = 0;
  relay = await startChoppingRelay(inject('postgres'), () => pieces[next++ % pieces.length]!);
  gate = await startGate({ environment: 'dev', upstream: { host: '127.0.0.1', port: relay.port } });
  const password = await gate.token('alice');
  through = { host: '127.0.0.1', port: gate.port, user: 'alice', password, database: 'shop' };
  const { host, port, user, password: own, database } = gate.database.connection;
  direct = { host, port, user, password: own, database };
});
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await gate.stop();
  await relay.close();
});

async function clientOf(target: WireTarget): Promise<WireClient> {
  const known = clients.get(target);
  if (known !== undefined && !known.closed) return known;
  const client = await WireClient.open(target);
  clients.set(target, client);
  return client;
}

async function send(client: WireClient, bytes: Buffer, pieces: readonly Piece[]): Promise<void> {
  let at = 0;
  for (const { bytes: length, pauseMs } of pieces) {
    if (at >= bytes.length) return;
    client.send(bytes.subarray(at, at + length));
    at += length;
    await new Promise((resolve) => (pauseMs > 0 ? setTimeout(resolve, pauseMs) : setImmediate(resolve)));
  }
  if (at < bytes.length) client.send(bytes.subarray(at));
}

/** What came last, for whoever has to find out why a connection was closed. */
let lastLines: string[] = [];

/** Everything up to the end of a query that nobody else sends. */
async function untilMark(client: WireClient, mark: string): Promise<string[]> {
  const lines: string[] = [];
  lastLines = lines;
  for (let marked = false; ; ) {
    const one = await client.next();
    const line = transcribe(one);
    lines.push(line);
    if (one.type === 'DataRow' && line.includes(mark)) marked = true;
    if (one.type === 'ReadyForQuery' && marked) return lines;
  }
}

let marks = 0;

async function play(target: WireTarget, bursts: readonly Burst[]): Promise<string[]> {
  const client = await clientOf(target);
  const seen: string[] = [];
  try {
    for (const [i, { messages, pieces }] of bursts.entries()) {
      // Whatever state that leaves: a COPY is ended, what an error skips is over, and so is a transaction.
      const mark = `mark ${i}`;
      const end = [copyFail(), sync, query('ROLLBACK'), query(`SELECT '${mark}' AS mark`)];
      await send(client, Buffer.concat([...messages.map(([frame]) => frame), ...end]), pieces);
      seen.push(...(await untilMark(client, mark)), '--');
    }
    marks += 1;
    client.send(query('ROLLBACK'), query('DISCARD ALL'), query(`SELECT 'reset ${marks}'`));
    await untilMark(client, `reset ${marks}`);
  } catch (error) {
    seen.push(client.closed ? 'closed' : String(error));
    client.close();
    client.closed = true;
  }
  return seen;
}

describe('random conversations', () => {
  test('behind DDL, nothing is asked in front of what names nothing', async () => {
    const ended = (text: string): Buffer[] => [parse(text), bind([]), execute(0), sync];
    const told = async (target: WireTarget): Promise<string[]> => {
      const client = await clientOf(target);
      const ddl = query('DROP TABLE IF EXISTS t; CREATE TEMP TABLE t (a int)');
      client.send(ddl, ...ended('SET search_path = pg_temp, public'));
      await client.untilReady(2);
      // The catalog is still being read.
      client.send(...ended('COMMIT'));
      return (await client.untilReady()).map(transcribe);
    };
    for (let i = 0; i < 5; i += 1) expect(await told(through)).toEqual(await told(direct));
  });

  test(`${RUNS} of them are the same through the gate`, { timeout: 30_000 + RUNS * 1_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(conversation, async (bursts) => {
        const expected = await play(direct, bursts);
        // A defect of the server itself, such as "StartTransactionCommand: unexpected state" of 18.4 behind a COPY in a pipeline.
        fc.pre(!expected.some((line) => line.includes('C=XX000')));
        const seen = await play(through, bursts);
        // What executes itself is refused by the gate before the database finds its stack too small.
        fc.pre(!seen.some((line) => line.includes('execute each other too deeply')));
        expect(seen, `the gate said at last: ${lastLines.slice(-3).join(' ')}`).toEqual(expected);
      }),
      {
        seed: SEED,
        numRuns: RUNS,
        reporter: (details) => {
          if (!details.failed) return;
          const words = details.counterexample?.[0]?.map(({ messages, pieces }) => [
            ...messages.map(([, one]) => one),
            pieces,
          ]);
          const where = `seed ${details.seed}, path ${details.counterexamplePath}`;
          throw new Error(`${where}\n${JSON.stringify(words, null, 1)}`, { cause: details.errorInstance });
        },
      },
    );
  });
});
