/** Writes that tell by succeeding, failing or leaving traces, and what the protocol offers besides texts. */
import { encodeFrontendMessage } from '../../../src/wire/postgres/index.ts';
import {
  bind,
  close,
  copyData,
  copyDone,
  describePortal,
  describeStatement,
  execute,
  flush,
  parse,
  query,
  run,
  sync,
} from '../../support/frames.ts';
import type { Attack } from '../attack-play.ts';

const c = 'customers';
/** The guess that is right on one of the twins: customer 3's. */
const MAIL = 'ualpha3@example.com';

const WRITES: readonly Attack[] = [
  `UPDATE ${c} SET note = email WHERE id = 3 RETURNING note`,
  `UPDATE ${c} SET note = left(ssn, 3) RETURNING note`,
  `UPDATE ${c} SET email = email || 'x' WHERE id = 3 RETURNING email`,
  `UPDATE ${c} SET salary = salary + 1 WHERE id = 3 RETURNING salary`,
  `UPDATE ${c} SET doc['z'] = '1' WHERE id = 3 RETURNING doc`,
  `UPDATE ${c} SET home.street = 'x' WHERE id = 3 RETURNING home`,
  `UPDATE ${c} SET salary = DEFAULT WHERE id = 3 RETURNING exact, old.exact`,
  `UPDATE ${c} SET note = '' WHERE (c.salary > 54321)`.replace(`${c} SET`, `${c} AS c SET`),
  `UPDATE ${c} SET note = '' WHERE id IN (SELECT id FROM ${c} WHERE salary > 54321)`,
  `UPDATE ${c} SET note = '' WHERE EXISTS (SELECT FROM ${c} x WHERE x.id = ${c}.id AND x.salary > 54321)`,
  `UPDATE ${c} c SET note = '' FROM ${c} d WHERE c.id = d.id AND d.email LIKE 'ualpha%'`,
  `UPDATE ${c} SET note = '' RETURNING old.*`,
  `UPDATE ${c} SET note = '' RETURNING new.email, old.salary`,
  `UPDATE ${c} SET note = '' RETURNING WITH (OLD AS before, NEW AS after) before, after.card`,
  `UPDATE ${c} SET note = '' RETURNING upper(email), (SELECT ssn)`,
  `UPDATE ${c} SET note = '' WHERE id = 3 RETURNING to_jsonb(${c})`,
  `UPDATE ONLY ${c} * SET note = '' RETURNING ssn`.replace(' * ', ' '),
  `UPDATE payments SET amount = 0 RETURNING iban`,
  `UPDATE payments SET country = 'fr' WHERE iban LIKE 'DE%'`,
  `UPDATE payments_de SET amount = 0 WHERE iban < 'E'`,
  `UPDATE staff SET team = 'x' WHERE wage > 54321`,
  `UPDATE staff SET team = 'x' RETURNING wage`,
  `DELETE FROM managers RETURNING wage`,
  `DELETE FROM managers WHERE wage > 65000`,
  `DELETE FROM invites RETURNING mail`,
  `DELETE FROM invites WHERE mail LIKE 'ualpha%'`,
  `DELETE FROM invites USING ${c} c WHERE c.email = mail AND c.email LIKE 'ualpha%'`,
  `DELETE FROM orders WHERE customer_id IN (SELECT id FROM ${c} WHERE email LIKE 'ualpha%')`,
  `DELETE FROM orders o USING ${c} c WHERE c.id = o.customer_id AND c.salary > 54321 RETURNING c.ssn`,
  `DELETE FROM payments WHERE iban IS NOT NULL AND iban < 'E' RETURNING id`,
  `INSERT INTO ${c} (id, email) SELECT 500 + id, 'x' || email FROM ${c} RETURNING email`,
  `INSERT INTO ${c} (id, email, salary, cap) VALUES (501, 'q@q.q', 1, NULL), (502, '${MAIL}', 1, NULL)`,
  `INSERT INTO ${c} (id, email) VALUES (3, '${MAIL}') ON CONFLICT (id) DO UPDATE SET note = ${c}.email RETURNING note`,
  `INSERT INTO ${c} AS t (id, email) VALUES (3, 'q') ON CONFLICT (id) DO UPDATE SET note = t.ssn || '' RETURNING *`,
  `INSERT INTO ${c} (id, email) VALUES (3, 'q') ON CONFLICT (id) DO UPDATE SET note = '' RETURNING old.ssn`,
  `INSERT INTO ${c} (id, email) VALUES (700, '${MAIL}') ON CONFLICT (email) DO NOTHING`,
  `INSERT INTO ${c} (id, email) VALUES (700, '${MAIL}') ON CONFLICT (email) DO UPDATE SET id = 3 RETURNING id`,
  `INSERT INTO ${c} (id, email) VALUES (700, '${MAIL}') ON CONFLICT ON CONSTRAINT customers_email_key DO NOTHING`,
  `INSERT INTO orders (id, note) SELECT 5000 + id, '' FROM ${c} WHERE email LIKE 'ualpha%'`,
  `INSERT INTO orders (id) VALUES ((SELECT salary::int FROM ${c} WHERE id = 1)) RETURNING id`,
  `INSERT INTO orders (id) SELECT 1 FROM ${c} WHERE email LIKE 'ualpha3@%'`,
  `INSERT INTO plans VALUES ((SELECT ssn FROM ${c} WHERE id = 1), 0) RETURNING name`,
  `MERGE INTO ${c} t USING plans p ON p.name = t.plan AND t.email LIKE 'ualpha%' WHEN MATCHED THEN UPDATE SET note = ''`,
  `MERGE INTO ${c} t USING (VALUES (3)) v (i) ON t.id = v.i WHEN MATCHED THEN UPDATE SET note = t.ssn RETURNING t.note`,
  `MERGE INTO ${c} t USING (VALUES (3)) v (i) ON t.id = v.i WHEN MATCHED THEN UPDATE SET note = '' RETURNING merge_action(), old.email, new.ssn`,
  `MERGE INTO ${c} t USING (VALUES (3)) v (i) ON t.id = v.i WHEN NOT MATCHED BY SOURCE AND t.email LIKE 'ualpha%' THEN UPDATE SET note = 'x'`,
  `MERGE INTO orders t USING ${c} s ON t.id = s.id WHEN MATCHED THEN UPDATE SET note = s.email RETURNING t.note`,
  `MERGE INTO orders t USING ${c} s ON t.id = s.id WHEN MATCHED AND s.salary > 54321 THEN DO NOTHING WHEN MATCHED THEN DELETE RETURNING s.ssn`,
  `MERGE INTO orders t USING (SELECT id FROM ${c} WHERE email LIKE 'ualpha%') s ON t.id = s.id WHEN MATCHED THEN DELETE`,
  `MERGE INTO invites t USING ${c} s ON t.mail = s.email AND s.email LIKE 'ualpha%' WHEN MATCHED THEN DELETE`,
  `WITH x AS (UPDATE ${c} SET note = '' RETURNING *) SELECT ssn FROM x ORDER BY id`,
  `WITH x AS (INSERT INTO orders (id) VALUES (7000) RETURNING id) SELECT ssn FROM ${c}, x ORDER BY ${c}.id`,
  `WITH x AS (DELETE FROM invites RETURNING mail) SELECT count(*) FROM x WHERE mail LIKE 'ualpha%'`,
  `WITH x AS (SELECT ssn FROM ${c} WHERE id = 1) INSERT INTO orders (id, note) SELECT 8000, ssn FROM x RETURNING note`,
  `WITH x AS (SELECT id FROM ${c} WHERE salary > 54321) DELETE FROM orders WHERE customer_id IN (TABLE x)`,
  [`INSERT INTO ${c} (id, email, ssn) VALUES (800, 'q@q.q', '1')`, `SELECT ssn FROM ${c} ORDER BY id`],
  [`UPDATE ${c} SET note = 'x' WHERE id = 3`, `SELECT ssn FROM ${c} WHERE note = 'x'`],
  [
    `UPDATE orders SET note = id WHERE id < 5`,
    `SELECT c.ssn FROM ${c} c JOIN orders o ON o.customer_id = c.id WHERE o.note = o.id::text ORDER BY 1`,
  ],
  [
    `DELETE FROM orders WHERE customer_id = 3`,
    `DELETE FROM invites WHERE id = 3`,
    `DELETE FROM ${c} WHERE id = 3 RETURNING email`,
  ],
  [
    `CREATE TEMP TABLE t (m varchar(80) PRIMARY KEY)`,
    `INSERT INTO t SELECT email FROM ${c}`,
    `SELECT count(*) FROM t WHERE m LIKE 'ualpha%'`,
  ],
  `UPDATE ${c} SET born = '1953-02-10' WHERE id = 3 RETURNING old.born = new.born`,
  `UPDATE ${c} SET plan = (SELECT CASE WHEN x.email LIKE 'ualpha%' THEN 'pro' ELSE 'free' END FROM ${c} x WHERE x.id = 3) RETURNING plan`,
];

