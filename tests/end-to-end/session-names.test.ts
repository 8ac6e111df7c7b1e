/**
 * Names that mean one thing to the gate and another to the database: whatever a client does with prepared statements, portals,
 * cursors, temporary tables, search paths and encodings, what was decided is what runs.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BackendMessage, encodeQuery } from '../../src/wire/postgres/index.ts';
import { bind, close, execute, parse, query, run, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let bob: WireTarget;
let bot: WireTarget;

const FAIL_ON_HOLD = new Map([['options', '-c sluice.on_hold=fail']]);

beforeAll(async () => {
  gate = await startGate();
  const target = { host: '127.0.0.1', port: gate.port, database: 'shop' };
  bob = { ...target, user: 'bob', password: await gate.token('bob') };
  bot = { ...target, user: 'report-bot', password: await gate.token('report-bot', ['bob']) };
});
afterAll(() => gate.stop());

const SECRET = /person\d|900\d\d\d/;

/** Everything of rows, errors and notices, as text. */
const textOf = (messages: readonly BackendMessage[]): string =>
  messages
    .map((message) => {
      if (message.type === 'DataRow') return message.columns.map((value) => String(value)).join('|');
      if (message.type === 'ErrorResponse' || message.type === 'NoticeResponse')
        return message.fields.entries.map(({ value }) => value.toString()).join('|');
      return '';
    })
    .join('\n');

/** Sends each part and waits for as many ReadyForQuery as it has Syncs and Queries. */
async function play(client: WireClient, ...parts: Buffer[][]): Promise<BackendMessage[]> {
  const seen: BackendMessage[] = [];
  for (const part of parts) {
    client.send(...part);
    const ends = part.filter((frame) => frame[0] === 0x51 || frame[0] === 0x53).length;
    seen.push(...(await client.untilReady(ends)));
  }
  return seen;
}

const SHADOW = 'CREATE TEMP TABLE customers (email text)';
const READ = 'SELECT email FROM customers';

describe('a table that is shadowed, and then is not', () => {
  const WAYS: Record<string, Buffer[][]> = {
    'a prepared statement outlives the temporary table': [
      [query(SHADOW)],
      [parse(READ, 's'), sync],
      [query('DROP TABLE pg_temp.customers')],
      [query('SELECT 1')],
      [bind([], 's'), execute(), sync],
      [bind([], 's'), execute(), sync],
    ],
    'a prepared statement outlives the search path': [
      [query(SHADOW)],
      [query('SET search_path = pg_temp, public')],
      [parse(READ, 's'), sync],
      [query('SET search_path = public, pg_temp')],
      [query('SELECT 1')],
      [bind([], 's'), execute(), sync],
      [bind([], 's'), execute(), sync],
    ],
    'a pipeline is rolled back': [
      [run(SHADOW), parse(READ), bind(), execute(), run('SELECT 1/0'), sync],
      [query(READ)],
    ],
    'a pipeline ends a failed transaction': [
      [query('BEGIN')],
      [query(SHADOW)],
      [query(READ)],
      [query('SELECT 1/0')],
      [run('ROLLBACK'), run(READ), sync],
    ],
    'a text ends the transaction that made it': [
      [query('BEGIN')],
      [query(`${SHADOW} ON COMMIT DROP`)],
      [query(READ)],
      [query(`COMMIT; ${READ}`)],
    ],
    'a text rolls the transaction back that made it': [
      [query('BEGIN')],
      [query(SHADOW)],
      [query(READ)],
      [query(`ROLLBACK; ${READ}`)],
    ],
    'SET LOCAL ends with a pipeline': [
      [query(SHADOW)],
      [query('SET search_path = public, pg_temp')],
      [run('SET LOCAL search_path = pg_temp, public'), run(READ), sync],
      [query(READ)],
    ],
    'SET LOCAL ends with the transaction, in one text': [
      [query(SHADOW)],
      [query('SET search_path = public, pg_temp')],
      [query('BEGIN')],
      [query('SET LOCAL search_path = pg_temp, public')],
      [query(READ)],
      [query(`COMMIT; ${READ}`)],
    ],
    'a savepoint is rolled back in a pipeline': [
      [query('BEGIN')],
      [query('SAVEPOINT a')],
      [query(SHADOW)],
      [query(READ)],
      [run('ROLLBACK TO a'), run(READ), sync],
    ],
  };
  test.each(Object.keys(WAYS))('%s', async (name) => {
    const client = await WireClient.open(bob);
    expect(textOf(await play(client, ...WAYS[name]!))).not.toMatch(SECRET);
    client.close();
  });
});

