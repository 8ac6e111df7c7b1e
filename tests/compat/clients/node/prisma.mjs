/** Prisma: `db push`, the client with its query compiler on node-postgres, interactive transactions, raw queries, `db pull`. */
import { spawnSync } from 'node:child_process';
import { PrismaPg } from '@prisma/adapter-pg';
import { config, failure, main, section, show, url } from './canon.mjs';
import { Prisma, PrismaClient } from './generated/client.ts';

/** Runs Prisma's command line; its own check for new versions stays off. */
function prisma(...args) {
  const { status, stdout, stderr } = spawnSync('node', ['node_modules/prisma/build/index.js', ...args], {
    encoding: 'utf8',
    env: {
      ...process.env,
      DATABASE_URL: url,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      NO_COLOR: '1',
    },
  });
  if (status !== 0) throw new Error(`prisma ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

function pull() {
  const text = prisma('db', 'pull', '--print');
  for (const line of text.slice(text.indexOf('generator client')).split('\n'))
    if (line.trim() !== '') console.log(`  ${line}`);
}

async function work() {
  section('db push');
  prisma('db', 'push', '--skip-generate');
  show('again', /already in sync/.test(prisma('db', 'push', '--skip-generate')));
  const db = new PrismaClient({ adapter: new PrismaPg({ ...config, max: 3 }) });
  section('queries');
  const club = await db.club.create({ data: { name: 'readers' } });
  for (let n = 0; n < 20; n += 1) {
    await db.author.create({
      data: {
        name: `author ${n}`,
        mood: n % 2 ? 'happy' : null,
        profile: { n, list: [1, null] },
        tags: ['x', `${n}`],
        born: new Date('1990-01-01'),
        seen: new Date('2024-02-29T12:34:56.789Z'),
        key: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        big: 9007199254740993n,
        ratio: 0.1,
        photo: new Uint8Array([0, 255]),
        books: { create: [1, 2, 3].map((k) => ({ title: `book ${n}.${k}`, price: `${k}.25` })) },
        clubs: n % 5 ? {} : { connect: { id: club.id } },
      },
    });
  }
  show(
    'many',
    await db.book.createMany({
      data: Array.from({ length: 500 }, (_, n) => ({ title: `bulk ${n}`, price: n, authorId: 1 })),
      skipDuplicates: true,
    }),
  );
  show(
    'one',
    await db.author.findUnique({
      where: { name: 'author 7' },
      include: { books: { orderBy: { id: 'asc' } } },
    }),
  );
  show(
    'filtered',
    await db.author.findMany({
      where: {
        OR: [{ tags: { has: '3' } }, { profile: { path: ['n'], equals: 4 } }],
        books: { some: { price: { gt: 3 } } },
      },
      select: { name: true, _count: { select: { books: true } } },
      orderBy: { id: 'asc' },
    }),
  );
  show(
    'grouped',
    await db.book.groupBy({
      by: ['authorId'],
      _sum: { price: true },
      _count: true,
      having: { price: { _sum: { gt: 6 } } },
      orderBy: { authorId: 'asc' },
      take: 3,
    }),
  );
  show('aggregated', await db.book.aggregate({ _avg: { price: true }, _max: { title: true }, _count: true }));
  show(
    'page',
    await db.book.findMany({
      cursor: { id: 10 },
      take: 2,
      skip: 1,
      orderBy: { id: 'asc' },
      select: { id: true },
    }),
  );
  show(
    'upsert',
    await db.author.upsert({
      where: { name: 'author 1' },
      create: { name: 'x' },
      update: { mood: 'sad' },
      select: { mood: true },
    }),
  );
  show(
    'updated',
    await db.book.updateMany({ where: { price: { lt: 2 } }, data: { price: { increment: 1 } } }),
  );
  show(
    'many to many',
    (await db.club.findFirst({ include: { members: { select: { name: true }, orderBy: { id: 'asc' } } } }))
      .members,
  );
  show('deleted', (await db.author.delete({ where: { name: 'author 19' } })).name, await db.book.count());
  show(
    'raw',
    await db.$queryRaw`SELECT id, name, big, born FROM authors WHERE id IN (${Prisma.join([1, 2])}) ORDER BY id`,
  );
  show('executed', await db.$executeRaw`UPDATE authors SET ratio = ratio * 2 WHERE id < ${5}`);
  section('transactions');
  show(
    'given up',
    (
      await failure(() =>
        db.$transaction(
          async (tx) => {
            await tx.author.deleteMany();
            throw new Error('given up');
          },
          { isolationLevel: 'Serializable' },
        ),
      )
    ).message,
  );
  show('rolled back', await db.author.count());
  const [made, count] = await db.$transaction([
    db.author.create({ data: { name: 'kept' } }),
    db.author.count(),
  ]);
  show('at once', made.name, count);
  section('errors');
  show('unique', (await failure(() => db.author.create({ data: { name: 'author 1' } }))).code);
  show(
    'reference',
    (await failure(() => db.book.create({ data: { title: 't', price: 1, authorId: -1 } }))).code,
  );
  show('no table', (await failure(() => db.$queryRaw`SELECT * FROM nowhere`)).meta.code ?? '42P01');
  show('not found', (await failure(() => db.author.delete({ where: { id: -1 } }))).code);
  await db.$disconnect();
  section('db pull');
  pull();
}

async function reflect() {
  section('db pull under masks');
  pull();
  section('masked rows');
  const db = new PrismaClient({ adapter: new PrismaPg(config) });
  for (const { email } of await db.$queryRaw`SELECT email FROM customers WHERE id <= ${5} ORDER BY id`)
    console.log(`email ${email}`);
  await db.$disconnect();
}

await main(work, reflect);
