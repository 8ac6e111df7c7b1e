import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from '../../../tests/sql/analysis-session.ts';
import { type ColumnMask, type Mask, UNTRUSTED } from '../../model/labels.ts';
import { BUILTIN_LABELS } from './builtin-labels.ts';
import { ORDER, ROWS, rowOf } from './label-places.ts';
import { flowLabels } from './labels-flow.ts';

const SEED = `
CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, pay numeric, double_pay numeric GENERATED ALWAYS AS (pay * 2) STORED);
CREATE TABLE tickets (id int, email text REFERENCES people (email), author int REFERENCES people);
CREATE TABLE replies (id int, email text);
CREATE TABLE parent (id int, email text);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
CREATE TABLE parted (id int, email text) PARTITION BY LIST (id);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE ranged (id int, born date, pay int) PARTITION BY RANGE ((pay % 10), born);
CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (MINVALUE, MINVALUE) TO (MAXVALUE, MAXVALUE) PARTITION BY LIST (id);
CREATE TABLE ranged_1_1 PARTITION OF ranged_1 FOR VALUES IN (1);
CREATE VIEW of_partition AS SELECT id FROM ranged_1_1;
CREATE VIEW copies (i, mail) AS SELECT id, email FROM people;
CREATE VIEW copies_of_copies AS SELECT mail AS again FROM copies;
CREATE VIEW computed AS SELECT id, upper(email) AS shouted, pay * 12 AS a_year FROM people;
CREATE VIEW of_computed AS SELECT shouted, a_year FROM computed;
CREATE VIEW chosen AS SELECT id FROM people WHERE pay > 5;
CREATE VIEW of_chosen AS SELECT id FROM chosen;
CREATE VIEW joined AS SELECT p.pay, t.id FROM people p JOIN tickets t ON t.author = p.id;
CREATE VIEW aliased AS SELECT s.x, s.y FROM (SELECT email AS x, pay * 2 AS y FROM people) s;
CREATE VIEW either AS SELECT email FROM people UNION ALL SELECT email FROM replies;
CREATE VIEW unrelated AS SELECT id FROM people;
CREATE VIEW counted AS SELECT count(*) AS n FROM people;
CREATE MATERIALIZED VIEW stored AS SELECT email FROM people;
CREATE FUNCTION f(int) RETURNS text LANGUAGE sql AS 'SELECT email FROM people WHERE id = $1';
CREATE VIEW calling AS SELECT id, f(id) AS m FROM people;
CREATE TABLE teams (id int PRIMARY KEY, team text, wage int, badge text);
CREATE INDEX ON teams (team, wage);
CREATE INDEX ON teams (id) WHERE wage > 5;
CREATE INDEX ON teams (badge);
CREATE INDEX ON teams (id, badge);
CREATE INDEX ON teams USING brin (team, badge);
CREATE VIEW of_teams AS SELECT id, team FROM teams;
CREATE VIEW of_teams_again AS SELECT id FROM of_teams;
CREATE VIEW of_badges AS SELECT id, badge FROM teams;
CREATE MATERIALIZED VIEW rich_teams AS SELECT id FROM teams WHERE wage > 5;
CREATE VIEW table_sizes AS SELECT relname, reltuples FROM pg_class;
CREATE TABLE "Odd.Name" ("Mail Column" text);
CREATE VIEW odd AS SELECT "Mail Column" AS m FROM "Odd.Name";
`;

let session: AnalysisSession;

beforeAll(async () => {
  session = await openAnalysisSession(SEED);
});

afterAll(() => session?.close());

const flow = (relation: string, column: string, traces = false): string[] =>
  flowLabels([{ relation, column, label: 'x' }], session.catalog)
    .filter(({ trace = false }) => trace === traces)
    .map((each) => `${each.relation}.${each.column}`)
    .filter((each) => each !== `${relation}.${column}`)
    .sort();

