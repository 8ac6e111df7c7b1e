/** Drizzle: its migrator, relational queries, prepared statements, transactions, and drizzle-kit's introspection. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { and, eq, gt, inArray, relations, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import {
  bigint,
  boolean,
  check,
  customType,
  date,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgTable,
  serial,
  text,
  timestamp,
  uniqueIndex,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core';
import pg from 'pg';
import { config, failure, main, section, show, url } from './canon.mjs';

const bytea = customType({ dataType: () => 'bytea' });
const mood = pgEnum('mood', ['sad', 'happy']);
const authors = pgTable('authors', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: varchar({ length: 80 }).notNull().unique(),
  feeling: mood(),
  doc: jsonb(),
  tags: text().array(),
  key: uuid(),
  born: date(),
  seen: timestamp({ withTimezone: true }),
  big: bigint({ mode: 'bigint' }),
  ratio: doublePrecision(),
  active: boolean().default(true),
  photo: bytea(),
});
const books = pgTable(
  'books',
  {
    id: serial().primaryKey(),
    title: text().notNull(),
    price: numeric({ precision: 8, scale: 2 }),
    authorId: integer('author_id')
      .notNull()
      .references(() => authors.id, { onDelete: 'cascade' }),
  },
  (table) => [
    uniqueIndex('once').on(table.authorId, table.title),
    check('not_negative', sql`${table.price} >= 0`),
  ],
);
const schema = {
  authors,
  books,
  mood,
  authorRelations: relations(authors, ({ many }) => ({ books: many(books) })),
  bookRelations: relations(books, ({ one }) => ({
    author: one(authors, { fields: [books.authorId], references: [authors.id] }),
  })),
};

async function work() {
  const pool = new pg.Pool({ ...config, max: 3 });
  const db = drizzle(pool, { schema });
  section('migrations');
  await migrate(db, { migrationsFolder: 'drizzle' });
  await migrate(db, { migrationsFolder: 'drizzle' });
  show('applied', (await db.execute(sql`SELECT count(*)::int AS n FROM drizzle.__drizzle_migrations`)).rows);
  section('queries');
  const moment = new Date('2024-02-29T12:34:56.789Z');
  const inserted = await db
    .insert(authors)
    .values(
      Array.from({ length: 40 }, (_, n) => ({
        name: `author ${n}`,
        feeling: n % 2 ? 'sad' : null,
        doc: { n, list: [1, null] },
        tags: ['x', `${n}`],
        key: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        born: '1990-01-01',
        seen: moment,
        big: 9007199254740993n,
        ratio: 0.1,
        photo: Buffer.from([0, 255]),
      })),
    )
    .returning({ id: authors.id });
  show('inserted', inserted.length);
  await db
    .insert(books)
    .values(
      inserted.flatMap(({ id }) =>
        [1, 2, 3].map((k) => ({ title: `book ${id}.${k}`, price: `${k}.25`, authorId: id })),
      ),
    );
  show('one', (await db.select().from(authors).where(eq(authors.id, 7)))[0]);
  show(
    'relational',
    await db.query.authors.findMany({
      columns: { id: true, name: true },
      with: { books: { columns: { title: true, price: true }, orderBy: books.id } },
      where: inArray(authors.id, [1, 2]),
      orderBy: authors.id,
    }),
  );
  show(
    'joined',
    await db
      .select({ name: authors.name, n: sql`count(*)::int`, total: sql`sum(${books.price})` })
      .from(authors)
      .innerJoin(books, eq(books.authorId, authors.id))
      .where(and(gt(books.price, '2'), gt(authors.id, 38)))
      .groupBy(authors.name)
      .orderBy(authors.name),
  );
  const prepared = db
    .select({ name: authors.name })
    .from(authors)
    .where(eq(authors.id, sql.placeholder('id')))
    .prepare('by_id');
  for (const id of [1, 2, 3]) show('prepared', await prepared.execute({ id }));
  show(
    'upsert',
    await db
      .insert(authors)
      .values({ name: 'author 1' })
      .onConflictDoUpdate({ target: authors.name, set: { feeling: 'happy' } })
      .returning({ feeling: authors.feeling }),
  );
  show(
    'updated',
    (
      await db
        .update(books)
        .set({ price: sql`${books.price} + 1` })
        .where(gt(books.price, '3'))
    ).rowCount,
  );
  show('deleted', await db.delete(authors).where(eq(authors.id, 40)).returning({ id: authors.id }));
  show('counted', await db.$count(books));
  section('transactions');
  show(
    'given up',
    (
      await failure(() =>
        db.transaction(
          async (tx) => {
            await tx.delete(authors);
            tx.rollback();
          },
          { isolationLevel: 'serializable' },
        ),
      )
    ).message,
  );
  await db.transaction(async (tx) => {
    show(
      'in the savepoint',
      (await failure(() => tx.transaction((inner) => inner.insert(authors).values({ name: 'author 1' }))))
        .cause.code,
    );
    await tx.insert(authors).values({ name: 'kept' });
  });
  show('committed', await db.$count(authors));
  section('errors');
  show(
    'check',
    (await failure(() => db.insert(books).values({ title: 't', price: '-1', authorId: 1 }))).cause.constraint,
  );
  show('no table', (await failure(() => db.execute(sql`SELECT * FROM nowhere`))).cause.code);
  await pool.end();
  section('drizzle-kit pull');
  pull();
}

/** drizzle-kit writes files: into a folder of its own, from which they are printed. */
function pull() {
  const folder = mkdtempSync(join(tmpdir(), 'drizzle-'));
  try {
    const file = join(folder, 'drizzle.config.json');
    writeFileSync(
      file,
      JSON.stringify({
        dialect: 'postgresql',
        out: join(folder, 'out'),
        dbCredentials: { url },
        schemaFilter: ['public'],
      }),
    );
    const { status, stdout, stderr } = spawnSync(
      'node',
      ['node_modules/drizzle-kit/bin.cjs', 'pull', `--config=${file}`],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`drizzle-kit: ${stdout}${stderr}`);
    for (const name of ['schema.ts', 'relations.ts']) {
      for (const line of readFileSync(join(folder, 'out', name), 'utf8').split('\n'))
        if (line.trim() !== '') console.log(`  ${line}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function reflect() {
  section('drizzle-kit pull under masks');
  pull();
  section('masked rows');
  const pool = new pg.Pool(config);
  const customers = pgTable('customers', { id: integer(), email: text() });
  for (const { email } of await drizzle(pool)
    .select()
    .from(customers)
    .where(inArray(customers.id, [1, 2, 3, 4, 5]))
    .orderBy(customers.id))
    console.log(`email ${email}`);
  await pool.end();
}

await main(work, reflect);
