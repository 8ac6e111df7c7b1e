/**
 * Random statements of every kind over the schema of `twin-schema.ts`, as the parts of a conversation: queries, writes that return
 * rows, cursors, prepared statements, COPY, EXPLAIN, temporary tables and views, simple and extended protocol. Never ends a
 * transaction. Same choices, same statement.
 */
import { bind, describePortal, describeStatement, execute, parse, sync } from '../support/frames.ts';
import { createRandom, Generator } from './random-query.ts';
import type { Part } from './twin-gates.ts';

/** What decides how a statement looks: 16-bit numbers, read one after the other; behind the end all are 0. */
export type Choices = readonly number[];

const CHOICES_A_STATEMENT = 160;

export function choicesOf(seed: number): Choices {
  const random = createRandom(seed);
  return Array.from({ length: CHOICES_A_STATEMENT }, () => Math.floor(random() * 65_536));
}

export interface RandomStatement {
  readonly kind: string;
  readonly parts: readonly Part[];
}

export function statementOf(choices: Choices): RandomStatement {
  let next = 0;
  const generator = new Generator(() => (choices[next++] ?? 0) / 65_536, undefined, true);
  const [kind, make] = generator.pick(KINDS);
  const made = make(generator);
  return { kind, parts: typeof made === 'string' ? [made] : made };
}

type Make = (g: Generator) => string | readonly Part[];

const query = (g: Generator): string => g.anyQuery(2);

const WRITTEN = ['orders', 'customers', 'plain', 'mail_copy', 'writable', 'guarded', 'derived'];
const VALUES: Readonly<Record<string, readonly string[]>> = {
  orders: ['note = %', 'total = #', 'note = $$x$$', 'customer_id = 5'],
  customers: [
    'note = $$x$$',
    'note = %',
    'cap = 1',
    'plan = $$pro$$',
    'email = $$a@b.c$$',
    'ssn = $$1$$',
    'salary = 52000',
    'card = DEFAULT',
    'created = created',
  ],
};

function returning(g: Generator, relation: string): string {
  if (!g.chance(0.6)) return '';
  const list = g.pick(['id', '*', '%', '%, #', '? AS c', 'old.id, new.id', `${relation}.*`, 'upper(%)']);
  return ` RETURNING ${g.over(relation, list, 0)}`;
}

function update(g: Generator): string {
  const relation = g.pick(WRITTEN);
  const set = g.over(relation, g.pick(VALUES[relation] ?? ['note = $$x$$', 'id = id']), 1);
  const from = g.chance(0.25) ? ` FROM (${g.query(1, [], '% AS t, # AS i')}) f` : '';
  const where = g.over(relation, g.pick(['id = 5', 'id < 20 AND ?', '?', 'id = #']), 1);
  return `UPDATE ${relation} SET ${set}${from} WHERE ${where}${returning(g, relation)}`;
}

function remove(g: Generator): string {
  const relation = g.pick(WRITTEN);
  const using = g.chance(0.25) ? ` USING (${g.query(1, [], '% AS t, # AS i')}) f` : '';
  const where = g.over(relation, g.pick(['id = 5', 'id > 110', '?', 'id = #']), 1);
  return `DELETE FROM ${relation}${using} WHERE ${where}${returning(g, relation)}`;
}

function insert(g: Generator): string {
  const relation = g.pick(['orders', 'customers', 'plain', 'writable', 'plans', 'people', 'invites']);
  const columns: Readonly<Record<string, string>> = {
    orders: 'id, note',
    customers: 'id, email',
    writable: 'id, mail',
    plans: 'price, name',
    people: 'id, secret_of',
    invites: 'id, mail',
  };
  const list = columns[relation] ?? 'id, note';
  const source = g.chance(0.5)
    ? `VALUES (${g.pick(['900', '5', '3'])}, ${g.pick([`'a@b.c'`, `'ualpha3@example.com'`, `'12'`])})`
    : g.query(1, [], g.pick(['# + 1000 AS a, % AS b', '2000 + #, $$x$$', '#, %']));
  const conflict = g.chance(0.35)
    ? g.pick([
        ' ON CONFLICT DO NOTHING',
        ` ON CONFLICT (id) DO UPDATE SET id = excluded.id`,
        g.over(relation, ` ON CONFLICT (id) DO UPDATE SET note = $$hit$$ WHERE ?`, 1),
        ` ON CONFLICT (email) DO NOTHING`,
        g.over(relation, ` ON CONFLICT (id) DO UPDATE SET note = %`, 1),
      ])
    : '';
  return `INSERT INTO ${relation} (${list}) ${source}${conflict}${returning(g, relation)}`;
}