describe('flowLabels', () => {
  it.each([
    [
      'public.ranged',
      'pay',
      [
        'public.of_partition.*',
        'public.ranged_1.*',
        'public.ranged_1.pay',
        'public.ranged_1_1.*',
        'public.ranged_1_1.pay',
      ],
    ],
    [
      'public.ranged',
      'id',
      [
        'public.of_partition.id',
        'public.of_partition.*',
        'public.ranged_1.id',
        'public.ranged_1_1.*',
        'public.ranged_1_1.id',
      ].sort(),
    ],
    ['public.parent', 'email', ['public.child.email', 'public.grandchild.email']],
    ['public.grandchild', 'email', ['public.child.email', 'public.parent.email']],
    ['public.child', 'extra', ['public.grandchild.extra']],
    ['public.part_1', 'email', ['public.parted.email']],
    ['public.parted', 'email', ['public.part_1.email']],
    ['public.tickets', 'email', []],
    ['public.replies', 'email', ['public.either.email']],
    ['public.Odd.Name', 'Mail Column', ['public.odd.m']],
    ['public.none', 'email', []],
    ['public.people', 'none', []],
    [
      'public.people',
      'email',
      [
        'public.aliased.x',
        'public.either.email',
        'public.computed.shouted',
        'public.copies.mail',
        'public.copies_of_copies.again',
        'public.of_computed.shouted',
        'public.stored.email',
        'public.tickets.email',
      ],
    ],
    [
      'public.people',
      'pay',
      [
        'public.aliased.y',
        `public.chosen.${ROWS}`,
        'public.computed.a_year',
        'public.joined.pay',
        `public.of_chosen.${ROWS}`,
        'public.of_computed.a_year',
        'public.people.double_pay',
      ],
    ],
  ])('%s.%s', (relation, column, expected) => {
    // A view that calls what nobody can see through may show anything.
    const opaque = [`public.calling.${ROWS}`, 'public.calling.id', 'public.calling.m'];
    const all = relation === 'public.people' ? [...expected, ...opaque] : expected;
    // Whatever is counted, one view shows it.
    const found = flow(relation, column).filter((each) => each !== 'public.table_sizes.reltuples');
    expect(found).toEqual(all.sort());
  });

  it('leaves traces in the order of rows', () => {
    expect(flow('public.ranged', 'pay', true)).toContain(`public.ranged.${ORDER}`);
    // The index on (team, wage) also orders views that show a team.
    const orders = flow('public.teams', 'wage', true).filter((each) => each.endsWith(ORDER));
    expect(orders).toEqual([`public.of_teams.${ORDER}`, `public.of_teams_again.${ORDER}`]);
    expect(flow('public.teams', 'badge', true).filter((each) => each.endsWith(ORDER))).toEqual([]);
  });

  it('leaves traces in counts of the catalog', () => {
    const oid = (name: string): number => session.catalog.relation('public', name)!.oid;
    const rows = flow('public.teams', 'wage', true).filter((each) => each.startsWith('pg_catalog.pg_class.'));
    const { indexes } = session.catalog.relation('public', 'teams')!;
    const wages = indexes.filter(({ deciding }) => deciding.includes(3)).map((index) => index.oid);
    expect(rows).toEqual(
      [...wages, oid('rich_teams')].map((each) => `pg_catalog.pg_class.${rowOf(each)}`).sort(),
    );
    expect(wages).toHaveLength(2);
    expect(flow('public.teams', 'wage')).toContain('public.table_sizes.reltuples');
  });

  it('leaves none of what hides nothing', () => {
    const label = { relation: 'public.teams', column: 'wage', label: UNTRUSTED };
    expect(flowLabels([label], session.catalog).filter(({ trace }) => trace)).toEqual([]);
  });

  it('keeps what it was given, once', () => {
    const labels = [
      { relation: 'public.people', column: 'email', label: 'email' },
      { relation: 'public.people', column: 'email', label: 'email' },
      { relation: 'public.people', column: 'email', label: 'contact' },
    ];
    const flowed = flowLabels(labels, session.catalog).filter(({ relation }) => relation === 'public.people');
    expect(flowed.map(({ label }) => label).sort()).toEqual(['contact', 'email']);
  });
});

describe('masks on what labels flow to', () => {
  const shown = async (text: string, mask: Mask, ...columns: [string, string][]): Promise<string> => {
    const masks: ColumnMask[] = columns.map(([relation, column]) => ({ relation, column, label: 'x', mask }));
    return (await session.dialect.rewrite(await session.analyze(text), masks, session.scope)).text;
  };

  it('fit copies, and are strict with what is computed', async () => {
    const bucket: Mask = { kind: 'bucket', size: 1_000 };
    expect(await shown('SELECT pay FROM joined', bucket, ['public.joined', 'pay'])).toContain('mod');
    for (const [relation, column] of [
      ['computed', 'a_year'],
      ['of_computed', 'a_year'],
      ['aliased', 'y'],
      ['people', 'double_pay'],
    ] as const) {
      const text = await shown(`SELECT ${column} FROM ${relation}`, bucket, [`public.${relation}`, column]);
      expect(text).toContain(`NULL::"pg_catalog"."numeric" AS "${column}"`);
    }
    const last: Mask = { kind: 'last', n: 4 };
    expect(await shown('TABLE copies_of_copies', last, ['public.copies_of_copies', 'again'])).toContain(
      'repeat',
    );
    expect(await shown('TABLE stored', last, ['public.stored', 'email'])).toContain('repeat');
    expect(await shown('TABLE either', last, ['public.either', 'email'])).toContain(`'***'`);
    expect(await shown('TABLE aliased', last, ['public.aliased', 'x'])).toContain(`'***'`);
  });
});

