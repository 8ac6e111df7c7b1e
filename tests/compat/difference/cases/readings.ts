/**
 * Sessions that change how their texts are read, in every way that a session can: in what encoding, what a backslash means, where names
 * are looked up. Whoever does not follow reads other statements than the database.
 */
import { encodeFrontendMessage as encode, encodeQuery } from '../../../../src/wire/postgres/index.ts';
import { bind, describeStatement, execute, parse, query as q, run, sync } from '../../../support/frames.ts';
import { ask, type Step } from '../conversation.ts';

/** Words in encodings of clients, as their bytes; several have an ASCII backslash, quote or digit for a second byte. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  UTF8: ['6772c3b6c39f65', 'e8a1a8', 'f09f9880', 'c3a9', 'efbbbf'],
  LATIN1: ['6772f6df65', 'e9', '80', 'c3a9'],
  LATIN2: ['b9e8', 'f3'],
  LATIN9: ['a475726f', 'bd'],
  WIN1252: ['8075726f', '93e994'],
  WIN1251: ['e8ecff'],
  KOI8R: ['c9cdd1'],
  EUC_JP: ['c9bd', '8fb0a1', '8eb1'],
  SJIS: ['955c', '835c', '8145', 'b1', '8160'],
  SHIFT_JIS_2004: ['955c'],
  EUC_KR: ['b0a1'],
  UHC: ['b0a1', '8141'],
  JOHAB: ['8861'],
  BIG5: ['a55c', 'a4a4'],
  EUC_TW: ['c4e3'],
  GBK: ['d55c', '8140', '817c'],
  GB18030: ['d6d0', '9439da33', '81308130'],
  SQL_ASCII: ['c3a9'],
};

/** Bytes that are no characters in these encodings, or none that UTF8 has. */
const NO_WORDS: Readonly<Record<string, readonly string[]>> = {
  UTF8: ['ff', 'c328', 'e28281f0', 'c0af', 'eda080', 'f8888080'],
  WIN1252: ['81'],
  SJIS: ['81', '80', '8500'.slice(0, 2)],
  EUC_JP: ['c9'],
  BIG5: ['a5'],
  GB18030: ['ff'],
};

const bytes = (text: string, word: string): Buffer =>
  Buffer.from(text.replaceAll('@', Buffer.from(word, 'hex').toString('latin1')), 'latin1');
const raw = (text: string, word: string): Buffer => encodeQuery(bytes(text, word));
const rawParse = (text: string, word: string, name = ''): Buffer =>
  encode({
    type: 'Parse',
    statement: bytes(name, word).toString('latin1'),
    text: bytes(text, word),
    parameterTypes: [],
  });

/** A word as a literal, a name, part of a comment, and a name of the protocol. */
const wordSteps = (word: string): Step[] => [
  ask(raw(`SELECT '@' AS "@", length('@'), "@" AS x FROM (SELECT 1 AS "@") s WHERE '@' <> '' -- @`, word)),
  ask(raw(`SELECT '@', nosuch, '@'`, word)),
  ask(raw('SELECT "@"', word)),
  ask(raw('SELECT @ FROM WHERE', word)),
  ask(
    rawParse(`SELECT '@'::text || $1 AS "@"`, word, 's@'),
    describeStatement(bytes('s@', word).toString('latin1')),
    encode({
      type: 'Bind',
      portal: bytes('p@', word).toString('latin1'),
      statement: bytes('s@', word).toString('latin1'),
      parameterFormats: [],
      parameters: [Buffer.from(word, 'hex')],
      resultFormats: [],
    }),
    execute(0, bytes('p@', word).toString('latin1')),
    sync,
  ),
  ask(raw('PREPARE "q@" AS SELECT 1', word)),
  ask(raw('EXECUTE "q@"', word)),
  ask(bind([], bytes('q@', word).toString('latin1')), execute(), sync),
  ask(bind([], bytes('none@', word).toString('latin1')), sync),
  ask(raw(`CREATE TEMP TABLE "t@" ("c@" text)`, word)),
  ask(raw(`INSERT INTO "t@" VALUES ('@') RETURNING "c@"`, word)),
  ask(raw(`SELECT * FROM "t@" WHERE "c@" = '@'`, word)),
];

