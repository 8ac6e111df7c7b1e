/**
 * The shipped policies against dangerous statements in evasive spellings, and against everyday work. Each dangerous one is first
 * shown to do its damage on the database itself, or it would prove nothing; through the gate it must do none. Prints both rates.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, SHOP, startGate } from '../support/gate.ts';
import { BASES, DANGER_SCHEMA, EVASIONS, SINGLES } from './dangerous-corpus.ts';
import { READS, WRITES } from './everyday-corpus.ts';

let gate: Gate;
let raw: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    // Estimates are as good as statistics: a database in production has them.
    schema: `${SHOP}\n${DANGER_SCHEMA};\nANALYZE;`,
    // Each attack asks: this test is about what they do, not about how many may wait.
    yaml: 'approvals: { maxPending: 5000, maxPendingPerPrincipal: 5000 }',
  });
  raw = await gate.database.client();
});
afterAll(() => gate?.stop());

/** Everything that a dangerous statement could have changed, as one text. */
const STATE = `SELECT md5(concat_ws('|',
  (SELECT string_agg(concat_ws(':', c.oid, c.relname, c.relkind, c.relnamespace, c.relpersistence, c.relrowsecurity, coalesce(c.relacl::text, '')), ',' ORDER BY c.oid)
     FROM pg_class c WHERE c.relnamespace::regnamespace::text NOT LIKE 'pg\\_%' AND c.relnamespace::regnamespace::text <> 'information_schema'),
  (SELECT string_agg(concat_ws(':', attrelid, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum) FROM pg_attribute
     WHERE attnum > 0 AND attrelid >= 16384 AND attrelid::regclass::text NOT LIKE 'pg\\_%'),
  (SELECT string_agg(concat_ws(':', oid, proname, prosecdef), ',' ORDER BY oid) FROM pg_proc WHERE oid >= 16384 AND pronamespace::regnamespace::text NOT LIKE 'pg\\_%'),
  (SELECT string_agg(concat_ws(':', oid, nspname, coalesce(nspacl::text, '')), ',' ORDER BY oid) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'),
  (SELECT string_agg(concat_ws(':', oid, tgname, tgenabled), ',' ORDER BY oid) FROM pg_trigger),
  (SELECT string_agg(concat_ws(':', oid, rulename), ',' ORDER BY oid) FROM pg_rewrite WHERE oid >= 16384),
  (SELECT string_agg(pg_get_viewdef(oid), ',' ORDER BY oid) FROM pg_class WHERE relkind = 'v' AND oid >= 16384),
  (SELECT string_agg(concat_ws(':', oid, polname), ',' ORDER BY oid) FROM pg_policy),
  (SELECT string_agg(concat_ws(':', oid, conname), ',' ORDER BY oid) FROM pg_constraint WHERE oid >= 16384),
  (SELECT string_agg(concat_ws(':', oid, lanname), ',' ORDER BY oid) FROM pg_language),
  (SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_cast WHERE oid >= 16384),
  (SELECT string_agg(concat_ws(':', oid, extname), ',' ORDER BY oid) FROM pg_extension),
  (SELECT string_agg(concat_ws(':', oid, defaclacl::text), ',' ORDER BY oid) FROM pg_default_acl),
  (SELECT string_agg(concat_ws(':', objoid, description), ',' ORDER BY objoid, objsubid) FROM pg_description WHERE objoid >= 16384),
  (SELECT string_agg(rolname, ',' ORDER BY oid) FROM pg_roles WHERE rolname LIKE '%of_the_corpus'),
  (SELECT count(*) FROM pg_largeobject_metadata),
  (SELECT concat_ws(':', last_value, max_value) FROM pg_sequences WHERE sequencename = 'counter'),
  (SELECT md5(string_agg(o::text, ',' ORDER BY o::text)) FROM orders o), (SELECT md5(string_agg(o::text, ',' ORDER BY o::text)) FROM line_items o),
  (SELECT md5(string_agg(o::text, ',' ORDER BY o::text)) FROM customers o), (SELECT count(*) FROM audit_trail), (SELECT sum(bars) FROM "Vault".gold),
  (SELECT count(*) FROM inbox), (SELECT count(*) FROM letters), (SELECT count(*) FROM settings),
  current_setting('session_replication_role'), current_user)) AS state`;

const ROLLED_BACK = /^(BEGIN|COMMIT)/;

/** What the state is after the texts ran, within a transaction that does not stay. Undefined: it could not even be read. */
async function damageOnRaw(texts: readonly string[], parameters: readonly unknown[]): Promise<boolean> {
  const client = raw;
  const before = await stateOf(client);
  // Transactions of the attack's own would end ours; they change nothing about what is done.
  const inner = texts
    .flatMap((text) => (ROLLED_BACK.test(text) ? text.split(/;\s*/) : [text]))
    .filter((text) => !ROLLED_BACK.test(text));
  await client.query('BEGIN');
  try {
    for (const text of inner) await client.query(text, parameters.length > 0 ? [...parameters] : undefined);
    return (await stateOf(client, true)) !== before;
  } finally {
    await client.query('ROLLBACK; RESET ALL; RESET ROLE; RESET SESSION AUTHORIZATION; DEALLOCATE ALL');
    // What no rollback takes back.
    await client.query(`SELECT setval('counter', 1, false)`);
  }
}

