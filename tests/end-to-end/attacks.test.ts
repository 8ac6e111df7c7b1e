/**
 * Attacks on masks and guardrails, each played twice: on the database itself, where it must succeed or it would prove
 * nothing, and through the gate, where it must not. What is played is messages, in parts; each part is answered before the
 * next is sent.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { bind, close, execute, parse, query, run, sync } from '../support/frames.ts';
import { type Gate, SHOP, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

const SCHEMA = `${SHOP}
  CREATE SCHEMA attic;
  CREATE TABLE noisy (id int, note text);
  CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE NOTICE 'the first customer is %', (SELECT email FROM customers WHERE id = 1);
    IF NEW.note = 'fail' THEN
      RAISE check_violation USING MESSAGE = (SELECT 'not ' || email FROM customers WHERE id = 2),
        COLUMN = (SELECT email FROM customers WHERE id = 3);
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER tells BEFORE INSERT ON noisy FOR EACH ROW EXECUTE FUNCTION tell();
  CREATE SCHEMA cellar;
  CREATE TABLE cellar.customers (email text);
  CREATE TABLE people (email text);
  CREATE FUNCTION first_mail() RETURNS text LANGUAGE sql AS 'SELECT max(email) FROM customers';
  CREATE FUNCTION first_plan() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT max(email) FROM people); END';
  CREATE FUNCTION cellar_mail() RETURNS text LANGUAGE sql SET search_path = cellar AS 'SELECT max(email) FROM customers';
  CREATE VIEW order_view AS SELECT * FROM orders;
  CREATE VIEW rich AS SELECT id FROM employees WHERE salary > 45000;
  ANALYZE;
`;
/** Every e-mail and phone number there is. */
const SECRET = /person\d|900\d\d\d/;
/** Marks a row; \`stolen\` counts the marks. */
const STEAL = `UPDATE orders SET status = 'stolen' WHERE id = 3 RETURNING id`;

/** One part: a text for the simple protocol, or frames. */
type Part = string | Buffer[];
interface Attack {
  readonly parts: readonly Part[];
  readonly startup?: Readonly<Record<string, string>>;
  /** What the raw database reveals; by default a secret of the shop. */
  readonly reveals?: RegExp;
}
type Attacks = Readonly<Record<string, readonly Part[] | Attack>>;
const attackOf = (attack: Attacks[string]): Attack => ('parts' in attack ? attack : { parts: attack });

let gate: Gate;

beforeAll(async () => {
  gate = await startGate({ schema: SCHEMA });
});
afterAll(() => gate.stop());

/** Everything of rows, errors and notices, as text. */
function textOf(messages: readonly BackendMessage[]): string {
  const parts = messages.flatMap((message): string[] => {
    if (message.type === 'DataRow') return [message.columns.map((value) => String(value)).join('|')];
    if (message.type === 'CopyData') return [message.data.toString()];
    if (message.type === 'ErrorResponse' || message.type === 'NoticeResponse')
      return message.fields.entries.map(({ value }) => value.toString());
    return [];
  });
  return parts.join('\n');
}

/** All that was said while an attack was played; an error at connecting counts as said. */
async function play(target: WireTarget, attack: Attack): Promise<string> {
  const settings = { options: '-c sluice.on_hold=fail', ...attack.startup };
  const seen: BackendMessage[] = [];
  let client: WireClient | undefined;
  try {
    client = await WireClient.open(target, new Map(Object.entries(settings)));
    for (const part of attack.parts) {
      const frames = typeof part === 'string' ? [query(part)] : part;
      client.send(...frames);
      const ends = frames.filter((frame) => frame[0] === 0x51 || frame[0] === 0x53).length;
      seen.push(...(await client.untilReady(ends)));
    }
    return textOf(seen);
  } catch (error) {
    return `${textOf(seen)}\n${error}`;
  } finally {
    client?.close();
  }
}

const raw = (on: Gate): WireTarget => on.database.connection;
const through = async (on: Gate, principal: string): Promise<WireTarget> => {
  const { password } = await on.connection(principal, principal === 'report-bot' ? ['bob'] : []);
  return {
    host: '127.0.0.1',
    port: on.port,
    database: 'shop',
    user: principal,
    password: password as string,
  };
};