const BACKSLASHES = [
  `SELECT 'a\\nb', 'it\\'s', 'c\\\\'`,
  `SELECT '\\\\', 1 --', nosuch`,
  `SELECT 'a\\'; SELECT 1; --'`,
  `SELECT 'a' -- it's\n'b\\'' , N'x\\ty', E'\\\\'`,
  `SELECT U&'\\0061'`,
  `SELECT 'x\\y' FROM nosuch`,
  `SELECT '\\x41', '\\101', '\\u00e9', '\\\\'`,
  `SELECT $$a\\$$, "c\\" FROM (SELECT 1 AS "c\\") s`,
  `SELECT 1 FROM accounts WHERE owner LIKE '\\_%' AND nosuch = '\\\\'`,
];
const readSteps = (texts: readonly string[]): Step[] =>
  texts.flatMap((text) => [ask(q(text)), ask(parse(text), bind(), execute(), sync)]);
/** Nothing tells of the escapes in a text that does not parse. */
const UNPARSABLE = [
  `SELECT 'a\\b' || '\\'`,
  `SELECT 'a\\b', 'c' FROM WHERE 'd\\'`,
  `SELECT 'a\\b' -- c\n'd\\'' WHERE FROM 'e'`,
];
const backslashSteps = readSteps(BACKSLASHES);

const word = WORDS.LATIN1![0]!;
/** Both read alike in no encoding but their own. */
const both: Step[] = [
  ask(raw(`SELECT '@' AS "@", length('@')`, word)),
  ask(raw(`SELECT '@' AS "@", length('@')`, WORDS.UTF8![0]!)),
  ask(q(`SELECT 'a\\nb', length('\\\\')`)),
];
const FUNCTION = `CREATE FUNCTION change(n text, v text, l bool) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config(n, v, l); END $$`;
const KEEPING = `CREATE FUNCTION keep() RETURNS text LANGUAGE plpgsql SET client_encoding = 'LATIN1' SET standard_conforming_strings = off
  AS $$ BEGIN RETURN current_setting('client_encoding') || current_setting('standard_conforming_strings'); END $$`;

/** How a session changes a setting and has it changed back. */
function changes(name: string, value: string, between: readonly Step[]): Record<string, readonly Step[]> {
  const set = `SET ${name} = '${value}'`;
  return {
    'SET and RESET': [ask(q(set)), ...between, ask(q(`RESET ${name}`)), ...between],
    'SET LOCAL, committed': [
      ask(q('BEGIN')),
      ask(q(`SET LOCAL ${name} = '${value}'`)),
      ...between,
      ask(q('COMMIT')),
      ...between,
    ],
    'SET, rolled back': [ask(q('BEGIN')), ask(q(set)), ...between, ask(q('ROLLBACK')), ...between],
    'SET, rolled back to a savepoint': [
      ask(q('BEGIN')),
      ask(q('SAVEPOINT a')),
      ask(q(set)),
      ask(q('SELECT 1/0')),
      ask(q('ROLLBACK TO a')),
      ...between,
      ask(q('ROLLBACK')),
      ...between,
    ],
    'SET, undone by an error': [
      ask(q('BEGIN')),
      ask(q(set)),
      ask(q('SELECT 1/0')),
      ...between,
      ask(q('ROLLBACK')),
      ...between,
    ],
    'an implicit transaction that fails': [ask(q(`${set}; SELECT 1/0`)), ...between],
    'set_config()': [ask(q(`SELECT set_config('${name}', '${value}', false)`)), ...between],
    'set_config() of computed names': [
      ask(q(`SELECT set_config(n, '${value}', true) FROM (VALUES ('${name}')) v (n)`)),
      ...between,
      ask(q('BEGIN')),
      ask(q(`SELECT set_config(lower('${name.toUpperCase()}'), '${value}', true)`)),
      ...between,
      ask(q('ROLLBACK')),
      ...between,
    ],
    'within a function': [
      ask(q(FUNCTION)),
      ask(q(`SELECT change('${name}', '${value}', false)`)),
      ...between,
      ask(q(`DO $$ BEGIN RESET ${name}; END $$`)),
      ...between,
    ],
    'within a function, for its transaction': [
      ask(q(FUNCTION)),
      ask(q('BEGIN')),
      ask(q(`SELECT change('${name}', '${value}', true)`)),
      ...between,
      ask(q('COMMIT')),
      ...between,
    ],
    'as long as a function runs': [ask(q(KEEPING)), ask(q('SELECT keep()')), ...between],
    'UPDATE pg_settings': [
      ask(q(`UPDATE pg_settings SET setting = '${value}' WHERE name = '${name}'`)),
      ...between,
    ],
    'DISCARD ALL': [ask(q(set)), ask(q('DISCARD ALL')), ...between],
    'RESET ALL': [ask(q(set)), ask(q('RESET ALL')), ...between],
    'sent at once': [
      { send: [q(set), ...between.flatMap(({ send }) => send)], until: 1 + between.length },
      ...between,
    ],
    'in a pipeline': [
      ask(run(set), parse(`SELECT '\\\\'`), bind(), execute(), sync),
      ...between,
      ask(run(`SET LOCAL ${name} = '${value}'`), rawParse(`SELECT '@'`, word), bind(), execute(), sync),
      ...between,
    ],
    'in a pipeline that fails': [ask(run(set), run('SELECT 1/0'), run('SELECT 1'), sync), ...between],
    'by EXECUTE': [
      ask(q(`PREPARE p AS SELECT set_config('${name}', '${value}', false)`)),
      ask(q('EXECUTE p')),
      ...between,
    ],
    'a statement prepared before': [
      ask(parse(`SELECT 'a\\nb', length('\\\\')`, 's'), sync),
      ask(q(set)),
      ask(bind([], 's'), execute(), sync),
      ask(q(`PREPARE p AS SELECT 'x\\ty'`)),
      ask(q(`RESET ${name}`)),
      ask(q('EXECUTE p')),
      ask(bind([], 'p'), execute(), sync),
    ],
  };
}

