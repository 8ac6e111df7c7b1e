/** What is left of real errors and notices of the database. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import { ErrorFields, encodeNotice } from '../../wire/postgres/index.ts';
import { isHarmlessNotice, withoutValues } from './withheld-errors.ts';

const SEED = `
CREATE TABLE t (id int PRIMARY KEY, mail text NOT NULL UNIQUE, n int CHECK (n < 900), made int GENERATED ALWAYS AS IDENTITY, v varchar(5));
CREATE TABLE u (t_id int REFERENCES t DEFERRABLE);
CREATE VIEW low AS SELECT * FROM t WHERE n < 5 WITH CHECK OPTION;
CREATE VIEW counted AS SELECT count(*) FROM t;
CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'saw secret' USING ERRCODE = NEW.mail, DETAIL = 'secret', COLUMN = 'secret', CONSTRAINT = 'secret'; END $$;
CREATE TABLE watched (mail text);
CREATE TRIGGER tells BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION tells();
CREATE DOMAIN short AS text CHECK (length(VALUE) < 3);
INSERT INTO t (id, mail, n) VALUES (1, 'secret', 777);
`;

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createDatabase('errors');
  await database.query(SEED);
  client = await database.client();
});
afterAll(() => database?.drop());

const NAMES: Readonly<Record<string, string>> = {
  code: 'C',
  message: 'M',
  detail: 'D',
  hint: 'H',
  position: 'P',
  where: 'W',
  table: 't',
  column: 'c',
  constraint: 'n',
};

async function fieldsOf(text: string): Promise<ErrorFields> {
  const error = await client.query(text).then(
    () => undefined,
    (thrown) => thrown as Record<string, unknown>,
  );
  if (error === undefined) throw new Error(`it does not fail: ${text}`);
  return new ErrorFields(
    Object.entries(NAMES).flatMap(([name, code]) =>
      typeof error[name] === 'string' ? [{ code, value: Buffer.from(error[name]) }] : [],
    ),
  );
}

const shown = (entries: ReturnType<typeof withoutValues>): string =>
  entries.map(({ code, value }) => `${code} ${value}`).join(' · ');
const WITHHELD =
  'M the database refused the statement; its message is withheld, as it could quote masked values';

describe('errors of statements that run on real values', () => {
  it.each([
    [
      `INSERT INTO t (id, mail) VALUES (2, 'secret')`,
      'C 23505 · M duplicate key value violates unique constraint "t_mail_key" · t t · n t_mail_key',
    ],
    [
      `INSERT INTO t (id) VALUES (2)`,
      'C 23502 · M null value in column "mail" of relation "t" violates not-null constraint · t t · c mail',
    ],
    [
      `UPDATE t SET n = n + 777`,
      'C 23514 · M new row for relation "t" violates check constraint "t_n_check" · t t · n t_n_check',
    ],
    [
      `INSERT INTO u VALUES (42)`,
      'C 23503 · M insert or update on table "u" violates foreign key constraint "u_t_id_fkey" · t u · n u_t_id_fkey',
    ],
    [
      `INSERT INTO low (id, mail, n) VALUES (3, 'x', 50)`,
      'C 44000 · M new row violates check option for view "low"',
    ],
    [
      `UPDATE counted SET count = 1`,
      'C 55000 · M cannot update view "counted" · D Views that return aggregate functions are not automatically updatable. · H To enable updating the view, provide an INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule.',
    ],
    [
      `INSERT INTO t (id, mail, made) VALUES (4, 'x', 1)`,
      'C 428C9 · M cannot insert a non-DEFAULT value into column "made" · D Column "made" is an identity column defined as GENERATED ALWAYS. · H Use OVERRIDING SYSTEM VALUE to override.',
    ],
    [`UPDATE t SET n = n / (n - 777)`, 'C 22012 · M division by zero'],
    [`UPDATE t SET v = mail`, 'C 22001 · M value too long for type character varying(5)'],
    [`UPDATE t SET n = mail::int`, `C 22P02 · ${WITHHELD}`],
    [`UPDATE t SET n = mail::date - now()::date`, `C 22007 · ${WITHHELD}`],
    [
      `UPDATE t SET mail = mail::short`,
      'C 23514 · M value for domain short violates check constraint "short_check" · n short_check',
    ],
    [`UPDATE t SET nn = 1`, 'C 42703 · M column "nn" of relation "t" does not exist · P 14'],
    [`UPDATE t SET n = 'abc'`, 'C 22P02 · M invalid input syntax for type integer: "abc" · P 18'],
    [
      `SELECT nn FROM t`,
      'C 42703 · M column "nn" does not exist · H Perhaps you meant to reference the column "t.n". · P 8',
    ],
    [`INSERT INTO watched VALUES ('P0001')`, `C P0001 · ${WITHHELD}`],
    [
      `INSERT INTO watched VALUES ('23505')`,
      'C 23505 · M a unique constraint is violated; the rest of the message is withheld',
    ],
    [`INSERT INTO watched VALUES ('42703')`, `C 42703 · ${WITHHELD}`],
  ])('%s', async (text, expected) => {
    const fields = await fieldsOf(text);
    expect(shown(withoutValues(fields))).toBe(expected);
  });
});

it('lets the server’s own notices pass, and none that code may have worded', () => {
  const notice = (sqlstate: string, detail?: string): Buffer =>
    encodeNotice({
      severity: 'NOTICE',
      sqlstate: sqlstate as Parameters<typeof encodeNotice>[0]['sqlstate'],
      message: 'm',
      ...(detail === undefined ? {} : { detail }),
    });
  expect(isHarmlessNotice(notice('42P07'))).toBe(true);
  expect(isHarmlessNotice(notice('25001'))).toBe(true);
  expect(isHarmlessNotice(notice('42P07', 'd'))).toBe(false);
  expect(isHarmlessNotice(notice('00000'))).toBe(false);
  expect(isHarmlessNotice(notice('P0001'))).toBe(false);
});