const SHADOW = 'CREATE TEMP TABLE customers (id int, name text, email text, phone text, plan text)';
const READ = 'SELECT email FROM customers LIMIT 3';

/** A name is resolved by the gate while it means one thing, and by the database when it means another. */
const SHADOWS: Attacks = {
  'dropped between DECLARE and FETCH, read by a function': [
    'BEGIN',
    SHADOW,
    'DECLARE c CURSOR FOR SELECT first_mail()',
    'DROP TABLE pg_temp.customers',
    'FETCH ALL FROM c',
    'COMMIT',
  ],
  'dropped between Bind and Execute, read by a function': [
    'BEGIN',
    SHADOW,
    [parse('SELECT first_mail() FROM orders', 's'), bind([], 's', 'x'), sync],
    'DROP TABLE pg_temp.customers',
    [execute(0, 'x'), sync],
    'COMMIT',
  ],
  'dropped between Bind and Execute in a pipeline, read by a function': [
    SHADOW,
    [
      run('BEGIN'),
      parse('SELECT first_mail() FROM orders', 's'),
      bind([], 's', 'x'),
      run('DROP TABLE pg_temp.customers'),
      execute(0, 'x'),
      sync,
    ],
  ],
  'out of the path between DECLARE and FETCH, read by a function': [
    'BEGIN',
    'SET LOCAL search_path = cellar, public',
    'DECLARE c CURSOR FOR SELECT first_mail()',
    'SET LOCAL search_path = public',
    'FETCH ALL FROM c',
    'COMMIT',
  ],
  'dropped between PREPARE and EXECUTE, read by a function': [
    SHADOW,
    'PREPARE p AS SELECT first_mail()',
    'EXECUTE p',
    'DROP TABLE pg_temp.customers',
    'EXECUTE p',
  ],
  'dropped between Parse and Bind, read by a function': [
    SHADOW,
    [parse('SELECT first_mail()', 's'), sync],
    'DROP TABLE pg_temp.customers',
    [bind([], 's'), execute(), sync],
  ],
  'dropped before a default calls a function that reads it': [
    SHADOW,
    'CREATE TEMP TABLE d (a int, mail text DEFAULT first_mail())',
    'DROP TABLE pg_temp.customers',
    'INSERT INTO d (a) VALUES (1)',
    'SELECT mail FROM d',
  ],
  'dropped before a cursor that is held calls a function that reads it': [
    'BEGIN',
    SHADOW,
    'DECLARE c CURSOR WITH HOLD FOR SELECT first_mail()',
    'DROP TABLE pg_temp.customers',
    'COMMIT',
    'FETCH ALL FROM c',
  ],
  'a function whose settings were changed in the transaction': [
    'BEGIN',
    'ALTER FUNCTION cellar_mail() SET search_path = public',
    'SELECT cellar_mail()',
    'ROLLBACK',
  ],
  'a function whose settings were changed in the text': [
    'ALTER FUNCTION cellar_mail() SET search_path = public; SELECT cellar_mail(); ALTER FUNCTION cellar_mail() SET search_path = cellar',
  ],
  'a function whose table was swapped in the transaction': [
    'BEGIN',
    'ALTER TABLE people RENAME TO nobody',
    'ALTER TABLE customers RENAME TO people',
    'SELECT first_plan()',
    'ROLLBACK',
  ],
  'dropped by COMMIT in the same text': ['BEGIN', `${SHADOW} ON COMMIT DROP`, READ, `COMMIT; ${READ}`],
  'dropped by END and CHAIN': [
    'BEGIN',
    `${SHADOW} ON COMMIT DROP`,
    READ,
    `COMMIT AND CHAIN; ${READ}; COMMIT`,
  ],
  'taken back by ROLLBACK in the same text': ['BEGIN', SHADOW, READ, `ROLLBACK; ${READ}`],
  'dropped in the same text': [SHADOW, `DROP TABLE pg_temp.customers; ${READ}`],
  'dropped by DISCARD TEMP in the same text': [SHADOW, `DISCARD TEMP; ${READ}`],
  'dropped between PREPARE and EXECUTE': [
    SHADOW,
    `PREPARE p AS ${READ}`,
    'DROP TABLE pg_temp.customers',
    'EXECUTE p',
  ],
  'dropped between Parse and Bind': [
    SHADOW,
    [parse(READ, 's'), sync],
    'DROP TABLE pg_temp.customers',
    [bind([], 's'), execute(), sync],
  ],
  'made again between Bind and Execute': [
    'BEGIN',
    SHADOW,
    [parse(READ, 's'), sync],
    'DROP TABLE pg_temp.customers',
    [bind([], 's', 'x'), sync],
    SHADOW,
    [execute(0, 'x'), sync],
    'COMMIT',
  ],
  'dropped by the Sync that ends a pipeline': [[run(`${SHADOW} ON COMMIT DROP`), run(READ), sync], READ],
  'taken back by the error of a pipeline': [[run(SHADOW), run(READ), run('SELECT 1 / 0'), sync], READ],
  'passed over by a search_path': [SHADOW, `SET search_path = public, pg_temp; ${READ}`],
  'passed over by the schema written as pg_temp_N': [
    SHADOW,
    `SELECT set_config('search_path', 'public, ' || pg_my_temp_schema()::regnamespace, false)`,
    READ,
  ],
  'passed over by a setting of EXECUTE, in one text': [
    SHADOW,
    `PREPARE p AS SELECT set_config('search_path', 'public, pg_temp', false)`,
    `EXECUTE p; ${READ}`,
  ],
  'passed over by a setting of FETCH, in one text': [
    'BEGIN',
    SHADOW,
    `DECLARE c CURSOR FOR SELECT set_config('search_path', 'public, pg_temp', false)`,
    `FETCH c; ${READ}`,
  ],
  'passed over by a setting of a pipeline': [
    SHADOW,
    [run(`SELECT set_config('search_path', 'public, pg_temp', false)`), run(READ), sync],
  ],
  'passed over at start-up': { parts: [SHADOW, READ], startup: { options: '-c search_path=public,pg_temp' } },
  'passed over once SET LOCAL ends': [
    SHADOW,
    'SET search_path = public, pg_temp',
    'BEGIN',
    'SET LOCAL search_path = pg_temp, public',
    READ,
    `COMMIT; ${READ}`,
  ],
};