function merge(g: Generator): string {
  const relation = g.pick(['orders', 'customers', 'plain']);
  const source = g.chance(0.6) ? `(${g.query(1, [], '% AS t, # AS i')})` : `(VALUES ('x', 3), ('y', 5))`;
  const and = g.chance(0.4) ? ` AND ${g.over(relation, '?', 1)}` : '';
  const action = g.pick([`UPDATE SET note = 'm'`, 'DELETE', 'DO NOTHING', 'UPDATE SET note = s.t']);
  const other = g.pick([
    '',
    ' WHEN NOT MATCHED THEN DO NOTHING',
    ` WHEN NOT MATCHED BY SOURCE${and} THEN DO NOTHING`,
  ]);
  const end = g.chance(0.4)
    ? ` RETURNING ${g.pick(['merge_action()', `${relation}.id`, `${relation}.*`, 's.*'])}`
    : '';
  return `MERGE INTO ${relation} USING ${source} AS s (t, i) ON ${relation}.id = s.i WHEN MATCHED${and} THEN ${action}${other}${end}`;
}

function write(g: Generator): string {
  const text = g.pick([update, insert, remove, merge])(g);
  return g.chance(0.15) ? `WITH w AS (${text}) ${g.pick(['SELECT count(*) FROM w', 'TABLE w'])}` : text;
}

const cursor: Make = (g) => {
  const how = g.pick(['CURSOR', 'SCROLL CURSOR', 'NO SCROLL CURSOR', 'BINARY CURSOR', 'INSENSITIVE CURSOR']);
  const fetches = Array.from({ length: 1 + Number(g.chance(0.5)) }, () =>
    g.pick([
      'FETCH ALL FROM c',
      'FETCH 3 FROM c',
      'MOVE 2 IN c',
      'FETCH BACKWARD 2 FROM c',
      'FETCH LAST FROM c',
      'FETCH ABSOLUTE 2 FROM c',
    ]),
  );
  return [`DECLARE c ${how} FOR ${query(g)}`, ...fetches];
};

const prepared: Make = (g) => {
  const text = g.chance(0.7) ? query(g) : write(g);
  const guess = g.pick([`'ualpha3@example.com'`, `'x'`, `'u***@example.com'`]);
  if (g.chance(0.5)) return [`PREPARE p AS ${text}`, 'EXECUTE p', 'EXECUTE p', 'DEALLOCATE p'];
  return [
    `PREPARE p (text) AS SELECT id, $1 FROM customers WHERE ${g.over('customers', '% = $1 OR ?')}`.replaceAll(
      'customers.$1',
      '$1',
    ),
    `EXECUTE p (${guess})`,
    'DEALLOCATE p',
  ];
};

const extended: Make = (g) => {
  const text = g.chance(0.75) ? query(g) : write(g);
  const format = g.pick([[], [1], [0]]);
  const frames = [parse(text), ...(g.chance(0.4) ? [describeStatement()] : []), bind([], '', '', format)];
  if (g.chance(0.4)) frames.push(describePortal());
  return [[...frames, execute(g.pick([0, 0, 2])), ...(g.chance(0.3) ? [execute()] : []), sync]];
};

const parameters: Make = (g) => {
  const condition = g.over('customers', g.pick(['% = $1', '% LIKE $1', '$1 < %', '?', '% = $1 AND ?']));
  const text = `SELECT id, $1::text FROM customers WHERE ${condition} ORDER BY id`;
  const value = g.pick(['ualpha3@example.com', 'u%', 'ug', '***', 'pro']);
  return [[parse(text), bind([value]), execute(), sync]];
};

const explain: Make = (g) => {
  const text = g.chance(0.7) ? query(g) : write(g);
  const options = g.pick([
    '',
    ' (COSTS OFF)',
    ' (COSTS OFF, VERBOSE)',
    ' (FORMAT JSON)',
    ' (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF)',
    ' (ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF)',
    ' (COSTS OFF, SETTINGS, FORMAT YAML)',
  ]);
  return `EXPLAIN${options} ${text}`;
};

const copy: Make = (g) => {
  const options = g.pick(['', ' (FORMAT csv, HEADER)', ' (FORMAT binary)', ` (DELIMITER '|')`]);
  const relation = g.pick(['customers', 'orders', 'customers (id, email)', 'mail_copy', 'plain']);
  return g.chance(0.3)
    ? `COPY ${relation} TO STDOUT${options}`
    : `COPY (${g.chance(0.8) ? query(g) : write(g)}) TO STDOUT${options}`;
};

const temporary: Make = (g) => {
  const make = g.pick(['CREATE TEMP TABLE n AS', 'CREATE TEMP VIEW n AS', 'SELECT * INTO TEMP n FROM']);
  const text = g.query(1, [], '% AS t, # AS id');
  const first = make.startsWith('SELECT') ? `${make} (${text}) s` : `${make} ${text}`;
  const then = g.pick([
    'SELECT * FROM n ORDER BY 1, 2',
    'SELECT count(*) FROM n',
    'SELECT c.id, n.t FROM n JOIN customers c USING (id) ORDER BY 1, 2',
    `UPDATE n SET t = t || 'x' WHERE id < 5 RETURNING t`,
    'DELETE FROM n WHERE t IS NULL',
    'COPY n TO STDOUT',
    'DROP TABLE n',
  ]);
  return [first, then];
};

