/** Limits of rows: what changes more is rolled back by the database, what returns more ends at the row. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrontendMessage, type FrontendMessage } from '../../src/wire/postgres/index.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

let gate: Gate;
let app: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    schema: `
      CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
      INSERT INTO t SELECT i FROM generate_series(1, 100) i;
      CREATE TABLE parent (id int PRIMARY KEY);
      CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
      CREATE TABLE noted (id int);
      CREATE TABLE log (what int);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log SELECT generate_series(1, NEW.id); RETURN NEW; END $$;
      CREATE TRIGGER noting AFTER INSERT ON noted FOR EACH ROW EXECUTE FUNCTION note();
      CREATE FUNCTION wipe() RETURNS bigint LANGUAGE sql AS 'UPDATE t SET n = n + 1; SELECT 1::bigint';
      CREATE PROCEDURE wiping() LANGUAGE plpgsql AS $$ BEGIN UPDATE t SET n = 1; END $$;
    `,
    labels: {},
    environment: 'staging',
    yaml: '\npolicies: { files: [own.cedar] }\n',
    files: {
      'own.cedar': `
        @id("few-writes") @row_limit("10")
        forbid (principal is Service, action in [Action::"Insert", Action::"Update", Action::"Delete", Action::"Truncate"], resource);
        @id("few-reads") @row_limit("7")
        forbid (principal is Human, action == Action::"Read", resource) when { !context.writes };
      `,
    },
  });
  app = await gate.client('app');
});

afterAll(() => gate?.stop());

beforeEach(() =>
  gate.database.query(
    'TRUNCATE parent, child, noted, log; UPDATE t SET n = 0 WHERE n <> 0; INSERT INTO parent VALUES (1), (2); INSERT INTO child SELECT i, 1 FROM generate_series(1, 20) i',
  ),
);

const wire = async (who: string) => WireClient.open((await gate.connection(who)) as WireTarget);
const send = (client: WireClient, ...messages: FrontendMessage[]) =>
  client.send(...messages.map((message) => encodeFrontendMessage(message)));

const LIMITED = { code: 'SL032' };
const changed = async () =>
  (await gate.database.query('SELECT count(*)::int AS n FROM t WHERE n <> 0')).rows[0]?.n;

describe('a write', () => {
  it.each([
    ['UPDATE t SET n = 1 WHERE id <= 10', 10],
    ['INSERT INTO noted VALUES (3)', 1],
    ['DELETE FROM parent WHERE id = 2', 1],
  ])('within its limit runs as ever: %s', async (sql, rowCount) => {
    expect(await app.query(sql)).toMatchObject({ rowCount });
    expect(await app.query(sql.replace('3', '4'), [])).toBeDefined();
  });

  it.each([
    'UPDATE t SET n = 1 WHERE id <= 11',
    'WITH c AS (UPDATE t SET n = 1 RETURNING 1) SELECT count(*) FROM c',
    'EXPLAIN ANALYZE UPDATE t SET n = 1',
    'SELECT wipe()',
    'MERGE INTO t USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET n = 1',
    'UPDATE t SET n = 1 WHERE id < 3; UPDATE t SET n = 2',
    'BEGIN; UPDATE t SET n = 1; COMMIT',
    'UPDATE t SET n = 1 RETURNING id',
  ])('beyond it is rolled back: %s', async (sql) => {
    await expect(app.query(sql)).rejects.toMatchObject(LIMITED);
    await app.query('ROLLBACK');
    expect(await changed()).toBe(0);
    await expect(
      app.query(sql.includes(';') ? 'UPDATE t SET n = 1' : { text: sql, values: [] }),
    ).rejects.toMatchObject(LIMITED);
    expect(await changed()).toBe(0);
  });

  it('counts what triggers and foreign keys do', async () => {
    await expect(app.query('INSERT INTO noted VALUES (10)')).rejects.toMatchObject(LIMITED);
    await expect(app.query('DELETE FROM parent WHERE id = $1', [1])).rejects.toMatchObject(LIMITED);
    const { rows } = await gate.database.query(
      'SELECT (SELECT count(*)::int FROM log) AS log, (SELECT count(*)::int FROM child) AS child',
    );
    expect(rows).toEqual([{ log: 0, child: 20 }]);
  });

  it('fails its transaction, whose other changes go with it', async () => {
    await app.query('BEGIN');
    await app.query('UPDATE t SET n = 5 WHERE id = 1');
    await expect(app.query('UPDATE t SET n = $1', [1])).rejects.toMatchObject(LIMITED);
    await expect(app.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    expect((await app.query('COMMIT')).command).toBe('ROLLBACK');
    expect(await changed()).toBe(0);
  });

  it('is counted statement by statement', async () => {
    await app.query('BEGIN');
    for (let i = 0; i < 5; i += 1) await app.query('UPDATE t SET n = 1 WHERE id <= 10');
    await app.query('COMMIT');
    expect(await changed()).toBe(10);
  });

  it('may go on where a savepoint was', async () => {
    await app.query('BEGIN; SAVEPOINT s');
    await expect(app.query('UPDATE t SET n = 1')).rejects.toMatchObject(LIMITED);
    await app.query('ROLLBACK TO s');
    await app.query('UPDATE t SET n = 1 WHERE id = 1');
    await app.query('COMMIT');
    expect(await changed()).toBe(1);
  });

  it('of a pipeline takes the pipeline with it', async () => {
    const client = await wire('app');
    send(
      client,
      {
        type: 'Parse',
        statement: '',
        text: Buffer.from('UPDATE t SET n = 1 WHERE id <= $1'),
        parameterTypes: [23],
      },
      ...['5', '50', '5'].flatMap((value) => [
        {
          type: 'Bind',
          portal: '',
          statement: '',
          parameterFormats: [],
          parameters: [Buffer.from(value)],
          resultFormats: [],
        } as const,
        { type: 'Execute', portal: '', maxRows: 0 } as const,
      ]),
      { type: 'Sync' },
    );
    const types = (await client.until('ReadyForQuery')).map(({ type }) => type);
    expect(types).toEqual([
      'ParseComplete',
      'BindComplete',
      'CommandComplete',
      'BindComplete',
      'ErrorResponse',
      'ReadyForQuery',
    ]);
    expect(await changed()).toBe(0);
    client.close();
  });

  it('is refused where it could commit before it is counted, or is not counted', async () => {
    await expect(app.query('CALL wiping()')).rejects.toMatchObject({ code: 'SL001' });
    await expect(app.query('TRUNCATE t')).rejects.toMatchObject({ code: 'SL001' });
    await expect(app.query('SET track_counts = off; UPDATE t SET n = 1 WHERE id = 1')).rejects.toBeDefined();
    await app.query('RESET track_counts').catch(() => undefined);
    expect(await changed()).toBe(0);
  });

  it('leaves errors of the database as they are', async () => {
    await expect(app.query('UPDATE t SET n = 1 / (id - id) WHERE id = 1')).rejects.toMatchObject({
      code: '22012',
    });
    await expect(app.query('UPDATE t SET nothing = 1')).rejects.toMatchObject({
      code: '42703',
      position: '14',
    });
    await expect(app.query('SELECT 1; UPDATE t SET nothing = 1')).rejects.toMatchObject({
      code: '42703',
      position: '24',
    });
    expect(
      (
        (await app.query('UPDATE t SET n = 1 WHERE id = 1; SELECT 1 AS one')) as unknown as pg.QueryResult[]
      )[1]?.rows,
    ).toEqual([{ one: 1 }]);
  });
});

describe('COPY FROM', () => {
  const copy = async (rows: number, text = 'COPY t (id) FROM STDIN') => {
    const client = await wire('app');
    send(client, { type: 'Query', text: Buffer.from(text) });
    await client.until('CopyInResponse');
    const data = Array.from({ length: rows }, (_, i) => `${1000 + i}\n`).join('');
    send(client, { type: 'CopyData', data: Buffer.from(data) }, { type: 'CopyDone' });
    const answers = await client.until('ReadyForQuery');
    client.close();
    return answers.map(({ type }) => type);
  };

  it('is counted before it is committed', async () => {
    expect(await copy(11)).toEqual(['ErrorResponse', 'ReadyForQuery']);
    expect((await gate.database.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 100 }]);
    expect(await copy(10)).toEqual(['CommandComplete', 'ReadyForQuery']);
    await gate.database.query('DELETE FROM t WHERE id >= 1000');
  });

  it('may fail by itself', async () => {
    expect(await copy(1, 'COPY log (what) FROM STDIN')).toEqual(['CommandComplete', 'ReadyForQuery']);
    expect(await copy(1, 'COPY t (id, n) FROM STDIN')).toEqual(['ErrorResponse', 'ReadyForQuery']);
  });
});

describe('a read', () => {
  let bob: pg.Client;
  beforeAll(async () => {
    bob = await gate.client('bob');
  });

  it.each(['SELECT id FROM t ORDER BY id LIMIT 7', 'TABLE parent', 'SELECT count(*) FROM t'])(
    'within its limit runs as ever: %s',
    async (sql) => {
      const direct = await gate.database.query(sql);
      expect((await bob.query(sql)).rows).toEqual(direct.rows);
      expect((await bob.query({ text: sql, values: [] })).rows).toEqual(direct.rows);
    },
  );

  it.each(['SELECT id FROM t ORDER BY id', 'SELECT a.id FROM t a, t b', 'COPY t TO STDOUT'])(
    'beyond it ends at the row: %s',
    async (sql) => {
      const client = await wire('bob');
      send(client, { type: 'Query', text: Buffer.from(sql) });
      const answers = await client.until('ReadyForQuery');
      const rows = answers.filter(({ type }) => type === 'DataRow' || type === 'CopyData');
      expect(rows).toHaveLength(7);
      expect(answers.map(({ type }) => type).slice(-2)).toEqual(['ErrorResponse', 'ReadyForQuery']);
      client.close();
      await expect(bob.query(sql)).rejects.toMatchObject(LIMITED);
    },
  );

  it('counts all portions of a portal, and of a cursor', async () => {
    await bob.query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM t');
    expect((await bob.query('FETCH 4 FROM c')).rows).toHaveLength(4);
    expect((await bob.query('FETCH 3 FROM c')).rows).toHaveLength(3);
    await expect(bob.query('FETCH 1 FROM c')).rejects.toMatchObject(LIMITED);
    await bob.query('ROLLBACK');
    expect((await bob.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
