/**
 * What nobody wrote into a result: the order in which an index, a partitioned table or a materialized view yields rows, where they are
 * stored, and how many the catalog says there are.
 */
import type { Attack } from '../attack-play.ts';

const c = 'customers';

/** Rows come from indexes, and nothing sorts them. */
const byIndex = (...parts: readonly string[]): Attack => [
  'SET LOCAL enable_seqscan = off',
  'SET LOCAL enable_bitmapscan = off',
  'SET LOCAL enable_sort = off',
  ...parts,
];

/** `customers_by_plan` is on (plan, email). */
const BEHIND_OTHERS: readonly Attack[] = [
  byIndex(`SELECT id FROM ${c} WHERE plan = 'pro'`),
  byIndex(`SELECT id FROM ${c} WHERE 'pro' = plan LIMIT 3`),
  byIndex(`SELECT id, plan FROM ${c} ORDER BY plan LIMIT 3`),
  byIndex(`SELECT id, plan FROM ${c} ORDER BY plan DESC LIMIT 3`),
  byIndex(`SELECT id FROM ${c} WHERE plan IN ('pro', 'free')`),
  byIndex(`SELECT id FROM ${c} WHERE plan > 'a'`),
  byIndex(`SELECT id FROM ${c} WHERE plan LIKE 'pro%'`),
  byIndex(`SELECT id FROM ${c} WHERE plan IS NOT NULL`),
  byIndex(`SELECT array_agg(id) FROM ${c} WHERE plan = 'pro'`),
  byIndex(`SELECT string_agg(id::text, ',') FROM ${c} WHERE plan = 'pro'`),
  byIndex(`SELECT jsonb_agg(id) FROM ${c} WHERE plan = 'pro'`),
  byIndex(`SELECT plan, array_agg(id) FROM ${c} GROUP BY plan`),
  byIndex(`SELECT DISTINCT ON (plan) id FROM ${c} ORDER BY plan`),
  byIndex(`SELECT id, row_number() OVER (PARTITION BY plan) FROM ${c}`),
  byIndex(`SELECT id, first_value(id) OVER (ORDER BY plan) FROM ${c} ORDER BY id`),
  byIndex(`SELECT any_value(id) FROM ${c} WHERE plan = 'pro'`),
  byIndex(`SELECT (SELECT id FROM ${c} x WHERE x.plan = p.name LIMIT 1) FROM plans p`),
  byIndex(`SELECT ARRAY(SELECT id FROM ${c} WHERE plan = 'pro')`),
  byIndex(`SELECT s.id FROM plans p, LATERAL (SELECT id FROM ${c} x WHERE x.plan = p.name LIMIT 2) s`),
  byIndex(`SELECT p.name, x.id FROM plans p JOIN ${c} x ON x.plan = p.name`),
  byIndex(`SELECT x.id FROM plans p LEFT JOIN ${c} x ON x.plan = p.name AND p.price > 5`),
  byIndex(`SELECT plan, id FROM ${c} JOIN plans p (plan) USING (plan)`),
  byIndex(`SELECT a.id, b.id FROM ${c} a JOIN ${c} b USING (plan) WHERE plan = 'pro' LIMIT 20`),
  byIndex(`WITH x AS (SELECT id FROM ${c} WHERE plan = 'pro' LIMIT 3) TABLE x`),
  byIndex(`SELECT id FROM ${c} WHERE plan = 'pro' FOR UPDATE`),
  byIndex(`SELECT id FROM ${c} WHERE plan = 'pro' LIMIT 3 FOR UPDATE SKIP LOCKED`),
  byIndex(`SELECT id FROM ${c} WHERE plan = 'pro' UNION ALL SELECT 0`),
  byIndex(`DECLARE k CURSOR FOR SELECT id FROM ${c} WHERE plan = 'pro'`, 'FETCH 3 FROM k'),
  byIndex(`PREPARE s (text) AS SELECT id FROM ${c} WHERE plan = $1`, `EXECUTE s ('pro')`),
  byIndex(`CREATE TEMP TABLE s AS SELECT id FROM ${c} WHERE plan = 'pro'`, 'TABLE s'),
  byIndex(`COPY (SELECT id FROM ${c} WHERE plan = 'pro') TO STDOUT`),
  byIndex(`UPDATE ${c} SET note = '' WHERE plan = 'pro' RETURNING id`),
  byIndex(`UPDATE ${c} x SET note = p.name FROM plans p WHERE x.plan = p.name RETURNING x.id`),
  byIndex(`DELETE FROM ${c} WHERE plan = 'pro' RETURNING id`),
  byIndex(`DELETE FROM ${c} x USING plans p WHERE p.name = x.plan RETURNING x.id`),
  byIndex(
    `MERGE INTO ${c} t USING plans p ON t.plan = p.name WHEN MATCHED THEN UPDATE SET note = '' RETURNING t.id`,
  ),
  byIndex(
    `UPDATE ${c} SET note = nextval('ticket') - currval('ticket') || '' WHERE plan = 'pro'`,
    `CREATE TEMP SEQUENCE n`,
    `UPDATE ${c} SET note = nextval('n') WHERE plan = 'pro'`,
    `SELECT id, note FROM ${c} WHERE plan = 'pro' ORDER BY id`,
  ),
  byIndex(`SELECT id, plan FROM derived WHERE plan = 'pro'`),
  byIndex(`SELECT id, plan FROM derived ORDER BY plan LIMIT 3`),
  byIndex(`SELECT id FROM ${c} WHERE cap IS NULL`),
];

