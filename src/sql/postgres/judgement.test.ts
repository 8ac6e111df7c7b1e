/** What is trusted, against everything that a real server has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnalysisSession, openAnalysisSession } from '../../../tests/sql/analysis-session.ts';
import { HARMLESS_VOLATILE, REACHING, READ_ONLY_VOLATILE, REVIEWED_EXTENSIONS } from './builtin-functions.ts';
import { foreignOperator, isTransparent, judgeFunction, judgeType } from './judgement.ts';
import { REVIEWED_FUNCTIONS } from './reviewed-functions.ts';

const EXTENSIONS = [...REVIEWED_EXTENSIONS].filter((name) => name !== 'earthdistance');

const SEED = `
${EXTENSIONS.map((name) => `CREATE EXTENSION "${name}";`).join('\n')}
CREATE EXTENSION dblink; CREATE EXTENSION tablefunc; CREATE EXTENSION pageinspect; CREATE EXTENSION lo;
CREATE SCHEMA other;
CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION other.upper(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
CREATE FUNCTION other.repeat(text, int, int) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
CREATE FUNCTION two(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION many(VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE own_sum (int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR other.= (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE TYPE mood AS ENUM ('a');
CREATE FUNCTION check_it(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE DOMAIN checked AS text CHECK (check_it(VALUE));
CREATE DOMAIN checked_again AS checked;
CREATE DOMAIN simple AS text CHECK (VALUE <> '');
CREATE TYPE pair AS (a int, b simple);
CREATE TYPE bad_pair AS (a int, b checked);
CREATE TYPE bad_range AS RANGE (subtype = int, subtype_diff = other_diff);
CREATE TABLE t (a mood, b simple);
CREATE TABLE bad_t (a checked_again[]);
CREATE FUNCTION mood_text(mood) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TYPE cast_mood AS ENUM ('b');
CREATE FUNCTION cast_mood_text(cast_mood) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE CAST (cast_mood AS text) WITH FUNCTION cast_mood_text(cast_mood) AS IMPLICIT;
`.replace(/CREATE TYPE bad_range.*\n/, '');

/** Volatile functions that are not trusted, each read and found to reach further, or to be of no use in a statement. */
const OPAQUE_VOLATILE = new RegExp(
  `^(${[
    'RI_FKey_.*|binary_upgrade_.*|brin_.*|gin_clean_pending_list|currtid2|(cursor|query)_to_xml.*|lo_.*|lo(read|write)',
    'pg_(backup|clear|copy|create|drop|export|import|log|logical|ls|read|restore|rotate|stop|wal_replay)_.*|pg_replication_.*',
    'pg_control_(checkpoint|recovery)|pg_last_wal_re(ceive|play)_lsn|pg_show_replication_origin_status',
    'pg_(cancel|terminate)_backend|pg_reload_conf|pg_promote|pg_switch_wal|pg_nextoid|pg_stat_(reset|file|force).*|pg_sync_.*',
    'pg_get_(aios|backend_memory_contexts|process_memory_contexts|loaded_modules|multixact_members|shmem_allocations.*|wal_.*)',
    'pg_(available_wal_summaries|wal_summary_contents|current_logfile|extension_config_dump|show_all_file_settings)',
    'pg_current_wal_.*|pg_stat_get_(backend_.*|io|xact_.*)|pg_(hba_file_rules|ident_file_mappings|isolation_test_session_is_blocked|stat_get_recovery_prefetch|stat_get_wal)',
    'plpgsql_.*|suppress_redundant_updates_trigger|ts_(rewrite|stat)|tsvector_update_trigger.*|unique_key_recheck',
  ].join('|')})$`,
);

let session: AnalysisSession;

beforeAll(async () => {
  session = await openAnalysisSession(SEED);
});

afterAll(() => session?.close());