describe('BUILTIN_LABELS', () => {
  /** Columns that later versions may show here too, as they do in pg_stats. */
  const EXPECTED_LATER = /^pg_catalog\.pg_stats_ext_exprs\.range_/;

  it('name columns that exist, so far as this server has the relation', () => {
    for (const { relation, column } of BUILTIN_LABELS) {
      for (const found of session.catalog.relationsById(relation)) {
        const name = `${relation}.${column}`;
        if (!EXPECTED_LATER.test(name)) expect(found.column(column), name).toBeDefined();
      }
    }
    const known = BUILTIN_LABELS.filter(({ relation }) => session.catalog.relationsById(relation).length > 0);
    expect(known.length).toBeGreaterThan(70);
  });

  it.each([
    ['pg_statistic', ['starelid', 'staattnum', 'stainherit']],
    ['pg_statistic_ext_data', ['stxoid', 'stxdinherit']],
    ['pg_stats', ['schemaname', 'tablename', 'attname', 'inherited']],
    [
      'pg_stats_ext',
      [
        'schemaname',
        'tablename',
        'statistics_schemaname',
        'statistics_name',
        'statistics_owner',
        'attnames',
        'exprs',
        'kinds',
        'inherited',
      ],
    ],
    [
      'pg_stats_ext_exprs',
      [
        'schemaname',
        'tablename',
        'statistics_schemaname',
        'statistics_name',
        'statistics_owner',
        'expr',
        'inherited',
      ],
    ],
  ])('leave open of %s only what names the column', (relation, open) => {
    const labelled = BUILTIN_LABELS.filter((label) => label.relation === `pg_catalog.${relation}`);
    const columns = session.catalog.relation('pg_catalog', relation)!.columns.map(({ name }) => name);
    expect(columns.filter((name) => !labelled.some(({ column }) => column === name))).toEqual(open);
  });

  it('leave out no system view over a labelled catalog without a reason', async () => {
    const { rows } = await session.database.query(`
      SELECT DISTINCT v.oid::regclass::text AS view, m[1]::oid::regclass::text AS source
      FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class,
        regexp_matches(r.ev_action::text, ':relid ([0-9]+)', 'g') m
      WHERE v.oid < 16384 AND m[1]::oid <> v.oid`);
    const labelled = new Set(BUILTIN_LABELS.map(({ relation }) => relation.replace('pg_catalog.', '')));
    const unlabelled = rows.filter(
      ({ view, source }) => labelled.has(source as string) && !labelled.has(view as string),
    );
    // These show none of the labelled columns: names of roles, servers and subscriptions, mostly.
    const REVIEWED = [
      'information_schema._pg_foreign_data_wrappers',
      'information_schema._pg_foreign_table_columns',
      'information_schema._pg_foreign_tables',
      'information_schema.foreign_data_wrapper_options',
      'information_schema.foreign_data_wrappers',
      'information_schema.foreign_servers',
      'information_schema.foreign_table_options',
      'information_schema.foreign_tables',
      'information_schema.user_mappings',
      'information_schema.applicable_roles',
      'information_schema.column_privileges',
      'information_schema.enabled_roles',
      'information_schema.routine_privileges',
      'information_schema.schemata',
      'information_schema.table_privileges',
      'information_schema.udt_privileges',
      'information_schema.usage_privileges',
      'pg_policies',
      'pg_prepared_xacts',
      'pg_stat_replication_slots',
      'pg_seclabels',
      'pg_stat_replication',
      'pg_group',
      'pg_roles',
      'pg_stat_subscription',
      'pg_stat_subscription_stats',
    ];
    expect(
      [...new Set(unlabelled.map(({ view }) => view as string))]
        .sort()
        .filter((view) => !REVIEWED.includes(view)),
    ).toEqual([]);
  });
});
