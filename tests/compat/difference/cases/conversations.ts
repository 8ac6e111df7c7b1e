/** Conversations that no driver would have, or that drivers have in other orders: messages of both protocols, COPY, notices. */
import { encodeFrontendMessage as encode } from '../../../../src/wire/postgres/index.ts';
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describePortal,
  describeStatement,
  execute,
  flush,
  parse,
  query as q,
  sync,
} from '../../../support/frames.ts';
import { ask, type Step } from '../conversation.ts';

export const CONVERSATIONS: Record<string, readonly Step[]> = {
  'a simple query': [ask(q('SELECT 1 AS one, NULL, $$x$$::bytea'))],
  'several statements in one text': [ask(q('SELECT 1; SELECT 2; ; SELECT 3'))],
  'an empty query': [ask(q('')), ask(q(' ; '))],
  'an implicit transaction that fails in the middle': [
    ask(q('CREATE TABLE implicit (a int)')),
    ask(q('INSERT INTO implicit VALUES (1); SELECT 1/0; INSERT INTO implicit VALUES (2)')),
    ask(q('SELECT count(*) FROM implicit; DROP TABLE implicit')),
  ],
  'errors in and out of a transaction': [
    ask(q('BEGIN')),
    ask(q('SELECT nosuch')),
    ask(q('SELECT 1')),
    ask(q('ROLLBACK')),
    ask(q('SELECT 1')),
  ],
  'extended protocol': [
    ask(
      parse('SELECT $1::int + 1 AS n', 's'),
      describeStatement('s'),
      bind(['41'], 's'),
      describePortal(),
      execute(),
      sync,
    ),
  ],
  'binary results': [
    ask(
      parse('SELECT 1::int, 2::bigint, true, now() > $1::timestamptz'),
      bind(['2000-01-01'], '', '', [1]),
      execute(),
      sync,
    ),
  ],
  'a pipeline with an error in the middle': [
    ask(
      parse('SELECT 1'),
      bind(),
      execute(),
      parse('SELECT nosuch'),
      bind(),
      execute(),
      parse('SELECT 3'),
      bind(),
      execute(),
      sync,
    ),
    ask(parse('SELECT 4'), bind(), execute(), sync),
  ],
  'two pipelines sent at once': [
    {
      send: [
        parse('SELECT 1/0'),
        bind(),
        execute(),
        sync,
        parse('SELECT 2'),
        bind(),
        execute(),
        sync,
        q('SELECT 3'),
      ],
      until: 3,
    },
  ],
  'a query discarded after an error without Sync': [
    { send: [parse('SELECT nosuch'), flush], until: 'ErrorResponse' },
    ask(q('SELECT 1'), sync),
  ],
  'Flush without Sync': [
    { send: [parse('SELECT generate_series(1, 3)'), bind(), execute(), flush], until: 'CommandComplete' },
    ask(sync),
  ],
  'a portal with a row limit': [
    ask(q('BEGIN')),
    ask(
      parse('SELECT generate_series(1, 5)'),
      bind([], '', 'p'),
      execute(2, 'p'),
      execute(2, 'p'),
      execute(2, 'p'),
      close('P', 'p'),
      sync,
    ),
    ask(q('COMMIT')),
  ],
  'formats that do not fit': [
    ask(
      parse('SELECT $1::int, $2::int', 's'),
      encode({
        type: 'Bind',
        portal: '',
        statement: 's',
        parameterFormats: [0, 0, 1],
        parameters: [Buffer.from('1'), Buffer.from('2')],
        resultFormats: [],
      }),
      execute(),
      sync,
    ),
    ask(bind(['1', '2'], 's', '', [0, 1, 1]), execute(), sync),
    ask(bind(['1', '2'], 's', '', [5]), execute(), sync),
    ask(bind(['1'], 's'), execute(), sync),
  ],
  'a portal that does not exist': [ask(execute(0, 'nosuch'), sync)],
  'a statement that does not exist': [ask(bind([], 'nosuch'), sync)],
  'a statement prepared twice': [
    ask(parse('SELECT 1', 'twice'), sync),
    ask(parse('SELECT 2', 'twice'), sync),
    ask(bind([], 'twice'), execute(), sync),
    ask(close('S', 'twice'), sync),
  ],
  'SQL-level PREPARE used by the protocol, and the other way round': [
    ask(q('PREPARE by_sql (int) AS SELECT $1 * 2 AS twice')),
    ask(bind(['21'], 'by_sql'), execute(), sync),
    ask(parse('SELECT 7 AS seven', 'by_protocol'), sync),
    ask(q('EXECUTE by_protocol')),
    ask(q('DEALLOCATE ALL')),
    ask(bind([], 'by_protocol'), sync),
  ],
  'a cursor made by SQL and read by the protocol': [
    ask(q('BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 4)')),
    ask(execute(2, 'c'), sync),
    ask(q('FETCH ALL FROM c; COMMIT')),
  ],
  'DISCARD ALL': [
    ask(parse('SELECT 1', 'gone'), sync),
    ask(q('DISCARD ALL')),
    ask(bind([], 'gone'), execute(), sync),
  ],
  'COPY out': [ask(q('COPY (SELECT generate_series(1, 3)) TO STDOUT'))],
  'COPY in': [
    ask(q('CREATE TEMP TABLE copied (a int)')),
    { send: [q('COPY copied FROM STDIN')], until: 'CopyInResponse' },
    ask(copyData('1\n2\n'), copyData('3\n'), copyDone),
    ask(q('SELECT sum(a) FROM copied')),
  ],
  'COPY in that the client aborts': [
    ask(q('CREATE TEMP TABLE copied (a int)')),
    { send: [q('COPY copied FROM STDIN')], until: 'CopyInResponse' },
    ask(copyData('1\n'), copyFail()),
  ],
  'COPY in that the database aborts': [
    ask(q('CREATE TEMP TABLE copied (a int)')),
    { send: [q('COPY copied FROM STDIN')], until: 'CopyInResponse' },
    ask(copyData('x\n'), copyData('1\n'), copyDone),
    ask(q('SELECT 1')),
  ],
  'COPY in by the extended protocol, with a Sync sent too early': [
    ask(q('CREATE TEMP TABLE copied (a int)')),
    { send: [parse('COPY copied FROM STDIN'), bind(), execute(), sync], until: 'CopyInResponse' },
    ask(copyData('1\n'), copyDone, sync),
    ask(q('SELECT count(*) FROM copied')),
  ],
  'COPY in by the extended protocol, without waiting': [
    ask(q('CREATE TEMP TABLE copied (a int)')),
    ask(parse('COPY copied FROM STDIN'), bind(), execute(), copyData('1\n2\n'), copyDone, sync),
    ask(q('SELECT count(*) FROM copied')),
  ],
  'COPY in and other statements in one text': [
    ask(q('CREATE TEMP TABLE copied (a int)')),
    { send: [q('SELECT 1; COPY copied FROM STDIN; SELECT count(*) FROM copied')], until: 'CopyInResponse' },
    ask(copyData('1\n'), copyDone),
  ],
  notifications: [ask(q('LISTEN here')), ask(q(`NOTIFY here, 'hello'`)), ask(q('SELECT 1'))],
  notices: [ask(q(`DO $$ BEGIN RAISE NOTICE 'a %', 1; RAISE WARNING 'b'; END $$`))],
  'settings that are reported': [
    ask(q(`SET client_encoding TO 'LATIN1'`)),
    ask(q(`SET application_name TO 'x'; SET search_path TO pg_catalog`)),
    ask(q('RESET ALL')),
    ask(q(`BEGIN; SET LOCAL TimeZone TO 'UTC'; ROLLBACK`)),
  ],
  'a raised error with all its fields': [
    ask(
      q(
        `DO $$ BEGIN RAISE EXCEPTION 'm' USING DETAIL = 'd', HINT = 'h', ERRCODE = 'P0042', COLUMN = 'c', CONSTRAINT = 'k', DATATYPE = 't', TABLE = 'ta', SCHEMA = 's'; END $$`,
      ),
    ),
  ],
  'temporary tables, also uncommitted ones': [
    ask(q('BEGIN; CREATE TEMP TABLE t1 (a int); CREATE TABLE t2 (a int)')),
    ask(parse('INSERT INTO t1 VALUES ($1)'), bind(['1']), execute(), sync),
    ask(parse('INSERT INTO t2 SELECT a FROM t1'), bind(), execute(), sync),
    ask(q('SELECT * FROM t2; ROLLBACK')),
    ask(q('SELECT * FROM t2')),
  ],
  savepoints: [
    ask(q('BEGIN; SAVEPOINT a')),
    ask(q('SELECT nosuch')),
    ask(q('ROLLBACK TO a')),
    ask(q('SELECT 1; COMMIT')),
  ],
  'large objects': [ask(q(`BEGIN; SELECT lo_create(0) > 0; COMMIT`))],
  'a value of 3 MB': [ask(parse('SELECT length($1), $1'), bind(['x'.repeat(3_000_000)]), execute(), sync)],
};