describe('builtin functions', () => {
  const builtins = async () => {
    const { rows } = await session.database.query(
      `SELECT DISTINCT proname AS name, provolatile AS volatility, pg_get_function_arguments(oid) AS arguments, prokind AS kind
       FROM pg_proc WHERE oid < 16384`,
    );
    return rows as { name: string; volatility: string; arguments: string; kind: string }[];
  };
  const trusted = (name: string): boolean =>
    session.catalog
      .functionsNamed(name)
      .filter(({ builtin }) => builtin)
      .every(isTransparent);

  it('are all there: a name in the tables that no server has is a typing error', async () => {
    const names = new Set((await builtins()).map(({ name }) => name));
    // Of other versions.
    const elsewhere = new Set(['pg_get_sequence_data', 'array_sample']);
    for (const name of [...REACHING, ...HARMLESS_VOLATILE]) {
      if (!elsewhere.has(name)) expect(names.has(name), name).toBe(true);
    }
    for (const name of READ_ONLY_VOLATILE) expect(HARMLESS_VOLATILE.has(name)).toBe(true);
  });

  it('are never trusted if their names or arguments say that they reach further', async () => {
    const reaching =
      /_to_xml|xmlschema$|^lo_|^lo(read|write)$|_file|^pg_ls_|slot|replication_origin_(?!oid|is)|^binary_upgrade|^pg_(cancel|terminate|reload|rotate|promote|switch|create_|drop_|backup|export|import|restore|clear|log_|logical|sync|wal_replay_(pause|resume))|^ts_(stat|rewrite)$|activity$|conninfo|^currtid|^pg_read|_validator$|^dsnowball|_recv$|_in$/;
    // Reads of states, texts into values of one fixed type, and the like.
    const reviewed =
      /^(postgresql_fdw_validator|pg_stat_get_(db_conflict_logicalslot|db_temp_files|replication_slot|backend_activity_start)|pg_get_replication_slots|pg_relation_filepath|pg_relation_filenode|pg_filenode_relation|pg_event_trigger_.*|pg_show_replication_origin_status|replication_origin_oid|pg_replication_origin_oid|pg_split_walfile_name|pg_walfile_name.*|pg_wal_replay.*|pg_get_catalog_.*|pg_log_.*|pg_import.*|pg_stat_get_xact.*)$/;
    const suspects = (await builtins()).filter(({ name, arguments: args }) => {
      // Input functions of fixed types, which nobody can call with anything but a literal of that type.
      const isTypeInput = /(_in|_recv|in|recv)$/.test(name) && /^(cstring|internal)/.test(args);
      return reaching.test(name) && !reviewed.test(name) && !isTypeInput && trusted(name);
    });
    expect(suspects.map(({ name }) => name)).toEqual([]);
  });

  it('are each of one class: a new one has to be read before it is trusted', async () => {
    const unread: string[] = [];
    let reviewed = 0;
    for (const { name, volatility, arguments: args, kind } of await builtins()) {
      if (args.includes('internal') || REACHING.has(name)) continue;
      const isKnown =
        volatility === 'v'
          ? HARMLESS_VOLATILE.has(name) || OPAQUE_VOLATILE.test(name) || kind === 'p'
          : REVIEWED_FUNCTIONS.has(name);
      if (isKnown) reviewed += 1;
      else unread.push(`${name}(${args})`);
    }
    expect(unread).toEqual([]);
    expect(reviewed).toBeGreaterThan(2_000);
    for (const name of REVIEWED_FUNCTIONS) expect(REACHING.has(name), name).toBe(false);
  });

  it('that are volatile are trusted by name only', async () => {
    for (const { name, volatility, kind } of await builtins()) {
      if (volatility === 'v' && kind === 'f' && trusted(name))
        expect(HARMLESS_VOLATILE.has(name), name).toBe(true);
    }
  });

  it('do what their names say to the facts', async () => {
    const facts = async (call: string) => (await session.analyze(`SELECT ${call}`)).statements[0]!.facts;
    for (const call of [
      'now()',
      'random()',
      'count(*)',
      'pg_relation_size(1)',
      'current_query()',
      'pg_sleep(1)',
    ]) {
      expect(await facts(call)).toMatchObject({ writes: false, opaque: [] });
    }
    for (const call of [
      `nextval('s')`,
      `pg_notify('a', 'b')`,
      'pg_advisory_lock(1)',
      `set_config('a.b', 'c', true)`,
    ]) {
      expect(await facts(call)).toMatchObject({ writes: true, opaque: [] });
    }
    for (const call of [
      'pg_terminate_backend(1)',
      `pg_read_file('x')`,
      'pg_reload_conf()',
      `pg_logical_emit_message(true, 'sluice', 'x')`,
      'pg_switch_wal()',
      `lo_export(1, 'x')`,
    ]) {
      const { actions, opaque, writes } = await facts(call);
      expect([actions.includes('Administer'), opaque.length, writes], call).toEqual([true, 1, true]);
    }
  });
});

