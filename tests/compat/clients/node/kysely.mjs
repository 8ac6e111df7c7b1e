/** Kysely: schema builder, migrator with its lock, query builder, streams, introspection. */
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Migrator, NO_MIGRATIONS } from 'kysely/migration';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { config, failure, main, section, show } from './canon.mjs';

const open = () =>
  new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ ...config, max: 3 }), cursor: Cursor }) });

const MIGRATIONS = {
  '1_tables': {
    up: async (db) => {
      await db.schema.createType('mood').asEnum(['sad', 'happy']).execute();
      await db.schema
        .createTable('authors')
        .addColumn('id', 'integer', (c) => c.primaryKey().generatedByDefaultAsIdentity())
        .addColumn('name', 'varchar(80)', (c) => c.notNull().unique())
        .addColumn('feeling', sql`mood`)
        .addColumn('doc', 'jsonb')
        .execute();
      await db.schema
        .createTable('books')
        .addColumn('id', 'serial', (c) => c.primaryKey())
        .addColumn('title', 'text', (c) => c.notNull())
        .addColumn('price', 'numeric(8, 2)', (c) => c.check(sql`price >= 0`))
        .addColumn('published', 'timestamptz', (c) => c.defaultTo(sql`'2024-01-01 00:00+00'`))
        .addColumn('author_id', 'integer', (c) => c.references('authors.id').onDelete('cascade').notNull())
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('books').execute();
      await db.schema.dropTable('authors').execute();
      await db.schema.dropType('mood').execute();
    },
  },
  '2_index': {
    up: async (db) => {
      await db.schema
        .createIndex('books_author')
        .on('books')
        .columns(['author_id', 'title'])
        .unique()
        .execute();
      await db.schema.alterTable('books').addColumn('pages', 'integer').execute();
      await db.schema.alterTable('books').renameColumn('pages', 'sheets').execute();
      await db.schema
        .createView('titles')
        .as(db.selectFrom('books').select(['title']))
        .execute();
    },
    down: async (db) => {
      await db.schema.dropView('titles').execute();
    },
  },
};

async function work() {
  const db = open();
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  section('migrations');
  show('up', (await migrator.migrateToLatest()).results);
  show('down', (await migrator.migrateDown()).results);
  section('queries');
  const authors = await db
    .insertInto('authors')
    .values(
      Array.from({ length: 50 }, (_, n) => ({
        name: `author ${n}`,
        feeling: n % 2 ? 'sad' : null,
        doc: { n },
      })),
    )
    .returning(['id', 'name'])
    .execute();
  show('inserted', authors.length, authors.at(-1));
  await db
    .insertInto('books')
    .values(
      authors.flatMap(({ id }) =>
        [1, 2, 3].map((k) => ({ title: `book ${id}.${k}`, price: k + 0.25, author_id: id })),
      ),
    )
    .execute();
  show(
    'joined',
    await db
      .selectFrom('authors as a')
      .innerJoin('books as b', 'b.author_id', 'a.id')
      .where('a.id', 'in', [1, 2])
      .select(({ fn }) => ['a.name', fn.count('b.id').as('n'), fn.sum('b.price').as('total')])
      .groupBy('a.name')
      .orderBy('a.name')
      .execute(),
  );
  show(
    'json',
    await db
      .selectFrom('authors')
      .select(sql`doc->'n'`.as('n'))
      .where(sql`(doc->>'n')::int`, '>', 47)
      .orderBy('id')
      .execute(),
  );
  show(
    'with',
    await db
      .with('dear', (q) => q.selectFrom('books').where('price', '>', 3).selectAll())
      .selectFrom('dear')
      .select(({ fn }) => fn.countAll().as('n'))
      .executeTakeFirst(),
  );
  show(
    'upsert',
    await db
      .insertInto('authors')
      .values({ name: 'author 1' })
      .onConflict((c) => c.column('name').doUpdateSet({ feeling: 'happy' }))
      .returning('feeling')
      .executeTakeFirst(),
  );
  show(
    'updated',
    await db.updateTable('books').set({ price: sql`price + 1` }).where('price', '<', 2).executeTakeFirst(),
  );
  show('deleted', await db.deleteFrom('authors').where('id', '=', 50).executeTakeFirst());
  show(
    'merged',
    await db
      .mergeInto('authors as a')
      .using('books as b', 'a.id', 'b.id')
      .whenMatched()
      .thenUpdateSet({ feeling: 'sad' })
      .executeTakeFirst(),
  );
  let streamed = 0;
  for await (const row of db.selectFrom('books').selectAll().orderBy('id').stream(20)) streamed += row.id;
  show('streamed', streamed > 0);
  show('explained', (await db.selectFrom('books').selectAll().explain()).length > 0);
  section('transactions');
  const count = async () =>
    (
      await db
        .selectFrom('authors')
        .select(({ fn }) => fn.countAll().as('n'))
        .executeTakeFirst()
    ).n;
  show(
    'given up',
    (
      await failure(() =>
        db
          .transaction()
          .setIsolationLevel('serializable')
          .execute(async (tx) => {
            await tx.deleteFrom('authors').execute();
            throw new Error('given up');
          }),
      )
    ).message,
  );
  show('rolled back', await count());
  const tx = await db.startTransaction().execute();
  const saved = await tx.savepoint('s').execute();
  show(
    'in the savepoint',
    (await failure(() => saved.insertInto('authors').values({ name: 'author 1' }).execute())).code,
  );
  await (await saved.rollbackToSavepoint('s').execute())
    .insertInto('authors')
    .values({ name: 'kept' })
    .execute();
  await tx.commit().execute();
  show('committed', await count());
  section('errors');
  show(
    'check',
    (await failure(() => db.insertInto('books').values({ title: 't', price: -1, author_id: 1 }).execute()))
      .constraint,
  );
  show('no table', (await failure(() => db.selectFrom('nowhere').selectAll().execute())).code);
  section('introspection');
  await tables(db);
  section('migrations, undone');
  show('down', (await migrator.migrateTo(NO_MIGRATIONS)).results);
  await db.destroy();
}

async function tables(db) {
  show('schemas', await db.introspection.getSchemas());
  for (const { name, schema, isView, columns } of await db.introspection.getTables())
    show(`${schema}.${name}`, isView, columns);
}

async function reflect() {
  const db = open();
  section('introspection under masks');
  await tables(db);
  section('masked rows');
  for (const { email } of await db
    .selectFrom('customers')
    .select('email')
    .where('id', '<=', 5)
    .orderBy('id')
    .execute())
    console.log(`email ${email}`);
  await db.destroy();
}

await main(work, reflect);