/** Dropped or renamed tables make it fail, which is another state. */
async function stateOf(client: pg.Client, inTransaction = false): Promise<string> {
  if (!inTransaction) return (await client.query(STATE)).rows[0].state;
  await client.query('SAVEPOINT state');
  try {
    return (await client.query(STATE)).rows[0].state;
  } catch (error) {
    await client.query('ROLLBACK TO state');
    return String((error as Error).message);
  }
}

interface Case {
  readonly name: string;
  readonly texts: readonly string[];
  readonly stopsPeople: boolean;
  readonly parameters?: readonly unknown[];
}

const WRAPPED: readonly Case[] = BASES.flatMap((danger) =>
  EVASIONS.filter(({ dmlOnly }) => !dmlOnly || danger.dml).map(({ name, wrap }) => ({
    name: `${danger.name} ${name}`,
    texts: wrap(danger.sql),
    // Code that nobody has read is held for people as well, whatever it does.
    stopsPeople:
      danger.stops === 'everyone' || / DO block$|runs text$|escaped string$|of its own$/.test(name),
  })),
);
const BOUND: readonly Case[] = [
  {
    name: 'a condition that is a parameter',
    texts: ['DELETE FROM line_items WHERE $1'],
    stopsPeople: true,
    parameters: [true],
  },
  {
    name: 'a condition on parameters only',
    texts: ['DELETE FROM line_items WHERE $1::int = $2'],
    stopsPeople: true,
    parameters: [1, 1],
  },
  {
    name: 'a text as a parameter',
    texts: ['SELECT run_text($1)'],
    stopsPeople: true,
    parameters: ['DELETE FROM orders'],
  },
];
const ATTACKS: readonly Case[] = [
  ...WRAPPED,
  ...SINGLES.map(({ name, sql, stops }) => ({ name, texts: [sql], stopsPeople: stops === 'everyone' })),
  ...BOUND,
];

const FAIL_AT_ONCE = { options: '-c sluice.on_hold=fail' };

describe('dangerous statements', () => {
  test('do their damage on the database, and none through the gate', async () => {
    const harmless: string[] = [];
    const passed: string[] = [];
    const odd: string[] = [];
    const before = await stateOf(raw);
    const clients = new Map<string, pg.Client>([
      ['report-bot', await gate.client('report-bot', { ...FAIL_AT_ONCE, onBehalfOf: ['bob'] })],
      ['bob', await gate.client('bob', FAIL_AT_ONCE)],
    ]);
    let refusals = 0;
    let attempts = 0;
    for (const { name, texts, stopsPeople, parameters = [] } of ATTACKS) {
      const raised = await damageOnRaw(texts, parameters).catch((error: Error) => error.message);
      if (raised !== true) harmless.push(`${name}: ${raised}`);
      const principals = stopsPeople ? ['report-bot', 'bob'] : ['report-bot'];
      for (const principal of principals) {
        attempts += 1;
        const client = clients.get(principal)!;
        let refused = false;
        for (const text of texts) {
          try {
            await client.query(text, parameters.length > 0 ? [...parameters] : undefined);
          } catch (error) {
            refused = true;
            const { message, code } = error as pg.DatabaseError;
            // An error of the database's own, after the gate's refusal or instead of it, is no leak of damage; a broken gate is.
            if (!/^(SL0|25P02|26000|42P01|42883|3B001)/.test(code ?? ''))
              odd.push(`${name}: ${code} ${message}`);
          }
        }
        const { rows } = await client
          .query(
            `SELECT current_setting('session_replication_role') AS mode, current_user = session_user AS own`,
          )
          .catch(() => ({ rows: [{ mode: 'origin', own: true }] }));
        await client.query('ROLLBACK');
        await client.query('DISCARD ALL');
        if (refused) refusals += 1;
        if (!refused || rows[0].mode !== 'origin' || !rows[0].own) passed.push(`${principal}: ${name}`);
      }
    }
    const after = await stateOf(raw);
    console.log(
      `guardrails: ${ATTACKS.length} dangerous statements, ${attempts} attempts, ${refusals} stopped, ${passed.length} passed`,
    );
    expect(odd).toEqual([]);
    expect(passed).toEqual([]);
    expect(harmless).toEqual([]);
    expect(after).toBe(before);
  }, 900_000);
});

describe('everyday statements', () => {
  test.each([
    ['an agent in production', 'report-bot', ['bob'], READS],
    ['a person in production', 'bob', [], [...READS, ...WRITES]],
    ['an application in production', 'app', [], [...READS, ...WRITES]],
  ] as const)(
    'of %s pass unasked',
    async (_, principal, onBehalfOf, texts) => {
      const client = await gate.client(principal, { ...FAIL_AT_ONCE, onBehalfOf: [...onBehalfOf] });
      const stopped: string[] = [];
      for (const text of texts) {
        // node-postgres cannot COPY by itself: one row of the same kind of answer is enough here.
        const sent = text.startsWith('COPY') ? text : { text };
        try {
          await client.query(sent as string);
        } catch (error) {
          stopped.push(`${text}: ${(error as Error).message}`);
        }
      }
      await client.end();
      console.log(
        `everyday: ${texts.length} statements of ${principal}, ${texts.length - stopped.length} passed unasked`,
      );
      expect(stopped).toEqual([]);
    },
    60_000,
  );
});