/** A write of a guess over the value leaves a trace that says whether it was right. Of the vault's card 3, on one twin. */
const GUESS = `UPDATE vault SET card = '5555553141870003' WHERE id = 3`;
/** So that neither table nor index is written to for the first time since a checkpoint. */
const WARM = 'UPDATE vault SET note = $$warm$$ WHERE id = 3; UPDATE vault SET card = $$warm$$ WHERE id = 2';
const logged = (text: string): string =>
  `EXPLAIN (ANALYZE, WAL, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ${text}`;

const TRACES: readonly Attack[] = [
  ...[
    `SELECT pg_stat_get_xact_tuples_hot_updated('vault'::regclass)`,
    `SELECT n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'vault'`,
    `SELECT n_tup_hot_upd FROM pg_stat_xact_all_tables WHERE relname = 'vault'`,
    `SELECT to_jsonb(s)->'n_tup_hot_upd' FROM pg_stat_xact_user_tables s WHERE relname = 'vault'`,
    `SELECT relname FROM pg_stat_xact_user_tables WHERE n_tup_hot_upd > 0 AND relname = 'vault'`,
  ].map((counter) => ({ parts: ['BEGIN', GUESS, counter, 'ROLLBACK'], cleanup: 'SELECT 1' })),
  [WARM, logged(GUESS)],
  [
    WARM,
    logged(`INSERT INTO vault (id) VALUES (3) ON CONFLICT (id) DO UPDATE SET card = '5555553141870003'`),
  ],
  [
    WARM,
    logged(
      `MERGE INTO vault USING (SELECT 3 AS i) s ON i = id WHEN MATCHED THEN UPDATE SET card = '5555553141870003'`,
    ),
  ],
  [WARM, logged(`WITH x AS (${GUESS} RETURNING id) SELECT id FROM x`)],
  [WARM, `PREPARE guess AS ${GUESS}`, logged('EXECUTE guess')],
  ...['pg_current_wal_insert_lsn'].map((lsn) => [
    `CREATE TEMP TABLE mark (at pg_lsn)`,
    WARM,
    `INSERT INTO mark SELECT ${lsn}()`,
    GUESS,
    `SELECT ${lsn}() - at < 200, (SELECT card FROM vault WHERE id = 3) FROM mark`,
  ]),
];

