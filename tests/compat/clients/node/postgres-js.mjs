/** postgres.js: everything prepared and pipelined, its own reading of types and arrays, reserved connections, cursors, COPY. */
import postgres from 'postgres';
import { config, failure, main, section, show, told } from './canon.mjs';

const connect = (more = {}) =>
  postgres({
    host: config.host,
    port: config.port,
    user: config.user,
    pass: config.password,
    database: config.database,
    ssl: config.ssl === false ? false : 'require',
    max: 3,
    onnotice: (notice) => show('notice', notice.severity, notice.code, notice.message),
    ...more,
  });

async function work() {
  const sql = connect();
  section('DDL');
  await sql.unsafe(`
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE NOT NULL, price numeric(10,2) CHECK (price >= 0), tags text[], doc jsonb, at timestamptz)`);
  show('parameters', sql.parameters.server_encoding, sql.parameters.standard_conforming_strings);
  section('types');
  const rows = await sql`
    SELECT ${5}::int2 AS a, ${'9007199254740993'}::int8 AS b, ${0.5}::float8 AS c, ${'1.50'}::numeric AS d, ${true}::bool AS e, ${"tëxt '\\"}::text AS f,
      ${Buffer.from([0, 255])}::bytea AS g, ${new Date(0)}::timestamptz AS h, ${sql.json({ a: [1, null] })}::jsonb AS i, ${[1, 2]}::int[] AS j,
      ${sql.array(['a,b', '"'])}::text[] AS k, ${null}::text AS l, ${'happy'}::mood AS m, ARRAY['sad']::mood[] AS n, '[1,5)'::int4range AS o`;
  show('values', rows[0]);
  show(
    'columns',
    rows.columns.map(({ name, type, table }) => [name, type < 16384 ? type : 'own', table]),
  );
  const described = await sql`SELECT id, name FROM items WHERE id = ${1} AND name <> ${'x'}`.describe();
  show(
    'described',
    described.types,
    described.columns.map(({ name, type }) => [name, type]),
  );
  show('simple', await sql`SELECT 1 AS a, 'x' AS b`.simple());
  show('as arrays', await sql`SELECT 1 AS a, 2 AS a`.values());
  section('inserts');
  const inserted =
    await sql`INSERT INTO items ${sql(Array.from({ length: 300 }, (_, n) => ({ name: `item ${n}`, price: n, tags: ['x'], doc: { n } })))} RETURNING id`;
  show('at once', inserted.count, inserted.at(-1));
  const answers = await Promise.all(
    Array.from(
      { length: 200 },
      (_, n) => sql`UPDATE items SET price = ${n} WHERE id = ${n + 1} RETURNING price`,
    ),
  );
  show('pipelined', answers.at(-1), answers.length);
  show(
    'dynamic',
    await sql`SELECT ${sql(['id', 'name'])} FROM ${sql('items')} WHERE id IN ${sql([1, 2])} ORDER BY id`,
  );
  section('transactions');
  const count = async () => (await sql`SELECT count(*)::int AS n FROM items`)[0].n;
  show(
    'given up',
    (
      await failure(() =>
        sql.begin('ISOLATION LEVEL SERIALIZABLE', async (tx) => {
          await tx`DELETE FROM items`;
          throw new Error('given up');
        }),
      )
    ).message,
  );
  show('rolled back', await count());
  await sql.begin(async (tx) => {
    await tx`DELETE FROM items WHERE id = 1`;
    show(
      'in the savepoint',
      (await failure(() => tx.savepoint((inner) => inner`INSERT INTO items (name) VALUES ('item 5')`))).code,
    );
    await tx`DELETE FROM items WHERE id = 2`;
  });
  show('committed', await count());
  show('read only', (await failure(() => sql.begin('READ ONLY', (tx) => tx`DELETE FROM items`))).code);
  section('errors');
  for (const text of [
    'SELECT nothing FROM items',
    'SELECT * FROM nowhere',
    'SELEC',
    "INSERT INTO items (name) VALUES ('item 5')",
    'SELECT 1/0',
  ]) {
    const { severity, code, ...fields } = told(await failure(() => sql.unsafe(text)));
    show(text, severity, code, fields);
  }
  await sql.unsafe("DO $$ BEGIN RAISE WARNING 'careful'; END $$");
  section('cursors and COPY');
  let seen = 0;
  for await (const part of sql`SELECT id FROM items ORDER BY id`.cursor(64)) seen += part.length;
  show('cursor', seen);
  await sql`SELECT generate_series(1, 1000) AS n`.forEach(({ n }) => {
    seen += n;
  });
  show('forEach', seen);
  const writable = await sql`COPY items (name, price) FROM STDIN`.writable();
  await new Promise((resolve, reject) => {
    writable.on('error', reject).on('finish', resolve);
    for (let n = 0; n < 2000; n += 1) writable.write(`copied ${n}\t${n}\n`);
    writable.end();
  });
  let text = '';
  for await (const chunk of await sql`COPY (SELECT name FROM items WHERE name LIKE 'copied 19%' ORDER BY id LIMIT 4) TO STDOUT`.readable())
    text += chunk;
  show('COPY', await count(), text);
  section('LISTEN and NOTIFY');
  const heard = new Promise(
    (resolve) => void sql.listen('news', resolve, () => void sql.notify('news', 'hello')),
  );
  show('heard', await heard);
  section('cancel');
  const query = sql`SELECT pg_sleep(30)`.execute();
  setTimeout(() => query.cancel(), 500);
  show('cancelled', (await failure(() => query)).code);
  const reserved = await sql.reserve();
  await reserved`SET application_name = 'reserved'`;
  show('reserved', await reserved`SHOW application_name`);
  reserved.release();
  await sql.end();
}

async function reflect() {
  const sql = connect();
  section('structure under masks');
  for (const name of ['customers', 'orders', 'employees', 'payments']) {
    const { columns } = await sql`SELECT * FROM ${sql(name)} LIMIT 0`;
    for (const column of columns) show(name, column.name, column.type);
  }
  section('masked rows');
  for (const { email } of await sql`SELECT email FROM customers WHERE id <= ${5} ORDER BY id`)
    console.log(`email ${email}`);
  await sql.end();
}

await main(work, reflect);