describe('a cursor means what it meant when it was declared', () => {
  test('whatever else is made, dropped or shadowed meanwhile', async () => {
    const client = await WireClient.open(bob);
    const messages = await play(
      client,
      [query('BEGIN; DECLARE c CURSOR FOR SELECT email FROM customers ORDER BY id')],
      [query('FETCH 1 FROM c')],
      [query(SHADOW)],
      [query('FETCH 1 FROM c')],
      [run('FETCH 1 FROM c'), sync],
      [execute(1, 'c'), sync],
      [query('SET LOCAL search_path = pg_catalog')],
      [query('FETCH 1 FROM c')],
    );
    const said = textOf(messages);
    expect(said.match(/p\*\*\*@secret\.example/g)).toHaveLength(5);
    expect(said).not.toMatch(SECRET);
    expect(said).not.toContain('sluice');
    client.close();
  });

  test('and one that is gone is told by the database', async () => {
    const client = await WireClient.open(bob);
    const messages = await play(
      client,
      [query('BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT 1')],
      [query(`ROLLBACK TO s; ${SHADOW}`)],
      [query('FETCH 1 FROM c')],
    );
    expect(textOf(messages)).toContain('cursor "c" does not exist');
    client.close();
  });
});

beforeEach(async () => {
  await gate.database.query(`UPDATE orders SET status = 'paid' WHERE status = 'stolen'`);
});
const marked = async (): Promise<number> => {
  const { rows } = await gate.database.query("SELECT count(*)::int AS n FROM orders WHERE status = 'stolen'");
  return rows[0]!.n as number;
};
const STEAL = `UPDATE orders SET status = 'stolen' WHERE id = 3 RETURNING id`;

describe('a name that stands for something else than the gate believes', () => {
  const WAYS: Record<string, Buffer[][]> = {
    'FETCH of a portal named like an old cursor': [
      [query('BEGIN; DECLARE c CURSOR FOR SELECT 1; COMMIT')],
      [query('BEGIN')],
      [parse(STEAL, 's'), bind([], 's', 'c'), query('FETCH ALL FROM c')],
      [query('COMMIT')],
    ],
    'PREPARE and Close in one go, then Parse': [
      [query('PREPARE x AS SELECT 1'), close('S', 'x'), sync],
      [parse(STEAL, 'x'), sync],
      [bind([], 'x'), execute(), sync],
    ],
    'Close and Parse skipped after errors': [
      [parse(STEAL, 'x'), sync],
      [
        ...[run('SELECT 1/0'), close('S', 'x'), sync],
        ...[run('SELECT 1/0'), parse('SELECT 1', 'x'), sync],
        ...[bind([], 'x'), execute(), sync],
      ],
    ],
    'a Parse that failed, and the name used in the same breath': [
      [parse(STEAL, 'x'), sync],
      [parse('SELECT 1', 'x'), sync, bind([], 'x'), execute(), sync],
    ],
    'a portal of a statement prepared by SQL, and the name prepared anew': [
      [query(`PREPARE p AS ${STEAL}`)],
      [query('BEGIN')],
      [bind([], 'p', 'portal'), sync],
      [query('DEALLOCATE p; PREPARE p AS SELECT 1')],
      [execute(0, 'portal'), sync],
      [query('COMMIT')],
    ],
    'a portal kept while its statement is replaced': [
      [query('BEGIN')],
      [parse(STEAL, 'x'), bind([], 'x', 'portal'), close('S', 'x'), parse('SELECT 1', 'x'), sync],
      [execute(0, 'portal'), sync],
      [query('COMMIT')],
    ],
    'names that are one behind 63 bytes': [
      [parse('SELECT 1', 'n'.repeat(63)), sync],
      [query(`DEALLOCATE ${'n'.repeat(70)}`)],
      [query(`PREPARE ${'n'.repeat(64)} AS ${STEAL}`)],
      [bind([], 'n'.repeat(63)), execute(), sync],
    ],
    'names cut in the middle of a character': [
      [parse('SELECT 1', 'n'.repeat(62)), sync],
      [query(`DEALLOCATE "${'n'.repeat(62)}é"`)],
      [query(`PREPARE "${'n'.repeat(62)}é" AS ${STEAL}`)],
      [bind([], 'n'.repeat(62)), execute(), sync],
    ],
  };
  test.each(Object.keys(WAYS))('%s', async (name) => {
    const client = await WireClient.open(bot, FAIL_ON_HOLD);
    await play(client, ...WAYS[name]!);
    expect(await marked()).toBe(0);
    client.close();
  });

  test('an approval of EXECUTE is good for one definition only', async () => {
    const client = await WireClient.open(bot, FAIL_ON_HOLD);
    const first = await play(
      client,
      [query(`PREPARE q AS UPDATE orders SET status = 'fine' WHERE id = 4`)],
      [query('EXECUTE q')],
    );
    const id = /apr_\w+/.exec(textOf(first))?.[0];
    expect((await gate.api('alice', 'POST', `/v1/approvals/${id}/approve`, {})).status).toBe(200);
    await play(client, [query(`DEALLOCATE q; PREPARE q AS ${STEAL}`)], [query('EXECUTE q')]);
    expect(await marked()).toBe(0);
    client.close();
  });
});