/** Texts that are cut into other tokens by the database than by the gate. */
const READINGS: Attacks = {
  'standard_conforming_strings at start-up': {
    parts: [`SELECT '\\'', email FROM customers LIMIT 1 --'`],
    startup: { options: '-c standard_conforming_strings=off' },
  },
  'standard_conforming_strings as a parameter': {
    parts: [`SELECT '\\'', email FROM customers LIMIT 1 --'`],
    startup: { standard_conforming_strings: 'off' },
  },
  'standard_conforming_strings by SET': [
    'SET standard_conforming_strings = off',
    `SELECT '\\'', email FROM customers LIMIT 1 --'`,
  ],
  'standard_conforming_strings by UPDATE': [
    `UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'`,
    `SELECT '\\'', email FROM customers LIMIT 1 --'`,
  ],
  'standard_conforming_strings by a computed name': [
    `SELECT set_config('standard_' || 'conforming_strings', 'off', false)`,
    `SELECT '\\'', email FROM customers LIMIT 1 --'`,
  ],
  'standard_conforming_strings in a pipeline': [
    [
      run('SET standard_conforming_strings = off'),
      run(`SELECT '\\'', email FROM customers LIMIT 1 --'`),
      sync,
    ],
  ],
  'names spelled in Unicode': [`SELECT U&"\\0065mail" FROM U&"cust\\006fmers" LIMIT 1`],
  'comments that nest': ['SELECT /* /* */ 1, */ email FROM customers LIMIT 1 -- */'],
  'a string continued on the next line': [
    `SELECT 'a'
'''', email FROM customers LIMIT 1 --'`,
  ],
  'dollar quotes in dollar quotes': ['SELECT $a$ $b$ $a$, email, $b$ $a$ $b$ FROM customers LIMIT 1'],
};