describe('judgeFunction', () => {
  it.each([
    [['lower'], 1, 'pg_catalog.lower', false],
    [['pg_catalog', 'lower'], 1, 'pg_catalog.lower', true],
    [['upper'], 1, 'pg_catalog.upper', false],
    [['repeat'], 2, 'pg_catalog.repeat', true],
    [['other', 'upper'], 1, 'other.upper', false],
    [['two'], 1, 'public.two', false],
    [['own_sum'], 1, 'public.own_sum', false],
    [['similarity'], 2, 'public.similarity', true],
    [['crosstab'], 1, 'public.crosstab', false],
    [['dblink'], 2, 'public.dblink', false],
    [['get_raw_page'], 2, 'public.get_raw_page', false],
    [['gen_salt'], 1, 'public.gen_salt', true],
    [['uuid_generate_v4'], 0, 'public.uuid_generate_v4', true],
    [['set_limit'], 1, 'public.set_limit', false],
    [['nowhere'], 1, 'nowhere', false],
    [['pg_temp', 'lower'], 1, 'pg_temp.lower', false],
  ])('%j with %i arguments is %s, trusted: %s', (names, count, name, transparent) => {
    expect(judgeFunction(session.scope, names, count)).toMatchObject({ name, transparent });
  });

  it('counts defaults and VARIADIC', () => {
    expect(judgeFunction(session.scope, ['two'], 0).found).toBe(false);
    expect(judgeFunction(session.scope, ['two'], 2).found).toBe(true);
    expect(judgeFunction(session.scope, ['two'], 3).found).toBe(false);
    for (const count of [0, 1, 5]) expect(judgeFunction(session.scope, ['many'], count).found).toBe(true);
  });
});

describe('judgeType', () => {
  it.each([
    [['text'], 'plain'],
    [['pg_catalog', 'int4'], 'plain'],
    [['mood'], 'plain'],
    [['_mood'], 'plain'],
    [['simple'], 'plain'],
    [['pair'], 'plain'],
    [['checked'], 'foreign'],
    [['checked_again'], 'foreign'],
    [['bad_pair'], 'foreign'],
    [['_bad_pair'], 'foreign'],
    [['t'], 'plain'],
    [['bad_t'], 'foreign'],
    [['cast_mood'], 'foreign'],
    [['citext'], 'plain'],
    [['hstore'], 'plain'],
    [['lo'], 'plain'],
    [['bigserial'], 'plain'],
    [['nowhere'], 'unknown'],
    [['pg_temp', 'mood'], 'unknown'],
    [['other', 'mood'], 'unknown'],
  ])('%j is %s', (names, expected) => {
    expect(judgeType(session.scope, names)).toBe(expected);
  });
});

describe('foreignOperator', () => {
  it.each([
    [['='], 'other.='],
    [['pg_catalog', '='], undefined],
    [['other', '='], 'other.='],
    [['pg_temp', '='], 'pg_temp.='],
    [['<'], undefined],
    [['%'], undefined],
    [['||'], undefined],
    [['@>'], undefined],
  ])('%j is %s', (names, expected) => {
    expect(foreignOperator(session.scope, names)).toBe(expected);
  });
});
