/** An approval is good for the objects as they are now: whatever was put in their place since, along the path or behind the gate, is not run by it. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

const POLICY = `
@id("held") @approval("groups=dba; expires=1h")
forbid (principal, action in [Action::"Update", Action::"Delete"], resource == Table::"shop/public.orders");
@id("dangerous") @approval("groups=dba; expires=1h")
forbid (principal, action == Action::"Delete", resource == Table::"shop/public.spare")
when { context.hazards.contains("unbounded-write") };
`;
const OBJECTS = `
  CREATE TABLE picked (id int); CREATE TABLE spare (id int); CREATE TABLE gone (id int PRIMARY KEY); CREATE TABLE parts (id int) PARTITION BY LIST (id);
  CREATE FUNCTION g() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
  CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE AS 'SELECT g()';
  CREATE VIEW inner_view AS SELECT id FROM orders WHERE id = 1; CREATE VIEW outer_view AS SELECT id FROM inner_view;
  CREATE VIEW calling_view AS SELECT id FROM orders WHERE id = f();
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE SCHEMA evil; CREATE FUNCTION evil.eq(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
  CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.eq);
`;

let gate: Gate;
let bob: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    ...{ environment: 'dev', files: { 'held.cedar': POLICY } },
    yaml: 'policies: { files: [./held.cedar] }\napprovals: { maxPendingPerPrincipal: 100 }',
  });
  await gate.database.query(OBJECTS);
  bob = await gate.client('bob', { options: '-c sluice.on_hold=fail' });
});
afterAll(() => gate.stop());

const outcome = (sql: string, values?: unknown[]) =>
  bob.query(sql, values).then(
    ({ rowCount }) => `ran on ${rowCount}`,
    ({ code }: pg.DatabaseError) => code,
  );
async function approved(sql: string, values?: unknown[]): Promise<void> {
  const error = (await bob.query(sql, values).catch((thrown) => thrown)) as pg.DatabaseError;
  expect(error.code).toBe('SL002');
  const { request } = JSON.parse(error.detail ?? '');
  const { body } = await gate.api('alice', 'POST', `/v1/approvals/${request}/approve`, {});
  expect(body.state).toBe('approved');
}

const where = (from: string) => `UPDATE orders SET cents = 3 WHERE id IN (SELECT id FROM ${from})`;
const body = (name: string, made: string) =>
  `CREATE OR REPLACE FUNCTION ${name} RETURNS int LANGUAGE sql STABLE AS '${made}'`;

test.each([
  ['a view', where('inner_view'), 'CREATE OR REPLACE VIEW inner_view AS SELECT id FROM orders WHERE id < 3'],
  ['a view below a view', where('outer_view'), 'CREATE OR REPLACE VIEW inner_view AS SELECT id FROM orders'],
  ['a function', 'UPDATE orders SET cents = 3 WHERE id = g()', body('g()', 'SELECT 2')],
  ['a function below a function', 'UPDATE orders SET cents = 3 WHERE id = f()', body('g()', 'SELECT 3')],
  ['a function that a view calls', where('calling_view'), body('f()', 'SELECT 4')],
  [
    'the function of a trigger',
    'UPDATE orders SET cents = 3 WHERE id = 1',
    `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.cents = 9; RETURN NEW; END'`,
  ],
  [
    'a trigger',
    'UPDATE orders SET cents = 4 WHERE id = 1',
    'CREATE TRIGGER more BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()',
  ],
  ['a partition', where('parts'), 'CREATE TABLE part PARTITION OF parts FOR VALUES IN (1, 2, 3)'],
  ['a table that inherits', where('picked'), 'CREATE TABLE picked_too () INHERITS (picked)'],
  [
    'what a deletion sets off',
    `WITH d AS (DELETE FROM gone RETURNING id) ${where('d')}`,
    'CREATE TABLE dependents (id int REFERENCES gone ON DELETE CASCADE)',
  ],
  ['the columns', where('gone'), 'ALTER TABLE gone ADD COLUMN note text'],
  [
    'row security',
    'DELETE FROM orders WHERE id = 2',
    'ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON orders USING (true)',
  ],
  [
    'the function of an operator',
    'UPDATE orders SET cents = 3 WHERE 1 OPERATOR(evil.=) id',
    `CREATE OR REPLACE FUNCTION evil.eq(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 IS NOT NULL'`,
  ],
])('is not good once somebody has changed %s behind the gate', async (_what, sql, change) => {
  await approved(sql);
  await gate.database.query(change);
  expect(await outcome(sql)).toBe('SL002');
});

test('is not good for a table of the session that takes the name', async () => {
  await approved(where('picked'));
  await bob.query('CREATE TEMPORARY TABLE picked AS SELECT id FROM orders');
  expect(await outcome(where('picked'))).toBe('SL002');
  await bob.query('DROP TABLE pg_temp.picked');
});

test('is not good along another search_path, on which an operator is another', async () => {
  const sql = 'UPDATE orders SET cents = 5 WHERE id = $1';
  await approved(sql, [5]);
  await bob.query('SET search_path = evil, pg_catalog, public');
  expect(await outcome(sql, [5])).toBe('SL002');
  const shadowed = await gate.database.query(`
    SET search_path = evil, pg_catalog, public; SELECT count(*)::int AS n FROM orders WHERE id = 5`);
  expect((shadowed as unknown as pg.QueryResult[]).at(-1)?.rows).toEqual([{ n: 1000 }]);
  await bob.query('RESET search_path');
  expect(await outcome(sql, [5])).toBe('ran on 1');
});

test('is asked for what is dangerous in a prepared statement, too', async () => {
  expect(await outcome('DELETE FROM spare WHERE id = 1')).toBe('ran on 0');
  await bob.query('PREPARE all_rows AS DELETE FROM spare');
  expect(await outcome('EXECUTE all_rows')).toBe('SL002');
});