/** Schemas, objects and catalogs. */
const DETOURS: Attacks = {
  'a label is lost by UPDATE pg_attribute': [
    'BEGIN',
    `UPDATE pg_attribute SET attname = 'e2' WHERE attname = 'email' AND attrelid = 'customers'::regclass`,
    'SELECT e2 FROM customers LIMIT 1',
    'ROLLBACK',
  ],
  'a label is lost by UPDATE pg_namespace': [
    'BEGIN',
    `UPDATE pg_namespace SET nspname = 'p2' WHERE nspname = 'public'`,
    'SELECT email FROM p2.customers LIMIT 1',
    'ROLLBACK',
  ],
  'a view is redefined in pg_rewrite': [
    'BEGIN',
    `UPDATE pg_class SET relname = 'c2' WHERE oid = 'public.customers'::regclass`,
    'SELECT email FROM c2 LIMIT 1',
    'ROLLBACK',
  ],
  'a trigger tells in a notice': [`INSERT INTO noisy VALUES (1, 'a')`],
  'a trigger tells in an error': [`INSERT INTO noisy VALUES (1, 'fail')`],
  'a trigger tells in an error of a pipeline': [[run(`INSERT INTO noisy VALUES (1, 'fail')`), sync]],
  'statistics by table': [
    `SELECT stavalues1::text, stavalues2::text, stavalues3::text FROM pg_statistic WHERE starelid = 'customers'::regclass`,
  ],
  'statistics by view': [`SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'customers'`],
  'statistics by a temporary view': [
    'CREATE TEMP VIEW v AS SELECT tablename, histogram_bounds::text FROM pg_stats',
    'SELECT * FROM v',
  ],
  'a temporary view': ['CREATE TEMP VIEW v AS SELECT email FROM customers', 'SELECT * FROM v LIMIT 1'],
  'a temporary view in SQL of the protocol': [
    [run('CREATE TEMP VIEW v AS SELECT email FROM customers'), run('SELECT * FROM v LIMIT 1'), sync],
  ],
  'a function of the session': [
    `CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS 'SELECT email FROM public.customers LIMIT 1'; SELECT pg_temp.f()`,
  ],
  'a function that is there': ['SELECT email_of(1)'],
  'a function as a field': ['SELECT (c).email, c.email FROM customers c LIMIT 1'],
  'a column as a function': ['SELECT email(c) FROM customers c LIMIT 1'],
  'a table as a row': ['SELECT customers FROM customers LIMIT 1'],
  'a row as XML': ['SELECT xmlforest(c) FROM customers c LIMIT 1'],
  'a query in a string': [`SELECT query_to_xml('SELECT email FROM customers LIMIT 1', true, false, '')`],
  'a table in a string': [`SELECT table_to_xml('customers', true, false, '')`],
  'a cursor in a string': [
    'BEGIN',
    `DECLARE c CURSOR FOR ${READ}`,
    `SELECT cursor_to_xml('c', 1, true, false, '')`,
    'COMMIT',
  ],
  'words of a query in a string': [`SELECT * FROM ts_stat('SELECT to_tsvector(email) FROM customers')`],
  'a TOAST table': {
    parts: [
      `SELECT relname FROM pg_class WHERE relkind = 't' AND relnamespace = 'pg_toast'::regnamespace LIMIT 1`,
      `SELECT 'chunk ' || chunk_id FROM pg_toast.pg_toast_2619 LIMIT 1`,
    ],
    reveals: /chunk \d/,
  },
  'rows picked by a view': { parts: ['SELECT count(*) FROM rich'], reveals: /^14$/m },
  'an error of a cast': ['SELECT email::int FROM customers'],
  'a division by what is asked': {
    parts: [`SELECT 1 / (length(email) - 22) FROM customers WHERE id = 1`],
    reveals: /division/,
  },
  'an index on what is asked': {
    parts: [`CREATE INDEX ON customers ((1 / (length(email) - 22)))`],
    reveals: /division/,
  },
  'a duplicate': {
    parts: [`BEGIN`, `UPDATE customers SET email = 'person7@secret.example' WHERE id = 8`, 'ROLLBACK'],
    reveals: /duplicate/,
  },
  'a row that fails': [`UPDATE customers SET name = NULL WHERE id = 5`],
  'a row that fails, in a pipeline': [[run(`UPDATE customers SET name = NULL WHERE id = 5`), sync]],
  'the old row': [
    'BEGIN',
    `UPDATE customers SET plan = plan WHERE id = 5 RETURNING old.email, new.phone`,
    'ROLLBACK',
  ],
  'a plan printed as a message': {
    parts: [
      'SET client_min_messages = log; SET debug_print_plan = on',
      `SELECT count(*) FROM customers GROUP BY email`,
    ],
    reveals: /plan_rows 300/,
  },
  'a plan of the number of values': {
    parts: ['EXPLAIN SELECT DISTINCT email FROM customers'],
    reveals: /rows=300/,
  },
  'a plan of a prepared statement': {
    parts: ['PREPARE p AS SELECT DISTINCT email FROM customers', 'EXPLAIN EXECUTE p'],
    reveals: /rows=300/,
  },
  'COPY TO': ['COPY customers TO STDOUT'],
  'COPY TO of columns': ['COPY customers (email) TO STDOUT (FORMAT csv)'],
  'COPY TO of a query': [`COPY (${READ}) TO STDOUT`],
  'a cursor that outlives': [`DECLARE c CURSOR WITH HOLD FOR ${READ}`, 'FETCH ALL FROM c'],
  'a table of the session': [`CREATE TEMP TABLE mine AS ${READ}`, 'TABLE mine'],
  'SELECT INTO': [`SELECT email INTO TEMP mine FROM customers`, 'TABLE mine'],
  'MERGE into a table of the session': [
    'CREATE TEMP TABLE mine (e text)',
    'MERGE INTO mine USING customers c ON false WHEN NOT MATCHED THEN INSERT VALUES (c.email)',
    'TABLE mine',
  ],
  'a WITH query by the name of the table, elsewhere': [
    `SELECT (WITH customers AS (SELECT 'x' AS email) SELECT email FROM customers), email FROM customers LIMIT 1`,
  ],
  'a WITH query that reads the table of its name': [
    'WITH customers AS (SELECT * FROM customers) SELECT email FROM customers LIMIT 1',
  ],
  'a WITH query behind the one that reads': [
    `WITH a AS (SELECT email FROM customers LIMIT 1), customers AS (SELECT 'x' AS email) SELECT * FROM a`,
  ],
  'a join that hides the table': [
    'SELECT j.e FROM (customers CROSS JOIN (SELECT 1) s) AS j (i, n, e) LIMIT 1',
  ],
  JSON_TABLE: [
    `SELECT j.* FROM customers c, JSON_TABLE(to_jsonb(c), '$' COLUMNS (e text PATH '$.email')) j LIMIT 1`,
  ],
  'secrets of the server': {
    parts: ['SELECT rolpassword FROM pg_authid WHERE rolname = current_user'],
    reveals: /SCRAM/,
  },
  'texts of other sessions': {
    parts: [`SELECT 'it runs ' || query FROM pg_stat_get_activity(pg_backend_pid())`],
    reveals: /it runs SELECT/,
  },
};

