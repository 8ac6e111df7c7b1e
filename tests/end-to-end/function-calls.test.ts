/**
 * The FunctionCall message, by which libpq (psql's `\lo_import`) and JDBC work with large objects: the same answers as direct for who may, and
 * decided on like the SELECT that would call the same function for everybody.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BackendMessage, encodeFrontendMessage } from '../../src/wire/postgres/index.ts';
import { query, run, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { transcribe } from '../support/transcript.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let alice: WireTarget;
let bob: WireTarget;
let direct: WireTarget;
/** Alice may do everything; from bob, values are hidden. */
const POLICY = `
@id("alice") permit (principal == Human::"alice", action, resource);
@id("bob") permit (principal == Human::"bob", action, resource) unless { action == Action::"Unmask" };
`;
const PERMISSIVE = 'policies: { defaults: false, files: [calls.cedar] }\n';

/** By name and number of arguments. */
const oids = new Map<string, number>();

beforeAll(async () => {
  gate = await startGate({ yaml: PERMISSIVE, files: { 'calls.cedar': POLICY } });
  const target = { host: '127.0.0.1', port: gate.port, database: 'shop' };
  alice = { ...target, user: 'alice', password: await gate.token('alice') };
  bob = { ...target, user: 'bob', password: await gate.token('bob') };
  const { host, port, user, password, database } = gate.database.connection;
  direct = { host, port, user, password, database };
  await gate.database.query(
    `CREATE FUNCTION stolen(int) RETURNS text LANGUAGE plpgsql AS
     'BEGIN EXECUTE ''UPDATE orders SET status = ''''stolen'''' WHERE id = 3''; RETURN (SELECT email FROM customers WHERE id = $1); END'`,
  );
  const { rows } = await gate.database.query(
    `SELECT proname || '/' || pronargs AS name, oid::int AS oid FROM pg_proc
     WHERE proname ~ '^(lo_|loread|lowrite|int4pl|email_of|stolen|current_setting|set_config)'`,
  );
  for (const { name, oid } of rows) oids.set(name as string, oid as number);
});
afterAll(() => gate.stop());

const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** Text arguments as strings, binary ones as buffers. */
function call(name: string, ...values: (string | Buffer | null)[]): Buffer {
  return encodeFrontendMessage({
    type: 'FunctionCall',
    functionOid: oids.get(`${name}/${values.length}`) ?? 99_999,
    argumentFormats: values.map((value) => (Buffer.isBuffer(value) ? 1 : 0)),
    arguments: values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value)),
    resultFormat: values.some((value) => Buffer.isBuffer(value)) ? 1 : 0,
  });
}

async function play(target: WireTarget, steps: readonly Buffer[][]): Promise<BackendMessage[][]> {
  const client = await WireClient.open(target);
  const seen: BackendMessage[][] = [];
  for (const frames of steps) {
    client.send(...frames);
    const ends = frames.filter((frame) => 'QFS'.includes(String.fromCharCode(frame[0]!))).length;
    seen.push(await client.untilReady(ends));
  }
  client.close();
  return seen;
}
const lines = (answers: BackendMessage[][]): string[][] =>
  answers.map((messages) => messages.map(transcribe));

const CONVERSATIONS: Record<string, () => Buffer[][]> = {
  'text and binary': () => [
    [call('int4pl', '1', '2')],
    [call('int4pl', int4(3), int4(4))],
    [call('int4pl', null, '2')],
  ],
  'a large object written and read': () => [
    [query('BEGIN')],
    [call('lo_create', int4(4711))],
    [call('lo_open', int4(4711), int4(0x60000))],
    [call('lowrite', int4(0), Buffer.from('x'.repeat(100_000)))],
    [call('lo_lseek', int4(0), int4(50_000), int4(0))],
    [call('loread', int4(0), int4(60_000))],
    [call('lo_close', int4(0))],
    [query('COMMIT')],
    [call('lo_unlink', int4(4711))],
    [query('SELECT count(*) FROM pg_largeobject_metadata WHERE oid = 4711')],
  ],
  'errors in and out of a transaction': () => [
    [call('nosuch', '1')],
    [call('lo_unlink', '123456')],
    [query('BEGIN')],
    [call('int4pl', 'x', '1')],
    [call('int4pl', '1', '1')],
    [query('ROLLBACK')],
    [call('int4pl', '1', '1')],
  ],
  'several at once, between other messages': () => [
    [
      query('SELECT 1'),
      call('int4pl', '1', '2'),
      call('nosuch'),
      call('int4pl', '3', '4'),
      query('SELECT 2'),
    ],
    [run('SELECT 1'), sync, call('int4pl', '5', '6'), run('SELECT 2'), sync],
  ],
  'a setting that changes how texts are read': () => [
    [call('set_config', 'search_path', 'pg_catalog', 'false')],
    [query('SELECT count(*) FROM orders')],
    [query('SELECT count(*) > 0 FROM pg_class')],
  ],
};

test.each(Object.keys(CONVERSATIONS))('%s: as direct', async (name) => {
  const expected = lines(await play(direct, CONVERSATIONS[name]!()));
  expect(expected.flat().join()).toContain('FunctionCallResponse');
  expect(lines(await play(alice, CONVERSATIONS[name]!()))).toEqual(expected);
});

test('whoever sees masks gets by a call what a SELECT would give', async () => {
  const answers = await play(bob, [
    [call('int4pl', '20', '22')],
    [call('email_of', '5')],
    [call('stolen', '5')],
  ]);
  expect(answers.map(([first]) => first?.type)).toEqual([
    'FunctionCallResponse',
    'ErrorResponse',
    'ErrorResponse',
  ]);
  const { rows } = await gate.database.query('SELECT status FROM orders WHERE id = 3');
  expect(rows).toEqual([{ status: 'paid' }]);
});

test('a call is recorded with its arguments and outcome', async () => {
  await play(alice, [[call('lo_create', '815')], [call('lo_unlink', '815')]]);
  const entries = (await gate.entries()).map((entry) => JSON.stringify(entry));
  const admitted = entries.find((entry) => entry.includes('lo_unlink') && entry.includes('"815"'));
  expect(admitted).toBeDefined();
  expect(entries.some((entry) => entry.includes('FUNCTION CALL'))).toBe(true);
});