describe('texts that the database would read differently', () => {
  const SMUGGLED = `SELECT '\\', 1 --', email FROM customers`;
  test('standard_conforming_strings at start-up', async () => {
    const options = new Map([['options', '-c standard_conforming_strings=off']]);
    const seen = await WireClient.open(bob, options).then(
      async (client) => textOf(await play(client, [query(SMUGGLED)])),
      (error) => String(error),
    );
    expect(seen).not.toMatch(SECRET);
    expect(seen).toContain('28000');
  });
  test('role at start-up', async () => {
    const options = new Map([['role', 'pg_read_all_data']]);
    await expect(WireClient.open(bob, options)).rejects.toThrow('28000');
  });
});

describe('masks in other encodings', () => {
  const latin1 = (text: string): Buffer => encodeQuery(Buffer.from(text, 'latin1'));
  beforeAll(async () => {
    await gate.database.query(`
      CREATE TABLE "größen" (id int, "straße" text, email text);
      INSERT INTO "größen" VALUES (1, 'Öhringer', 'person1@secret.example');
      CREATE VIEW "ähnlich" AS SELECT "straße", email FROM "größen", (SELECT) s`);
  });

  test.each([
    ['LATIN1', latin1('SELECT "straße", c.email FROM "größen", customers c WHERE c.id = 1')],
    // The gate has no table for this one: it asks the database.
    ['WIN1252', latin1('SELECT "straße", c.email FROM "größen", customers c WHERE c.id = 1')],
  ])('are pushed down in %s', async (encoding, statement) => {
    const client = await WireClient.open(bob);
    const seen = await play(client, [query(`SET client_encoding = '${encoding}'`)], [statement]);
    const row = seen.find((message) => message.type === 'DataRow');
    const [street, email] =
      row?.type === 'DataRow' ? row.columns.map((value) => value!.toString('latin1')) : [];
    expect(street).toBe('Öhringer');
    expect(email).toMatch(/^p\*/);
    expect(textOf(seen)).not.toMatch(SECRET);
    client.close();
  });

  test('an error of a rewritten text points into the client’s own', async () => {
    const client = await WireClient.open(bob);
    const text = `SELECT 'ä', c.email::int FROM customers c WHERE nosuch = 'ä'`;
    const seen = await play(client, [query(`SET client_encoding = 'WIN1252'`)], [latin1(text)]);
    const error = seen.find((message) => message.type === 'ErrorResponse');
    expect(error?.type === 'ErrorResponse' && error.fields.get('P')).toBe(String(text.indexOf('nosuch') + 1));
    client.close();
  });

  test('a name that the encoding lacks cannot be forwarded', async () => {
    await gate.database.query(`CREATE TABLE IF NOT EXISTS people (id int, email text, "имя" text)`);
    const client = await WireClient.open(bob);
    const seen = await play(
      client,
      [query(`SET client_encoding = 'LATIN1'`)],
      [query('SELECT * FROM people')],
    );
    expect(seen.at(-1)?.type).toBe('ReadyForQuery');
    client.close();
  });
});
