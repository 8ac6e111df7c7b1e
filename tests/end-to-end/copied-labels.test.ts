/** Labels go with the values: who sees masks learns nothing from copies that somebody made who sees the values. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gate, SHOP, startGate } from '../support/gate.ts';

const SCHEMA = `${SHOP}
  CREATE TABLE notes (id int PRIMARY KEY, note text, other text);
  CREATE TABLE log (id int GENERATED ALWAYS AS IDENTITY, said text, length int GENERATED ALWAYS AS (length(said)) STORED);
  CREATE TABLE parts (id int, mail text) PARTITION BY RANGE (id);
  CREATE TABLE family (mail text);
  CREATE FUNCTION note_all() RETURNS void LANGUAGE sql AS 'INSERT INTO notes SELECT id + 5000, email, NULL FROM customers';
`;
const SECRET = /person\d|\dnosrep/;

let gate: Gate;
let alice: pg.Client;
let bob: pg.Client;
beforeAll(async () => {
  gate = await startGate({ schema: SCHEMA, environment: 'staging' });
  alice = await gate.client('alice');
  bob = await gate.client('bob');
});
afterAll(() => gate.stop());

/** What Bob is told, rows or error. */
async function told(text: string): Promise<string> {
  return bob.query(text).then(
    ({ rows }) => JSON.stringify(rows),
    (error: Error) => `refused: ${error.message}`,
  );
}

/** What Alice does, what Bob asks then, and whether he is answered. */
const COPIES: Readonly<Record<string, readonly [does: readonly string[], asks: string, answered: boolean]>> =
  {
    'CREATE TABLE AS': [
      ['CREATE TABLE c1 AS SELECT id, email AS mail FROM customers'],
      'SELECT * FROM c1',
      true,
    ],
    'CREATE TABLE AS with names': [
      ['CREATE TABLE c2 (a, b) AS SELECT id, email FROM customers'],
      'TABLE c2',
      true,
    ],
    'SELECT INTO': [
      ['SELECT * INTO c3 FROM customers UNION ALL SELECT * FROM customers'],
      'SELECT email FROM c3',
      true,
    ],
    'what is computed': [
      ["CREATE TABLE c4 AS SELECT id, reverse(email) AS backwards, 'x' || email AS x FROM customers"],
      'SELECT reverse(backwards), x FROM c4',
      true,
    ],
    'through a view, a subquery and a WITH': [
      [
        `CREATE TABLE c5 AS WITH w AS (SELECT s.email FROM (SELECT email FROM customer_emails) s) SELECT w.email AS e FROM w`,
      ],
      'TABLE c5',
      true,
    ],
    'which rows there are': [
      [`CREATE TABLE c6 AS SELECT id FROM customers WHERE email LIKE 'person7%'`],
      'SELECT count(*) FROM c6',
      false,
    ],
    'INSERT … SELECT': [
      ['INSERT INTO notes SELECT id, email, plan FROM customers WHERE id < 50'],
      'SELECT note, other FROM notes WHERE id = 7',
      true,
    ],
    'a value in VALUES': [
      [`INSERT INTO log (said) VALUES ((SELECT max(email) FROM customers))`],
      'SELECT said, length FROM log',
      true,
    ],
    'ON CONFLICT and excluded': [
      [
        `INSERT INTO notes (id, other) SELECT id, email FROM customers WHERE id = 7
        ON CONFLICT (id) DO UPDATE SET other = excluded.other`,
      ],
      'SELECT other FROM notes WHERE id = 7',
      true,
    ],
    UPDATE: [
      [
        'CREATE TABLE c7 (id int, kept text)',
        'INSERT INTO c7 SELECT id FROM customers',
        'UPDATE c7 SET kept = c.email FROM customers c WHERE c.id = c7.id',
      ],
      'SELECT kept FROM c7',
      true,
    ],
    'UPDATE with a row': [
      [
        'CREATE TABLE c8 (id int, a text, b text)',
        'INSERT INTO c8 VALUES (7)',
        'UPDATE c8 SET (a, b) = (SELECT plan, email FROM customers c WHERE c.id = c8.id)',
      ],
      'SELECT b FROM c8',
      true,
    ],
    MERGE: [
      [
        'CREATE TABLE c9 (id int, a text)',
        `MERGE INTO c9 USING customers c ON c9.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.email)`,
      ],
      'SELECT a FROM c9',
      true,
    ],
    'a prepared statement': [
      ['PREPARE fill AS SELECT id, email FROM customers', 'CREATE TABLE c10 AS EXECUTE fill'],
      'SELECT email FROM c10',
      true,
    ],
    'a function': [['SELECT note_all()'], 'SELECT note FROM notes WHERE id > 5000', true],
    'a temporary table in between': [
      [
        'CREATE TEMP TABLE t1 AS SELECT email AS m FROM customers',
        'CREATE TABLE c11 AS SELECT m AS mm FROM t1',
      ],
      'SELECT mm FROM c11',
      true,
    ],
    'a transaction that makes, fills and renames': [
      [
        'BEGIN',
        'CREATE TABLE d1 (a text)',
        'INSERT INTO d1 SELECT email FROM customers',
        'CREATE TABLE d2 AS SELECT a AS b FROM d1',
        'ALTER TABLE d1 RENAME TO d3',
        'ALTER TABLE d3 RENAME COLUMN a TO c',
        'COMMIT',
      ],
      'SELECT c, b FROM d3, d2',
      true,
    ],
    'several statements at once': [
      ['CREATE TABLE e1 AS SELECT email FROM customers; CREATE TABLE e2 AS SELECT * FROM e1'],
      'SELECT email FROM e2',
      true,
    ],
    'a column that is new': [
      [
        'BEGIN',
        'ALTER TABLE family ADD COLUMN extra text',
        "INSERT INTO family SELECT 'x', email FROM customers",
        'COMMIT',
      ],
      'SELECT extra FROM family',
      true,
    ],
    LIKE: [
      [
        'CREATE TABLE f1 (LIKE customers INCLUDING ALL)',
        "INSERT INTO f1 VALUES (1, 'n', 'person1@secret.example')",
      ],
      'SELECT email FROM f1',
      true,
    ],
    'a copy of a copy, renamed and moved': [
      [
        'CREATE TABLE g1 AS SELECT email FROM customers',
        'CREATE TABLE g2 AS SELECT email AS e FROM g1',
        'CREATE SCHEMA far',
        'ALTER TABLE g2 SET SCHEMA far',
        'ALTER TABLE far.g2 RENAME COLUMN e TO other',
      ],
      'SELECT other FROM far.g2',
      true,
    ],
    'a partition that is attached': [
      [
        'CREATE TABLE p1 AS SELECT id, email AS mail FROM customers',
        'ALTER TABLE parts ATTACH PARTITION p1 FOR VALUES FROM (0) TO (1000)',
      ],
      'SELECT mail FROM parts',
      true,
    ],
    'a child, and what it is detached from': [
      ['CREATE TABLE child () INHERITS (family)', 'INSERT INTO child (mail) SELECT email FROM customers'],
      'SELECT mail FROM family',
      true,
    ],
    'a materialized view of a copy': [
      [
        'CREATE TABLE h1 AS SELECT email FROM customers',
        'CREATE MATERIALIZED VIEW h2 AS SELECT email FROM h1',
      ],
      'SELECT email FROM h2',
      true,
    ],
  };

