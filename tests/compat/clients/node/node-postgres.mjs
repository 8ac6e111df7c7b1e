/** node-postgres: simple, parameterized and named queries, cursors, streams, COPY, LISTEN, a pool, cancel. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from, to } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { config, failure, main, section, show, told } from './canon.mjs';

const TYPES = [
  ['int2', -5],
  ['int4', 2147483647],
  ['int8', '-9223372036854775808'],
  ['float4', 0.5],
  ['float8', 1e-300],
  ['numeric', '12345678901234567890.5'],
  ['bool', true],
  ['text', "tëxt '\\ \u{1f418}"],
  ['char(4)', 'ab'],
  ['bytea', Buffer.from([0, 255])],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['date', '2024-02-29'],
  ['timestamptz', new Date('2024-02-29T12:34:56.789Z')],
  ['interval', '1 day 02:03:04'],
  ['json', { a: [1, null] }],
  ['jsonb', { b: { c: 1.5 } }],
  ['inet', '10.0.0.1/8'],
  ['int4[]', [1, null, 3]],
  ['text[]', ['a,b', '"']],
  ['point', '(1,2)'],
  ['mood', 'happy'],
  ['int4range', '[1,5)'],
  ['xml', '<a/>'],
  ['money', '1.50'],
  ['oid', 42],
];

async function work() {
  const client = new pg.Client(config);
  await client.connect();
  section('DDL');
  for (const sql of [
    "CREATE TYPE mood AS ENUM ('sad', 'happy')",
    'CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE NOT NULL, price numeric(10,2) CHECK (price >= 0), tags text[])',
    'CREATE TABLE a (); CREATE TABLE b (); DROP TABLE a, b',
  ]) {
    const results = [await client.query(sql)].flat();
    show(
      sql,
      results.map(({ command, rowCount }) => [command, rowCount]),
    );
  }
  section('types');
  for (const [type, value] of TYPES) {
    const { rows, fields } = await client.query({
      text: `SELECT $1::${type} AS v, NULL::${type} AS n`,
      values: [value],
      rowMode: 'array',
    });
    show(
      type,
      fields[0].dataTypeID < 16384 ? fields[0].dataTypeID : 'own',
      fields[0].format,
      fields[0].dataTypeModifier,
      rows[0],
    );
  }
  section('prepared statements');
  for (let n = 0; n < 5; n += 1) {
    const { rows } = await client.query({
      name: 'doubled',
      text: 'SELECT $1::int * 2 AS doubled',
      values: [n],
    });
    show(`run ${n}`, rows);
  }
  const kept = await client.query("SELECT name FROM pg_prepared_statements WHERE name <> ''");
  show('kept', kept.rows);
  await batches(client);
  await transactions(client);
  await errors(client);
  await streams(client);
  await copying(client);
  await listening(client);
  await cancelling(client);
  await client.end();
  await pooled();
}

async function batches(client) {
  section('many at once');
  const inserted = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      client.query('INSERT INTO items (name, price, tags) VALUES ($1, $2, $3) RETURNING id', [
        `item ${n}`,
        n / 4,
        ['x'],
      ]),
    ),
  );
  show('ids', inserted.at(0).rows, inserted.at(-1).rows);
  const { rows } = await client.query('SELECT count(*), sum(price) FROM items');
  show('sums', rows);
}

async function transactions(client) {
  section('transactions');
  const count = async () => (await client.query('SELECT count(*)::int AS n FROM items')).rows[0].n;
  await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
  await client.query('DELETE FROM items');
  show('inside', await count());
  await client.query('ROLLBACK');
  show('rolled back', await count());
  await client.query('BEGIN');
  await client.query('SAVEPOINT s');
  show(
    'in the savepoint',
    (await failure(() => client.query("INSERT INTO items (name) VALUES ('item 1')"))).code,
  );
  show('in a failed one', (await failure(() => client.query('SELECT 1'))).code);
  await client.query('ROLLBACK TO s');
  await client.query("INSERT INTO items (name) VALUES ('kept')");
  await client.query('COMMIT');
  show('committed', await count());
  await client.query('BEGIN');
  await failure(() => client.query('SELECT 1/0'));
  show('COMMIT of a failed one', (await client.query('COMMIT')).command);
}

async function errors(client) {
  section('errors');
  for (const sql of [
    'SELECT nothing FROM items',
    'SELECT * FROM nowhere',
    'SELEC',
    "INSERT INTO items (name) VALUES ('item 1')",
    'INSERT INTO items (price) VALUES (1)',
    "INSERT INTO items (name, price) VALUES ('n', -1)",
    'SELECT no_such(1)',
    'SELECT $1::int',
  ]) {
    show(sql, told(await failure(() => client.query(sql, sql.includes('$1') ? ['text'] : undefined))));
  }
  client.on('notice', (notice) => show('notice', notice.severity, notice.code, notice.message));
  await client.query("DO $$ BEGIN RAISE WARNING 'careful'; END $$; DROP TABLE IF EXISTS nowhere");
}

async function streams(client) {
  section('cursors and streams');
  const cursor = client.query(new Cursor('SELECT generate_series(1, $1::int) AS n', [250]));
  for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100))
    show('read', rows.length, rows.at(-1));
  await cursor.close();
  const left = client.query(new Cursor('SELECT generate_series(1, 100000)'));
  show('left early', (await left.read(5)).length);
  await left.close();
  let sum = 0;
  for await (const { n } of client.query(
    new QueryStream('SELECT generate_series(1, 5000) AS n', [], { batchSize: 77 }),
  ))
    sum += n;
  show('streamed', sum);
}

async function copying(client) {
  section('COPY');
  const lines = Array.from({ length: 3000 }, (_, n) => `copied ${n}\t${n}\n`);
  const incoming = client.query(from('COPY items (name, price) FROM STDIN'));
  await pipeline(Readable.from(lines), incoming);
  show('in', incoming.rowCount);
  const refused = await failure(() =>
    pipeline(Readable.from(['bad\tnumber\n']), client.query(from('COPY items (name, price) FROM STDIN'))),
  );
  show('refused', refused.code, refused.where);
  let text = '';
  const outgoing = client.query(
    to(
      "COPY (SELECT name, price FROM items WHERE name LIKE 'copied 1%' ORDER BY price LIMIT 3) TO STDOUT (FORMAT csv, HEADER)",
    ),
  );
  for await (const chunk of outgoing) text += chunk;
  show('out', text);
}

async function listening(client) {
  section('LISTEN and NOTIFY');
  const other = new pg.Client(config);
  await other.connect();
  await client.query('LISTEN news');
  const told = [];
  const all = new Promise((resolve) => {
    client.on('notification', ({ channel, payload, processId }) => {
      told.push([channel, payload, processId === other.processID]);
      if (told.length === 2) resolve();
    });
  });
  await other.query("SELECT pg_notify('news', $1)", ['first']);
  await other.query("NOTIFY news, 'second'");
  await all;
  show('notified', told);
  await other.end();
}

async function cancelling(client) {
  section('cancel');
  const other = new pg.Client(config);
  await other.connect();
  const sleeping = failure(() => client.query('SELECT pg_sleep(30)'));
  // Not before it runs: what is cancelled too early runs to its end.
  for (let running = 0; running === 0; ) {
    const { rows } = await other.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'",
    );
    running = rows[0].n;
  }
  const canceller = new pg.Client(config);
  const cancel = () => canceller.connection.cancel(client.processID, client.secretKey);
  canceller.connection.once('connect', () => (config.ssl ? canceller.connection.requestSsl() : cancel()));
  canceller.connection.once('sslconnect', cancel);
  const closed = once(canceller.connection, 'end');
  canceller.connection.connect(config.port, config.host);
  await closed;
  show('cancelled', (await sleeping).code);
  show('goes on', (await client.query('SELECT 1 AS one')).rows);
  await other.end();
}

async function pooled() {
  section('pool');
  const pool = new pg.Pool({ ...config, max: 5 });
  const rows = await Promise.all(
    Array.from({ length: 200 }, (_, n) => pool.query('SELECT $1::int AS n', [n])),
  );
  show(
    'sum',
    rows.reduce((sum, result) => sum + result.rows[0].n, 0),
  );
  await pool.end();
}

async function reflect() {
  const client = new pg.Client(config);
  await client.connect();
  section('structure under masks');
  for (const name of ['customers', 'orders', 'employees', 'customer_overview']) {
    const { fields } = await client.query(`SELECT * FROM ${name} LIMIT 0`);
    for (const field of fields)
      show(name, field.name, field.dataTypeID, field.dataTypeSize, field.dataTypeModifier);
  }
  section('masked rows');
  const { rows } = await client.query('SELECT email FROM customers WHERE id <= $1 ORDER BY id', [5]);
  for (const { email } of rows) console.log(`email ${email}`);
  await client.end();
}

await main(work, reflect);