describe.each(Object.entries({ SHADOWS, READINGS, DETOURS }))('values are not seen: %s', (_, attacks) => {
  test.each(Object.keys(attacks))('%s', async (name) => {
    const attack = attackOf(attacks[name]!);
    const secret = attack.reveals ?? SECRET;
    expect(await play(raw(gate), attack), 'it must work on the database itself').toMatch(secret);
    expect(await play(await through(gate, 'bob'), attack)).not.toMatch(secret);
    await gate.database.query('DROP INDEX IF EXISTS customers_expr_idx');
  });
});

const SHADOW_ORDERS = 'CREATE TEMP TABLE orders (id int, customer_id int, status text, cents int)';

/** An agent in production writes nothing without approval, however it is asked. */
const WRITES: Attacks = {
  'EXPLAIN that says no, and then yes': [`EXPLAIN (ANALYZE false, ANALYZE true) ${STEAL}`],
  'EXPLAIN (ANALYSE)': [`EXPLAIN (ANALYSE) ${STEAL}`],
  'a temporary view': [
    'CREATE TEMP VIEW v AS SELECT * FROM orders',
    `UPDATE v SET status = 'stolen' WHERE id = 3`,
  ],
  'a temporary view of a temporary view': [
    'CREATE TEMP VIEW v AS SELECT * FROM orders',
    'CREATE TEMP VIEW w AS SELECT * FROM v',
    `UPDATE pg_temp.w SET status = 'stolen' WHERE id = 3`,
  ],
  'a temporary view, by INSERT': [
    'CREATE TEMP VIEW v AS SELECT * FROM orders',
    `INSERT INTO v VALUES (90001, 1, 'stolen', 1)`,
  ],
  'a temporary view, by MERGE': [
    'CREATE TEMP VIEW v AS SELECT * FROM orders',
    `MERGE INTO v USING (SELECT 3 AS i) s ON v.id = s.i WHEN MATCHED THEN UPDATE SET status = 'stolen'`,
  ],
  'a view': [`UPDATE order_view SET status = 'stolen' WHERE id = 3`],
  'a WITH query': [`WITH x AS (${STEAL}) SELECT 1`],
  'COPY TO': [`COPY (${STEAL}) TO STDOUT`],
  'CREATE TABLE AS EXECUTE': [`PREPARE p AS ${STEAL}`, 'EXECUTE p'],
  'a shadow dropped by COMMIT': [
    'BEGIN',
    `${SHADOW_ORDERS} ON COMMIT DROP`,
    'TABLE orders',
    `COMMIT; ${STEAL}`,
  ],
  'a shadow dropped before EXECUTE': [
    SHADOW_ORDERS,
    `PREPARE p AS ${STEAL}`,
    'DROP TABLE pg_temp.orders',
    'EXECUTE p',
  ],
  'a shadow made after Parse': [
    'CREATE TEMP TABLE other (a int)',
    [parse(STEAL, 's'), sync],
    SHADOW_ORDERS,
    [bind([], 's'), execute(), sync],
  ],
  'a shadow made after PREPARE': [
    'CREATE TEMP TABLE other (a int)',
    `PREPARE p AS ${STEAL}`,
    SHADOW_ORDERS,
    'EXECUTE p',
  ],
  'a shadow made after Bind': [
    'CREATE TEMP TABLE other (a int)',
    'BEGIN',
    [parse(STEAL, 's'), bind([], 's', 'x'), sync],
    SHADOW_ORDERS,
    [execute(0, 'x'), sync],
    'COMMIT',
  ],
  'a shadow in the path as pg_temp_N': [
    SHADOW_ORDERS,
    `SELECT set_config('search_path', 'public, ' || pg_my_temp_schema()::regnamespace, false)`,
    STEAL,
  ],
  'a shadow that the Sync drops': [
    [run(`${SHADOW_ORDERS} ON COMMIT DROP`), run('TABLE orders'), sync],
    STEAL,
  ],
  'FETCH of a portal by the name of an old cursor': [
    'BEGIN',
    'DECLARE c CURSOR FOR SELECT 1',
    'COMMIT',
    'BEGIN',
    [parse(STEAL), bind([], '', 'c'), sync],
    'FETCH ALL FROM c',
    'COMMIT',
  ],
  'FETCH of a portal by the name of a cursor that EXPLAIN declared': [
    'BEGIN',
    'EXPLAIN DECLARE c CURSOR FOR SELECT 1',
    [parse(STEAL), bind([], '', 'c'), sync],
    'FETCH ALL FROM c',
    'COMMIT',
  ],
  'MOVE in a portal': ['BEGIN', [parse(STEAL), bind([], '', 'c'), sync], 'MOVE ALL IN c', 'COMMIT'],
  'a portal of a prepared statement that was replaced': [
    'BEGIN',
    `PREPARE p AS ${STEAL}`,
    [bind([], 'p', 'x'), sync],
    'DEALLOCATE p',
    'PREPARE p AS SELECT 1',
    [execute(0, 'x'), sync],
    'COMMIT',
  ],
  'EXECUTE parsed for another statement': [
    'PREPARE p AS SELECT 1',
    [parse('EXECUTE p', 's'), sync],
    'DEALLOCATE p',
    `PREPARE p AS ${STEAL}`,
    [bind([], 's'), execute(), sync],
  ],
  'DEALLOCATE whose success is hidden by a failing commit': [
    'CREATE TEMP TABLE d (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)',
    [parse('SELECT 1', 's'), sync],
    'INSERT INTO d VALUES (1), (1); DEALLOCATE s',
    [parse(STEAL, 's'), sync],
    [bind([], 's'), execute(), sync],
  ],
  'PREPARE whose success is hidden by a failing commit': [
    'CREATE TEMP TABLE d (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)',
    `INSERT INTO d VALUES (1), (1); PREPARE s AS ${STEAL}`,
    [parse('SELECT 1', 's'), sync, bind([], 's'), execute(), sync],
  ],
  'a Parse that fails, and the name used behind the Sync': [
    [parse(STEAL, 's'), sync],
    [parse('SELECT 1', 's'), sync, bind([], 's'), execute(), sync],
  ],
  'a Bind that fails, and the portal used behind a savepoint': [
    'BEGIN',
    [parse(STEAL, 's'), bind([], 's', 'x'), sync],
    'SAVEPOINT a',
    [parse('SELECT 1', 't'), sync],
    [bind([], 't', 'x'), sync, query('ROLLBACK TO a'), execute(0, 'x'), sync],
    'COMMIT',
  ],
  'a name that is another in another encoding': [
    [parse('SELECT 1', 'Ã©'), sync],
    'SET client_encoding = LATIN1',
    [close('S', 'é'), sync],
    [parse(STEAL, 'é'), sync],
    'SET client_encoding = UTF8',
    [bind([], 'Ã©'), execute(), sync],
  ],
  'a name cut within a character': [
    [parse('SELECT 1', `${'n'.repeat(62)}Ã©`), sync],
    `PREPARE "${'n'.repeat(62)}é" AS ${STEAL}`,
    `EXECUTE "${'n'.repeat(62)}é"`,
  ],
};