const shared: Make = (g) => {
  const kind = g.pick(['VIEW', 'TABLE', 'MATERIALIZED VIEW']);
  return [
    `CREATE ${kind} own_thing AS ${g.query(1, [], '% AS t, # AS id')}`,
    'SELECT * FROM own_thing ORDER BY 1, 2',
  ];
};

const settings: Make = (g) => {
  const value = g.over('customers', g.pick(['%', '# ::text', '(CASE WHEN ? THEN $$a$$ ELSE $$b$$ END)']), 1);
  return [`SELECT set_config('my.own', ${value}, true) FROM customers WHERE id = 3`, 'SHOW my.own'];
};

const several: Make = (g) =>
  `${query(g)}; ${g.chance(0.5) ? write(g) : query(g)}; SELECT count(*) FROM orders`;

const functions: Make = (g) =>
  g.pick([
    'SELECT mail_of(3)',
    'SELECT * FROM mails() ORDER BY id',
    `SELECT is_known(${g.over('customers', '%')}) FROM customers ORDER BY id`,
    `SELECT shout(${g.over('customers', '%')}) FROM customers WHERE id < 4`,
    `SELECT u FROM customers, unnest(ARRAY[${g.over('customers', '%, %')}]) u ORDER BY 1`,
    `SELECT g FROM customers, generate_series(1, length(${g.over('customers', '%')})) g ORDER BY 1`,
    `SELECT j.* FROM customers c, JSON_TABLE(to_jsonb(c), '$' COLUMNS (a text PATH '$.email', b text PATH '$.note')) j ORDER BY 1, 2`,
    `SELECT e.* FROM customers c, jsonb_each_text(to_jsonb(c)) e WHERE c.id < 4 ORDER BY 1, 2`,
    `SELECT r FROM customers c, regexp_split_to_table(c.${g.pick(['email', 'ssn', 'note'])}, '1') r ORDER BY 1`,
    `SELECT x.* FROM customers c, XMLTABLE('/r' PASSING xmlelement(NAME r, c.card) COLUMNS v text PATH '.') x ORDER BY 1`,
  ]);

/** A query that is read from indexes wherever it can be, and sorted nowhere it need not be. */
function byIndex(g: Generator): readonly Part[] {
  const settings = ['seqscan', 'bitmapscan', 'sort', 'hashjoin', 'hashagg', 'material'].filter(
    (name) => name === 'seqscan' || g.chance(0.6),
  );
  return [...settings.map((name) => `SET LOCAL enable_${name} = off`), g.pick([query, queryOfPlan])(g)];
}

/** A query by what stands in indexes beside labelled columns. */
function queryOfPlan(g: Generator): string {
  const list = g.pick(['id', 'array_agg(id)', 'id, plan', 'id, email', '*', 'plan, count(*)', 'plan']);
  const relation = g.pick([
    'customers',
    'customers c',
    'derived',
    'mail_copy',
    'plans p JOIN customers c ON c.plan = p.name',
  ]);
  const where = g.pick([
    '',
    ` WHERE plan = 'pro'`,
    ` WHERE plan > 'a'`,
    ` WHERE plan = 'free' AND id < 30`,
    ' WHERE id > 9',
  ]);
  const group = list.includes('count') ? ' GROUP BY plan' : '';
  const order =
    list.includes('agg') || list === '*' ? '' : g.pick(['', ' ORDER BY plan', ' ORDER BY plan DESC']);
  return `SELECT ${list} FROM ${relation}${where}${group}${order}${g.pick(['', ' LIMIT 3', ' LIMIT 7 OFFSET 2'])}`;
}

/** What the catalog counts. */
function counts(g: Generator): string {
  const name = g.pick(['customers_rich', 'rich_copy', 'births_early', 'customers_by_plan', 'orders_pkey']);
  const column = g.pick(['reltuples', 'relpages', 'relallvisible']);
  return g.pick([
    `SELECT ${column} FROM pg_class WHERE relname = '${name}'`,
    `SELECT relname FROM pg_class WHERE ${column} > 20 AND relname ~ '^(customers_|births|rich)' ORDER BY 1`,
    `SELECT to_jsonb(x) -> '${column}' FROM pg_class x WHERE relname = '${name}'`,
    `SELECT sum(${column}) FROM pg_class WHERE relname ~ '^(customers_|births|rich)'`,
  ]);
}

const TIMES: readonly (readonly [times: number, kind: string, make: Make])[] = [
  [18, 'query', query],
  [10, 'write', write],
  [4, 'extended', extended],
  [4, 'by index', byIndex],
  [1, 'counts', counts],
  [2, 'parameters', parameters],
  [2, 'cursor', cursor],
  [2, 'prepared', prepared],
  [2, 'explain', explain],
  [2, 'copy', copy],
  [2, 'functions', functions],
  [2, 'several', several],
  [1, 'settings', settings],
  [1, 'temporary', temporary],
  [1, 'shared', shared],
];

/** The first is the simplest. */
const KINDS = TIMES.flatMap(([times, kind, make]) =>
  Array.from({ length: times }, (): readonly [string, Make] => [kind, make]),
);