describe('copies made by a dba show support no e-mail', () => {
  it.each(Object.entries(COPIES))('%s', async (_, [does, asks, answered]) => {
    for (const text of does) await alice.query(text);
    const { rows } = await gate.database.query(asks);
    if (answered) expect(JSON.stringify(rows), 'it works on the database itself').toMatch(SECRET);
    const seen = await told(asks);
    expect(seen).not.toMatch(SECRET);
    expect(seen.startsWith('refused'), seen).toBe(!answered);
    expect(JSON.stringify((await alice.query(asks)).rows)).toBe(JSON.stringify(rows));
  });

  it('but everything else', async () => {
    await alice.query('CREATE TABLE plain AS SELECT id, plan FROM customers');
    await alice.query('INSERT INTO notes SELECT id + 9000, NULL, NULL FROM customers');
    expect(await told('SELECT id, plan FROM plain WHERE id = 7')).toBe('[{"id":7,"plan":"free"}]');
    expect(await told('SELECT id FROM notes WHERE id = 9007')).toBe('[{"id":9007}]');
  });

  it('nor is a table labelled that is not made after all', async () => {
    await alice.query('BEGIN');
    await alice.query('CREATE TABLE undone AS SELECT email FROM customers');
    await alice.query('ROLLBACK');
    await expect(alice.query('CREATE TABLE notes AS SELECT id, email AS id2 FROM customers')).rejects.toThrow(
      'already exists',
    );
    await alice.query(`CREATE TABLE undone AS SELECT 'plain'::text AS email`);
    expect(await told('SELECT email FROM undone')).toBe('[{"email":"plain"}]');
    expect(await told('SELECT id FROM notes WHERE id = 7')).toBe('[{"id":7}]');
  });
});

describe('whoever may administer the gate', () => {
  it('sees what was learned, and lets go of it', async () => {
    await alice.query(`CREATE TABLE harmless AS SELECT left(email, 0) AS nothing FROM customers`);
    expect(await told('SELECT DISTINCT nothing FROM harmless')).toBe('[{"nothing":"***"}]');
    const listed = (await gate.admin('GET', '/admin/labels/shop')).body as { labels: object[] };
    expect(listed.labels).toContainEqual(
      expect.objectContaining({
        ...{ relation: 'public.harmless', column: 'nothing', label: 'email' },
        because: 'public.customers.email',
      }),
    );
    const forgotten = await gate.admin('POST', '/admin/labels/shop/forget', {
      ...{ column: 'public.harmless.nothing', reason: 'nothing in it' },
    });
    expect(forgotten).toEqual({ status: 200, body: { forgotten: ['public.harmless.nothing:email'] } });
    expect(await told('SELECT DISTINCT nothing FROM harmless')).toBe('[{"nothing":""}]');
    const recorded = (await gate.entries()).map(({ event }) => event).filter(({ kind }) => kind === 'label');
    expect(recorded).toContainEqual({
      ...{ kind: 'label', step: 'copied', database: 'shop', columns: ['public.harmless.nothing:email'] },
      from: ['public.customers.email'],
    });
    expect(recorded).toContainEqual(
      expect.objectContaining({
        step: 'forgotten',
        columns: ['public.harmless.nothing:email'],
        reason: 'nothing in it',
      }),
    );
  });

  it('but not of what the configuration says', async () => {
    const answer = await gate.admin('POST', '/admin/labels/shop/forget', {
      column: 'public.customers.email',
    });
    expect(answer).toMatchObject({
      status: 400,
      body: { hint: expect.stringContaining('public.customers.email') },
    });
  });
});