/** Rows that were marked; afterwards none is. */
async function marks(): Promise<number> {
  const { rows } = await gate.database.query(`SELECT count(*)::int AS n FROM orders WHERE status = 'stolen'`);
  await gate.database.query('DELETE FROM orders WHERE id > 90000');
  await gate.database.query(`UPDATE orders SET status = 'paid' WHERE status = 'stolen'`);
  return rows[0]!.n as number;
}

describe('nothing is written without approval', () => {
  test.each(Object.keys(WRITES))('%s', async (name) => {
    const attack = attackOf(WRITES[name]!);
    const said = await play(raw(gate), attack);
    expect(await marks(), `it must work on the database itself: ${said}`).toBeGreaterThan(0);
    const answered = await play(await through(gate, 'report-bot'), attack);
    expect(await marks(), answered).toBe(0);
  });
});

const STEAL_ALL = `UPDATE orders SET status = 'stolen'`;

/** Who sees real values is held back, too: a write without a limit needs approval of a dba, and is refused to services. */
const UNLIMITED: Attacks = {
  'as it is': [STEAL_ALL],
  'in a DO block': [`DO $$ BEGIN ${STEAL_ALL}; END $$`],
  'with a limit that limits nothing': [
    `${STEAL_ALL} WHERE status LIKE 'x'`,
    `${STEAL_ALL} WHERE status LIKE '%'`,
  ],
  'by a temporary view': ['CREATE TEMP VIEW v AS SELECT * FROM orders', `UPDATE v SET status = 'stolen'`],
  'by a prepared statement': [`PREPARE p AS ${STEAL_ALL}`, 'EXECUTE p'],
  'by FETCH of a portal': [
    'BEGIN',
    [parse(`${STEAL_ALL} RETURNING id`), bind([], '', 'c'), sync],
    'FETCH ALL FROM c',
    'COMMIT',
  ],
  'behind a shadow that a search_path uncovers': [
    SHADOW_ORDERS,
    `SET search_path = public, pg_temp; ${STEAL_ALL}`,
  ],
  'behind a shadow that COMMIT drops': ['BEGIN', `${SHADOW_ORDERS} ON COMMIT DROP`, `COMMIT; ${STEAL_ALL}`],
  'behind a shadow that is dropped': [SHADOW_ORDERS, `DROP TABLE pg_temp.orders; ${STEAL_ALL}`],
  'in a string, for the gate': ['SET standard_conforming_strings = off', `SELECT '\\''; ${STEAL_ALL}; --'`],
  'in a string, for the gate, in one go': [
    [query('SET standard_conforming_strings = off'), query(`SELECT '\\''; ${STEAL_ALL}; --'`)],
  ],
};

