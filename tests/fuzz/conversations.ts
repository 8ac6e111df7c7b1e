/**
 * The conversations that are mutated, split and cut. Each can be played any number of times in one session, alone or with the others, and
 * leaves nothing behind. All messages of one are sent without waiting.
 */
import { encodeFrontendMessage } from '../../src/wire/postgres/index.ts';
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
  query,
  run,
  sync,
} from '../support/frames.ts';

/** What they need in the database. DDL has no place in them: it makes the gate read the catalog anew. */
export const SCHEMA = 'CREATE TABLE fuzz_rows (a int)';

export interface Conversation {
  readonly frames: readonly Buffer[];
  /** How many ReadyForQuery answer it. */
  readonly ends: number;
}

const conversation = (...frames: Buffer[]): Conversation => ({
  frames,
  ends: frames.filter(({ 0: type }) => type === 0x51 || type === 0x53 || type === 0x46).length,
});

/** int4pl */
const PLUS_OID = 177;

export const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  'a simple query': conversation(query("SELECT 1 AS one, NULL, 'ä😀'; SELECT 2")),
  'an empty query': conversation(query(''), query(' ; ')),
  'the extended protocol': conversation(
    parse('SELECT $1::int + 1 AS n, $2::text', 's'),
    describeStatement('s'),
    bind(['41', 'x'], 's', 'p', [1]),
    describePortal('p'),
    execute(0, 'p'),
    close('S', 's'),
    sync,
  ),
  'a pipeline with an error in the middle': conversation(
    run('SELECT 1'),
    run('SELECT 1/0'),
    run('SELECT 3'),
    sync,
    run('SELECT 4'),
    sync,
  ),
  'a portal with a row limit': conversation(
    query('BEGIN'),
    parse('SELECT generate_series(1, 5)'),
    bind([], '', 'p'),
    execute(2, 'p'),
    flush,
    execute(2, 'p'),
    execute(2, 'p'),
    sync,
    query('ROLLBACK'),
  ),
  'COPY in': conversation(
    query('BEGIN'),
    query('COPY fuzz_rows FROM STDIN'),
    copyData('1\n2\n'),
    copyData('3\n'),
    copyDone,
    query('SELECT sum(a) FROM fuzz_rows; ROLLBACK'),
  ),
  'COPY in that fails': conversation(
    query('COPY fuzz_rows FROM STDIN'),
    copyData('x\n'),
    copyData('1\n'),
    copyDone,
    query('COPY fuzz_rows FROM STDIN'),
    copyFail(),
    query('SELECT count(*) FROM fuzz_rows'),
  ),
  'COPY out': conversation(query('COPY (SELECT generate_series(1, 3)) TO STDOUT')),
  'errors in a transaction': conversation(
    query('BEGIN'),
    query('SELECT nosuch'),
    query('SELECT 1'),
    query('ROLLBACK'),
    query('SELEC 1'),
  ),
  'a function call': conversation(
    encodeFrontendMessage({
      type: 'FunctionCall',
      functionOid: PLUS_OID,
      argumentFormats: [],
      arguments: [Buffer.from('20'), Buffer.from('22')],
      resultFormat: 0,
    }),
  ),
  'notices and notifications': conversation(
    query("LISTEN here; NOTIFY here, 'hello'"),
    query("DO $$ BEGIN RAISE NOTICE 'a notice'; END $$; UNLISTEN *"),
  ),
  'settings that are reported': conversation(
    query("SET application_name TO 'x'; SET search_path TO pg_catalog"),
    query('SELECT count(*) > 0 FROM pg_class'),
    query('RESET ALL'),
  ),
  'a cursor': conversation(
    query('BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 4)'),
    query('FETCH 2 FROM c'),
    query('MOVE 1 FROM c; CLOSE c; COMMIT'),
  ),
};

export const NAMES = Object.keys(CONVERSATIONS);

export function bytesOf(name: string): Buffer {
  return Buffer.concat([...CONVERSATIONS[name]!.frames]);
}