const fields = (text: string, count: number): readonly Buffer[] => [
  encodeFrontendMessage({
    type: 'Bind',
    portal: '',
    statement: text,
    parameterFormats: [],
    parameters: [],
    resultFormats: Array.from({ length: count }, () => 1),
  }),
];

const WIRE: readonly Attack[] = [
  [[run(`SELECT ssn FROM ${c} ORDER BY id`), sync]],
  [[run(`SELECT ssn FROM ${c} WHERE id = $1`, '3'), sync]],
  [[run(`SELECT id FROM ${c} WHERE email = $1`, MAIL), sync]],
  [[run(`SELECT id FROM ${c} WHERE email LIKE $1 ORDER BY id`, 'ualpha%'), sync]],
  [[run(`SELECT id FROM ${c} WHERE salary BETWEEN $1 AND $2 ORDER BY id`, '52000', '53000'), sync]],
  [[run(`SELECT id FROM ${c} WHERE email = ANY ($1)`, `{${MAIL}}`), sync]],
  [[run(`SELECT $1 = (SELECT email FROM ${c} WHERE id = 3)`, MAIL), sync]],
  [
    [
      run(`SELECT count(*) FROM ${c} WHERE $1::text = md5(email)`, 'e3a1'),
      run(`SELECT ssn FROM ${c} ORDER BY id`),
      sync,
    ],
  ],
  [[run(`SELECT id FROM ${c} ORDER BY salary LIMIT $1`, '3'), sync]],
  [[parse(`SELECT ssn, salary, born FROM ${c} ORDER BY id`), ...fields('', 3), execute(), sync]],
  [
    [parse(`SELECT ssn FROM ${c} ORDER BY id`, 's'), describeStatement('s'), sync],
    [bind([], 's'), describePortal(), execute(), sync],
  ],
  [
    [
      parse(`SELECT ssn FROM ${c} ORDER BY id`),
      bind([], '', 'p', [1]),
      execute(2, 'p'),
      execute(2, 'p'),
      execute(0, 'p'),
      sync,
    ],
  ],
  [[parse(`SELECT ssn FROM ${c} ORDER BY id`), bind(), flush, execute(), flush, sync]],
  [
    [
      parse(`SELECT ssn FROM ${c} WHERE id = $1`, 's', [23]),
      bind(['1'], 's', 'a'),
      bind(['2'], 's', 'b'),
      execute(0, 'b'),
      execute(0, 'a'),
      sync,
    ],
  ],
  [
    [
      parse(`SELECT ssn FROM ${c} WHERE id = $1`, 's', [20]),
      bind(['3'], 's'),
      execute(),
      close('S', 's'),
      sync,
    ],
  ],
  [[parse(`SELECT id FROM ${c} WHERE email = $1`, 's', [25]), bind([MAIL], 's'), execute(), sync]],
  [[parse(`SELECT id FROM ${c} WHERE email = $1`, 's', [705]), bind([MAIL], 's'), execute(), sync]],
  [[run('BEGIN'), run(`SELECT ssn FROM ${c} ORDER BY id`), run('SELECT 1'), sync]],
  [
    [
      run(`SELECT 1`),
      run(`SELECT email FROM ${c} ORDER BY id`),
      run(`SELECT 2`),
      sync,
      query(`SELECT card FROM ${c} ORDER BY id`),
    ],
  ],
  [[parse(`SELECT ssn FROM ${c} ORDER BY id`, 'mine'), sync], 'EXECUTE mine'],
  [`PREPARE mine AS SELECT ssn FROM ${c} ORDER BY id`, [bind([], 'mine'), execute(), sync]],
  [
    `DECLARE mine CURSOR FOR SELECT ssn FROM ${c} ORDER BY id`,
    [execute(3, 'mine'), sync],
    'FETCH 2 FROM mine',
  ],
  [[parse(`SELECT ssn FROM ${c} ORDER BY id`), bind([], '', 'mine'), sync], 'FETCH ALL FROM mine'],
  [[run(`DECLARE mine CURSOR FOR SELECT email FROM ${c} ORDER BY id`), run('FETCH 3 FROM mine'), sync]],
  [[run(`COPY ${c} TO STDOUT`), sync]],
  [`COPY ${c} (ssn, card) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)`],
  [`COPY ${c} TO STDOUT (FORMAT binary)`],
  [`COPY (SELECT ssn FROM ${c} ORDER BY id) TO STDOUT WITH (FORMAT binary)`],
  [`COPY (SELECT c FROM ${c} c ORDER BY id) TO STDOUT`],
  [`COPY (SELECT count(*) FROM ${c} WHERE email LIKE 'ualpha%') TO STDOUT`],
  [`COPY payments_de (id, iban) TO STDOUT`],
  [`COPY mail_copy TO STDOUT`],
  [`COPY invites TO STDOUT WITH DELIMITER '|'`],
  [`COPY staff TO STDOUT`],
  [`COPY (DELETE FROM invites RETURNING mail) TO STDOUT`],
  [`COPY (WITH x AS (SELECT ssn FROM ${c} ORDER BY id) TABLE x) TO STDOUT`],
  [[query(`COPY ${c} (id, email) FROM STDIN`), copyData(`900\t${MAIL}\n`), copyDone]],
  [[query(`COPY invites (id, mail) FROM STDIN`), copyData(`900\tualpha30@example.com\n`), copyDone]],
  [[query(`COPY bait (id) FROM STDIN`), copyData('3\n'), copyDone]],
  [
    `CREATE TEMP TABLE t (m text)`,
    [query('COPY t FROM STDIN'), copyData(`${MAIL}\n`), copyDone],
    `SELECT count(*) FROM t JOIN ${c} ON email = m`,
  ],
  [[query(`SELECT 1; SELECT ssn FROM ${c} ORDER BY id; SELECT 1 / 0; SELECT 2`)]],
  [[query(`SELECT ssn FROM ${c} ORDER BY id`), query(`SELECT card FROM ${c} ORDER BY id`)]],
  [
    [
      parse(`SELECT $1::text || ssn FROM ${c} WHERE id = 3`),
      bind([null]),
      execute(),
      parse(`SELECT ssn FROM ${c} WHERE id = 3`),
      bind(),
      execute(),
      sync,
    ],
  ],
  [[run(`EXPLAIN SELECT 1 FROM ${c} WHERE email < $1`, 'ug'), sync]],
  [[run(`UPDATE ${c} SET note = $1 WHERE id = 3 RETURNING email`, 'x'), sync]],
  [[run(`INSERT INTO ${c} (id, email) VALUES ($1, $2) ON CONFLICT DO NOTHING`, '901', MAIL), sync]],
  [[run(`SELECT set_config('my.x', email, true) FROM ${c} WHERE id = $1`, '3'), run('SHOW my.x'), sync]],
  { parts: [`SELECT ssn FROM ${c} ORDER BY id`], settings: { options: '-c search_path=public,pg_catalog' } },
  {
    parts: [`SELECT ssn FROM ${c} ORDER BY id`],
    settings: { options: '-c bytea_output=escape -c plan_cache_mode=force_generic_plan' },
  },
  { parts: [`SELECT ssn FROM ${c} ORDER BY id`], settings: { client_encoding: 'LATIN1' } },
  {
    parts: [`SELECT ssn FROM ${c} ORDER BY id`],
    settings: { options: '-c role=postgres -c session_replication_role=replica' },
  },
  {
    parts: [`SELECT count(*) FROM ${c} WHERE email LIKE 'ualpha%'`],
    settings: { options: '-c row_security=off -c enable_seqscan=off' },
  },
  {
    parts: [`SELECT ssn FROM ${c} WHERE id = 1`, 'SHOW application_name'],
    settings: { application_name: `'; SELECT ssn FROM ${c}; --` },
  },
  { parts: [`SET ROLE postgres`, `SELECT ssn FROM ${c} ORDER BY id`], cleanup: 'SELECT 1' },
  {
    parts: [
      `SET SESSION AUTHORIZATION postgres`,
      `SELECT ssn FROM ${c} ORDER BY id`,
      'RESET SESSION AUTHORIZATION',
    ],
    cleanup: 'SELECT 1',
  },
  {
    parts: [
      `PREPARE mine AS SELECT ssn FROM ${c} ORDER BY id`,
      'SET ROLE postgres',
      'EXECUTE mine',
      'RESET ROLE',
      'DISCARD PLANS',
      'EXECUTE mine',
    ],
    cleanup: 'SELECT 1',
  },
  {
    parts: [
      `PREPARE mine AS SELECT note FROM ${c} ORDER BY id`,
      `ALTER TABLE ${c} RENAME note TO n2`,
      `ALTER TABLE ${c} RENAME ssn TO note`,
      'EXECUTE mine',
      `SELECT note FROM ${c} ORDER BY id`,
    ],
    cleanup: `DO $$ BEGIN IF EXISTS (SELECT FROM pg_attribute WHERE attname = 'n2') THEN ALTER TABLE ${c} RENAME note TO ssn; ALTER TABLE ${c} RENAME n2 TO note; END IF; END $$`,
  },
  {
    parts: [
      `CREATE TEMP TABLE mine (id int, ssn text)`,
      `PREPARE m AS SELECT ssn FROM mine`,
      `DROP TABLE mine`,
      `CREATE TEMP VIEW mine AS TABLE ${c}`,
      'EXECUTE m',
      'SELECT ssn FROM mine ORDER BY id',
    ],
    cleanup: 'SELECT 1',
  },
  {
    parts: [
      `CREATE TABLE mine AS SELECT 1 AS id, ''::text AS ssn`,
      `PREPARE m AS SELECT ssn FROM mine ORDER BY id`,
      `ALTER TABLE mine RENAME TO mine_old`,
      `CREATE VIEW mine AS SELECT id, ssn FROM ${c}`,
      'EXECUTE m',
      'SELECT ssn FROM mine ORDER BY id',
    ],
    cleanup:
      'DROP VIEW IF EXISTS mine; DROP TABLE IF EXISTS mine_old; DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relname = $q$mine$q$) THEN DROP TABLE mine; END IF; END $$',
  },
  {
    parts: [
      `BEGIN`,
      `DECLARE h CURSOR WITH HOLD FOR SELECT ssn FROM ${c} ORDER BY id`,
      'COMMIT',
      'FETCH ALL FROM h',
      'CLOSE h',
    ],
    cleanup: 'SELECT 1',
  },
  {
    parts: [
      'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE',
      `SELECT ssn FROM ${c} ORDER BY id`,
      'COMMIT AND CHAIN',
      `SELECT card FROM ${c} ORDER BY id`,
      'COMMIT',
    ],
    cleanup: 'SELECT 1',
  },
  {
    parts: [`BEGIN; SELECT ssn FROM ${c} ORDER BY id; COMMIT; SELECT card FROM ${c} ORDER BY id`],
    cleanup: 'SELECT 1',
  },
  {
    parts: [
      'LISTEN ears',
      `NOTIFY ears, 'x'`,
      `SELECT pg_notify('ears', email) FROM ${c} WHERE id = 3`,
      'SELECT 1',
    ],
    cleanup: 'SELECT 1',
  },
  { parts: [`VACUUM FULL ${c}`, `SELECT ssn FROM ${c} ORDER BY id`], cleanup: 'SELECT 1' },
  {
    parts: [
      `CREATE INDEX CONCURRENTLY own ON ${c} ((1 / (CASE WHEN email LIKE 'ualpha3@%' THEN 0 ELSE 1 END)))`,
    ],
    cleanup: 'DROP INDEX IF EXISTS own',
  },
  {
    parts: [
      `CREATE UNIQUE INDEX CONCURRENTLY own ON ${c} ((email LIKE 'ualpha3@%')) WHERE id IN (3, 4)`,
      `CREATE UNIQUE INDEX CONCURRENTLY own2 ON ${c} ((salary % 8000))`,
    ],
    cleanup: 'DROP INDEX IF EXISTS own; DROP INDEX IF EXISTS own2',
  },
  {
    parts: [
      'SET idle_session_timeout = 0',
      'SET transaction_timeout = 0',
      `SELECT ssn FROM ${c} ORDER BY id`,
      'DISCARD ALL',
      `SELECT card FROM ${c} ORDER BY id`,
    ],
    cleanup: 'SELECT 1',
  },
  {
    parts: ['DISCARD ALL', 'DISCARD TEMP', 'RESET ALL', `SELECT ssn FROM ${c} ORDER BY id`],
    cleanup: 'SELECT 1',
  },
];

export const WRITES_AND_WIRE: Readonly<Record<string, readonly Attack[]>> = {
  'more writes': WRITES,
  traces: TRACES,
  wire: WIRE,
};