describe.each(['alice', 'app'])('nothing is written without a limit by %s', (principal) => {
  test.each(Object.keys(UNLIMITED))('%s', async (name) => {
    const attack = attackOf(UNLIMITED[name]!);
    const said = await play(raw(gate), attack);
    expect(await marks(), `it must work on the database itself: ${said}`).toBeGreaterThan(900);
    const answered = await play(await through(gate, principal), attack);
    expect(await marks(), answered).toBe(0);
  });
});

/** Outside production people alter what they like, but no label is lost by it. */
const RENAMING: Attacks = {
  'of the schema': [
    'ALTER SCHEMA public RENAME TO p2',
    'SELECT email FROM p2.customers LIMIT 1',
    'ALTER SCHEMA p2 RENAME TO public',
  ],
  'of the table, as if it were an index': [
    'ALTER INDEX customers RENAME TO c2',
    'SELECT email FROM c2 LIMIT 1',
    'ALTER TABLE c2 RENAME TO customers',
  ],
  'of the table': [
    'ALTER TABLE customers RENAME TO c2',
    'SELECT email FROM c2 LIMIT 1',
    'ALTER TABLE c2 RENAME TO customers',
  ],
  'of the column': [
    'ALTER TABLE customers RENAME email TO e2',
    'SELECT e2 FROM customers LIMIT 1',
    'ALTER TABLE customers RENAME e2 TO email',
  ],
  'by another schema': [
    'ALTER TABLE customers SET SCHEMA attic',
    'SELECT email FROM attic.customers LIMIT 1',
    'ALTER TABLE attic.customers SET SCHEMA public',
  ],
  'by a child': [
    'CREATE TABLE parent (email text)',
    'ALTER TABLE customers INHERIT parent',
    'SELECT email FROM parent LIMIT 1',
    'ALTER TABLE customers NO INHERIT parent',
    'DROP TABLE parent',
  ],
  'by a column computed from it': [
    'ALTER TABLE customers ADD copy text GENERATED ALWAYS AS (email) STORED',
    'SELECT copy FROM customers LIMIT 1',
    'ALTER TABLE customers DROP copy',
  ],
  'by a table made of it': [
    'CREATE TABLE copied AS SELECT email FROM customers',
    'SELECT email FROM copied LIMIT 1',
    'DROP TABLE copied',
  ],
  'by a view': [
    'CREATE VIEW peek AS SELECT email AS e FROM customers',
    'SELECT e FROM peek LIMIT 1',
    'DROP VIEW peek',
  ],
  'by a rule': [
    'CREATE TABLE bait (a int); INSERT INTO bait VALUES (1)',
    'CREATE RULE r AS ON UPDATE TO bait DO INSTEAD SELECT email FROM customers LIMIT 1',
    'UPDATE bait SET a = 2',
    'DROP TABLE bait',
  ],
  'by a default': [
    'CREATE TABLE bait (a int, e text DEFAULT email_of(1))',
    'INSERT INTO bait (a) VALUES (1) RETURNING e',
    'DROP TABLE bait',
  ],
};