const PATHS: Step[] = [
  ask(q('SELECT * FROM which')),
  ask(parse('SELECT * FROM which'), bind(), execute(), sync),
  ask(bind([], 'early'), execute(), sync),
];
const withSchemas = (steps: readonly Step[]): readonly Step[] => [
  ask(q(`CREATE TABLE which AS SELECT 'work' AS schema; CREATE SCHEMA IF NOT EXISTS other`)),
  ask(q(`CREATE TABLE IF NOT EXISTS other.which AS SELECT 'other' AS schema`)),
  ask(parse('SELECT * FROM which', 'early'), sync),
  ...steps,
  ask(q('DROP SCHEMA other CASCADE')),
];

const entries: [string, readonly Step[]][] = [
  ...Object.entries(WORDS).map(([encoding, words]): [string, readonly Step[]] => [
    `words in ${encoding}`,
    [ask(q(`SET client_encoding = '${encoding}'`)), ...words.flatMap(wordSteps)],
  ]),
  ...Object.entries(NO_WORDS).map(([encoding, words]): [string, readonly Step[]] => [
    `no words in ${encoding}`,
    [
      ask(q(`SET client_encoding = '${encoding}'`)),
      ...words.flatMap((each) => [
        ask(raw(`SELECT '@'`, each)),
        ask(rawParse(`SELECT '@'`, each), sync),
        ask(parse('SELECT 1'), bind(), execute(), rawParse(`SELECT '@'`, each), bind(), execute(), sync),
        ask(q('BEGIN')),
        ask(raw(`SELECT '@'`, each)),
        ask(q('ROLLBACK')),
      ]),
    ],
  ]),
  ['backslashes, standard strings on', [...backslashSteps, ...readSteps(UNPARSABLE)]],
  ['backslashes, standard strings off', [ask(q('SET standard_conforming_strings = off')), ...backslashSteps]],
  [
    'backslashes, without warnings',
    [
      ask(q('SET standard_conforming_strings = off; SET escape_string_warning = off')),
      ...backslashSteps,
      ...readSteps(UNPARSABLE),
    ],
  ],
  [
    'backslashes, quoted by none',
    [ask(q('SET standard_conforming_strings = off; SET backslash_quote = off')), ...backslashSteps],
  ],
  [
    'backslashes as second bytes of characters',
    [
      ask(q(`SET client_encoding = 'SJIS'; SET standard_conforming_strings = off`)),
      ask(raw(`SELECT '@', '@\\\\', 'a\\'@'`, '955c')),
      ask(raw(`SELECT '@' AS "@"`, '955c')),
    ],
  ],
  ...Object.entries(changes('client_encoding', 'LATIN1', both)).map(
    ([how, steps]): [string, readonly Step[]] => [`client_encoding: ${how}`, steps],
  ),
  ...Object.entries(changes('standard_conforming_strings', 'off', both)).map(
    ([how, steps]): [string, readonly Step[]] => [`standard_conforming_strings: ${how}`, steps],
  ),
  ...Object.entries(changes('search_path', 'other', PATHS)).map(([how, steps]): [string, readonly Step[]] => [
    `search_path: ${how}`,
    withSchemas(steps),
  ]),
];

export const READINGS: Readonly<Record<string, readonly Step[]>> = Object.fromEntries(entries);

const FAST = [
  /^(?:no )?words in (?:UTF8|LATIN1|WIN1252|SJIS|GB18030)$/,
  /^backslashes/,
  /: (?:SET and RESET|SET LOCAL, committed|SET, rolled back|SET, undone by an error|within a function|in a pipeline|sent at once)$/,
];

/** Whether a case is played with `npm test`. */
export const isFastReading = (name: string): boolean => FAST.some((pattern) => pattern.test(name));