/** Nothing but the index is read: `customers_by_mail` is on (email) and holds id and plan besides. */
const INDEX_ONLY: readonly Attack[] = [
  byIndex(`SELECT plan, id FROM ${c}`),
  byIndex(`SELECT email FROM ${c}`),
  byIndex(`SELECT id, plan FROM ${c} LIMIT 5`),
  byIndex(`SELECT card FROM ${c}`),
  byIndex(`SELECT email, plan FROM ${c}`),
  byIndex(`COPY (SELECT plan, id FROM ${c}) TO STDOUT`),
  byIndex(`SELECT card FROM vault`),
  byIndex(`SELECT card FROM cards`),
  byIndex(`SELECT c FROM cards_again`),
  byIndex(`SELECT card FROM only_cards`),
  byIndex(`SELECT array_agg(right(card, 4)) FROM only_cards`),
  byIndex('REFRESH MATERIALIZED VIEW card_copy', 'SELECT card FROM card_copy'),
];

/** Partitions by a labelled column, and copies whose rows were put down in the order of an index. */
const STORED: readonly Attack[] = [
  'SELECT id FROM births',
  'SELECT id FROM births LIMIT 3',
  'SELECT array_agg(id) FROM births',
  'SELECT id, born FROM births',
  'SELECT id, row_number() OVER () FROM births',
  'COPY (SELECT id FROM births) TO STDOUT',
  'SELECT b.id FROM births b CROSS JOIN orders o WHERE o.id = 1',
  'SELECT id FROM births FOR UPDATE',
  'SELECT id FROM births TABLESAMPLE SYSTEM (100)',
  'DELETE FROM births RETURNING id',
  'UPDATE births SET id = id RETURNING id',
  'WITH d AS (DELETE FROM births RETURNING id) TABLE d',
  ['DROP TABLE births_early', 'SELECT id FROM births ORDER BY id'],
  ['TRUNCATE births_early', 'SELECT id FROM births ORDER BY id'],
  ['SAVEPOINT s', 'DELETE FROM births_early', 'SELECT id FROM births ORDER BY id', 'ROLLBACK TO s'],
  ['ALTER TABLE births DETACH PARTITION births_early', 'SELECT id FROM births ORDER BY id'],
  byIndex('REFRESH MATERIALIZED VIEW mail_copy', 'SELECT id FROM mail_copy'),
  byIndex('REFRESH MATERIALIZED VIEW mail_copy', 'SELECT id, ctid FROM mail_copy'),
  byIndex('REFRESH MATERIALIZED VIEW mail_copy', 'SELECT id FROM over_copy LIMIT 5'),
];

/** What the catalog counts, where labelled values decide what is counted. */
const COUNTED: readonly Attack[] = [
  `SELECT reltuples FROM pg_class WHERE relname = 'customers_rich'`,
  `SELECT reltuples, relpages FROM pg_class WHERE oid = 'rich_copy'::regclass`,
  `SELECT c.reltuples FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indpred IS NOT NULL ORDER BY c.relname`,
  `SELECT to_jsonb(c) -> 'reltuples' FROM pg_class c WHERE relname = 'rich_copy'`,
  `SELECT (pg_class).reltuples FROM pg_class WHERE relname = 'customers_rich'`,
  `SELECT sum(reltuples) FROM pg_class WHERE relname ~ '_rich'`,
  `SELECT string_agg(relname, ',' ORDER BY reltuples, relname) FROM pg_class WHERE relname ~ '^births'`,
  `SELECT reltuples FROM pg_class NATURAL JOIN (SELECT 'rich_copy'::name AS relname) x`,
];

/** A guess is written over an indexed value and taken back: whether it was right decides where the next version goes. */
const takenBack = (guess: string): Attack => ({
  parts: [
    'BEGIN',
    guess,
    'ROLLBACK',
    'SELECT count(*) FROM vault',
    `UPDATE vault SET note = 'x' WHERE id = 3 RETURNING ctid`,
  ],
  cleanup: `TRUNCATE vault; INSERT INTO vault SELECT id, card, note FROM customers ORDER BY id`,
});
const OVERWRITTEN: readonly Attack[] = [
  takenBack(`UPDATE vault SET card = '5555553141870003' WHERE id = 3`),
  takenBack(
    `MERGE INTO vault USING (VALUES (3)) v (i) ON id = v.i WHEN MATCHED THEN UPDATE SET card = '5555553141870003'`,
  ),
  takenBack(`INSERT INTO vault VALUES (3) ON CONFLICT (id) DO UPDATE SET card = '5555553141870003'`),
];

export const ORDERS: Readonly<Record<string, readonly Attack[]>> = {
  'order of indexes that hold more': BEHIND_OTHERS,
  'order of what only an index was read for': INDEX_ONLY,
  'order of partitions and copies': STORED,
  'numbers of rows in the catalog': COUNTED,
  'guesses written over values': OVERWRITTEN,
};
