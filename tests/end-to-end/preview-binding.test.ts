/** Statements whose rows no WHERE of their own names: previewed, approved, and then good for exactly the rows that were seen. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalRequest } from '../../src/model/approval.ts';
import type { Preview } from '../../src/model/preview.ts';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;

beforeAll(async () => {
  gate = await startGate({
    environment: 'staging',
    schema: `
      CREATE TABLE stock (sku text, site int, amount int NOT NULL, PRIMARY KEY (sku, site));
      CREATE TABLE deliveries (sku text, site int, amount int);
      CREATE TABLE tickets (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text UNIQUE, state text);
      CREATE VIEW open_tickets AS SELECT id AS number, title AS what, state FROM tickets WHERE state = 'open';
      CREATE VIEW two_tickets AS SELECT number, what FROM open_tickets WHERE number < 3;
      CREATE VIEW unnumbered AS SELECT title, state FROM tickets;
      CREATE VIEW joined AS SELECT s.sku FROM stock s, deliveries d WHERE s.sku = d.sku;
    `,
    labels: {},
    yaml: '\npolicies: { files: [own.cedar] }\napprovals: { maxPending: 500, maxPendingPerPrincipal: 500 }\n',
    files: {
      'own.cedar': `
        @id("see-before") @approval("groups=dba; preview=required")
        forbid (principal is Agent, action in [Action::"Insert", Action::"Update", Action::"Delete"], resource);
      `,
    },
  });
});

afterAll(() => gate?.stop());

beforeEach(() =>
  gate.database.query(`
    TRUNCATE stock, deliveries; TRUNCATE tickets RESTART IDENTITY;
    INSERT INTO stock VALUES ('bolt', 1, 10), ('bolt', 2, 20), ('nut', 1, 30);
    INSERT INTO deliveries VALUES ('bolt', 1, 5), ('screw', 1, 7);
    INSERT INTO tickets (title, state) VALUES ('a', 'open'), ('b', 'open'), ('c', 'open'), ('d', 'closed');
  `),
);

const agent = () => gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });

async function hold(sql: string, values?: unknown[]): Promise<string> {
  await expect((await agent()).query(sql, values)).rejects.toMatchObject({ code: 'SL002' });
  const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  return (body.approvals as ApprovalRequest[])[0]!.id;
}

const askPreview = async (id: string) =>
  (await gate.api('alice', 'POST', `/v1/approvals/${id}/preview`, {})).body;

async function approved(sql: string, values?: unknown[]): Promise<{ id: string; preview: Preview }> {
  const id = await hold(sql, values);
  const preview = (await askPreview(id)) as unknown as Preview;
  expect(preview).not.toHaveProperty('code');
  expect((await gate.api('alice', 'POST', `/v1/approvals/${id}/approve`, {})).body.state).toBe('approved');
  return { id, preview };
}

const stateOf = async (id: string) => (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state;

const UPSERT = `INSERT INTO stock AS s (sku, site, amount) SELECT sku, site, amount FROM deliveries
  ON CONFLICT (sku, site) DO UPDATE SET amount = s.amount + excluded.amount`;
const MERGE = `MERGE INTO stock AS s USING deliveries AS d ON s.sku = d.sku AND s.site = d.site
  WHEN MATCHED THEN UPDATE SET amount = s.amount + d.amount
  WHEN NOT MATCHED THEN INSERT VALUES (d.sku, d.site, d.amount)`;
const ROWS = [{ before: ['bolt', '1', '10'], after: ['bolt', '1', '15'] }, { after: ['screw', '1', '7'] }];

const statements: Record<
  string,
  readonly [sql: string, values: unknown[] | undefined, rows: object[], count: number]
> = {
  'ON CONFLICT DO UPDATE': [UPSERT, undefined, ROWS, 2],
  'ON CONFLICT DO UPDATE of values': [
    `INSERT INTO stock VALUES ('bolt', '1', $1), ($2, 9, DEFAULT), ('nut', 1, 0)
     ON CONFLICT ON CONSTRAINT stock_pkey DO UPDATE SET amount = excluded.amount WHERE excluded.amount > 0`.replace(
      'DEFAULT',
      '1',
    ),
    [11, 'bolt'],
    [
      { before: ['bolt', '1', '10'], after: ['bolt', '1', '11'] },
      { before: ['nut', '1', '30'], after: ['nut', '1', '30'] },
      { after: ['bolt', '9', '1'] },
    ],
    2,
  ],
  MERGE: [MERGE, undefined, ROWS, 2],
  'MERGE within WITH': [
    `WITH d AS (SELECT * FROM deliveries) ${MERGE.replace('deliveries AS d', 'd')}`,
    undefined,
    ROWS,
    2,
  ],
  WITH: [
    'WITH few AS (SELECT sku FROM stock WHERE amount < $1) DELETE FROM stock USING few WHERE stock.sku = few.sku',
    [15],
    [{ before: ['bolt', '1', '10'] }, { before: ['bolt', '2', '20'] }],
    2,
  ],
  'a view': [
    "UPDATE open_tickets SET what = what || '!' WHERE number > 1",
    undefined,
    [
      { before: ['2', 'b', 'open'], after: ['2', 'b!', 'open'] },
      { before: ['3', 'c', 'open'], after: ['3', 'c!', 'open'] },
    ],
    2,
  ],
  'a view of a view': [
    'DELETE FROM two_tickets v WHERE v.number = 1',
    undefined,
    [{ before: ['1', 'a', 'open'] }],
    1,
  ],
};

const cases = Object.entries(statements);

it.each(cases)('%s is shown, approved, and runs once', async (_, [sql, values, rows, count]) => {
  const { id, preview } = await approved(sql, values && [...values]);
  expect(preview.rows).toHaveLength(rows.length);
  for (const row of rows) expect(preview.rows).toContainEqual(row);
  expect(preview.affected.count).toBe(count);
  expect((await (await agent()).query(sql, values && [...values])).rowCount).toBe(count);
  expect(await stateOf(id)).toBe('used');
});

describe('what changed since', () => {
  const drifts: Record<string, string> = {
    'ON CONFLICT DO UPDATE': "UPDATE stock SET amount = 11 WHERE sku = 'bolt' AND site = 1",
    'ON CONFLICT DO UPDATE of values': "UPDATE stock SET amount = 31 WHERE sku = 'nut'",
    MERGE: "DELETE FROM stock WHERE sku = 'bolt' AND site = 1",
    'MERGE within WITH': "INSERT INTO stock VALUES ('screw', 1, 0)",
    WITH: "INSERT INTO stock VALUES ('bolt', 3, 1)",
    'a view': "UPDATE tickets SET state = 'closed' WHERE id = 3",
    'a view of a view': "UPDATE tickets SET title = 'z' WHERE id = 1",
  };

  it.each(cases)('stops %s', async (name, [sql, values]) => {
    const { id } = await approved(sql, values && [...values]);
    await gate.database.query(drifts[name]!);
    const images = async () =>
      (
        await gate.database.query(
          'SELECT s::text FROM stock s UNION ALL SELECT t::text FROM tickets t ORDER BY 1',
        )
      ).rows;
    const before = await images();
    await expect((await agent()).query(sql, values && [...values])).rejects.toMatchObject({ code: 'SL005' });
    await expect.poll(() => stateOf(id)).toBe('drifted');
    expect(await images()).toEqual(before);
  });
});

it('an INSERT that draws from a sequence is shown, and says what does not come back', async () => {
  const sql = "INSERT INTO tickets (title, state) VALUES ('e', 'open'), ('f', 'open')";
  const { preview } = await approved(sql);
  expect(preview).toMatchObject({
    affected: { count: 2 },
    tables: [{ relation: 'public.tickets', inserted: 2 }],
  });
  expect(preview.rows.map(({ after }) => after?.[1])).toEqual(['e', 'f']);
  expect(preview.notes).toEqual([expect.stringContaining('tickets take values of a sequence')]);
  expect((await (await agent()).query(sql)).rowCount).toBe(2);
});

it('rows that come through a view are counted', async () => {
  const { preview } = await approved("INSERT INTO open_tickets (what, state) VALUES ('v', 'open')");
  expect(preview).toMatchObject({ rows: [], affected: { count: 1 }, relation: 'public.open_tickets' });
  expect(preview.notes.join()).toContain('counted, and not shown');
});

it('a statement that knows when it is looked at changes no other rows than those', async () => {
  const sql = `UPDATE stock SET amount = 0 WHERE sku = 'bolt' AND site =
    CASE WHEN current_query() LIKE '%record' || '_send%' THEN 2 ELSE 1 END`;
  expect(await askPreview(await hold(sql))).toMatchObject({
    code: 'preview_refused',
    message: expect.stringContaining('cannot be told apart'),
  });
  // It behaves while it is previewed, and not when it runs.
  const later = sql.replace("'%record' || '_send%'", "'%sluice' || ' is away%'");
  const client = await agent();
  const { id } = await approved(later);
  await expect(client.query(`${later} -- sluice is away`)).rejects.toMatchObject({ code: 'SL005' });
  await expect.poll(() => stateOf(id)).toBe('drifted');
  expect((await gate.database.query('SELECT FROM stock WHERE amount = 0')).rowCount).toBe(0);
});

it.each([
  ['UPDATE unnumbered SET state = $1', ['x'], 'primary key'],
  ["DELETE FROM joined WHERE sku = 'bolt'", undefined, 'view of more than one table'],
  [
    "INSERT INTO stock (sku, amount) VALUES ('bolt', 1) ON CONFLICT (sku, site) DO UPDATE SET amount = 1",
    undefined,
    'not all given',
  ],
  [
    "INSERT INTO open_tickets (number, what) OVERRIDING SYSTEM VALUE VALUES (1, 'b') ON CONFLICT (number) DO UPDATE SET what = 'x'",
    undefined,
    'OVERRIDING',
  ],
  ['MERGE INTO open_tickets USING deliveries ON what = sku WHEN MATCHED THEN DELETE', undefined, 'is a view'],
])('%s stays refused, with the reason', async (sql, values, why) => {
  expect(await askPreview(await hold(sql, values))).toMatchObject({
    code: 'preview_refused',
    message: expect.stringContaining(why),
  });
});