describe('no label is lost', () => {
  let staging: Gate;
  beforeAll(async () => {
    staging = await startGate({ schema: SCHEMA, environment: 'staging' });
  });
  afterAll(() => staging.stop());

  test.each(Object.keys(RENAMING))('%s', async (name) => {
    const attack = attackOf(RENAMING[name]!);
    expect(await play(raw(staging), attack), 'it must work on the database itself').toMatch(SECRET);
    expect(await play(await through(staging, 'bob'), attack)).not.toMatch(SECRET);
  });

  test.each([
    [
      'the table',
      'ALTER TABLE customers RENAME TO clients',
      'SELECT email FROM clients LIMIT 1',
      'ALTER TABLE clients RENAME TO customers',
    ],
    [
      'the column',
      'ALTER TABLE customers RENAME email TO mail',
      'SELECT mail FROM customers LIMIT 1',
      'ALTER TABLE customers RENAME mail TO email',
    ],
    [
      'the schema',
      'ALTER SCHEMA public RENAME TO shop',
      'SELECT email FROM shop.customers LIMIT 1',
      'ALTER SCHEMA shop RENAME TO public',
    ],
  ])('when who may renames %s', async (_, rename, look, back) => {
    const alice = await staging.client('alice');
    const bob = await staging.client('bob');
    await alice.query(rename);
    const seen = await bob.query(look).then(({ rows }) => JSON.stringify(rows), String);
    await alice.query(back);
    expect(seen).toContain('p***@secret.example');
    expect((await bob.query('SELECT email FROM customers LIMIT 1')).rows).toEqual([
      { email: 'p***@secret.example' },
    ]);
  });
});
