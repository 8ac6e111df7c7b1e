/** `current_setting($1)`, as drivers ask: answered under masks unless what is bound names something hidden. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
let bob: pg.Client;
let alice: pg.Client;
beforeAll(async () => {
  gate = await startGate({ masks: { email: 'hash' } });
  bob = await gate.client('bob');
  alice = await gate.client('alice');
});
afterAll(() => gate.stop());

const ask = async (client: pg.Client, text: string, values: readonly unknown[]): Promise<unknown> =>
  client.query({ text, values: [...values], rowMode: 'array' }).then(
    ({ rows }) => rows[0]?.[0],
    ({ code }: { code: string }) => code,
  );

it.each([
  'SELECT current_setting($1)',
  'SELECT pg_catalog.current_setting($1::VARCHAR)',
  'SELECT current_setting($1, true)',
])('%s', async (text) => {
  expect(await ask(bob, text, ['standard_conforming_strings'])).toBe('on');
  expect(await ask(bob, text, ['TimeZone'])).toBe(await ask(alice, 'SHOW TimeZone', []));
  for (const hidden of ['archive_command', 'PRIMARY_CONNINFO', 'ssl_passphrase_command'])
    expect(await ask(bob, text, [hidden])).toMatch(/^SL/);
  expect(await ask(alice, text, ['archive_command'])).not.toMatch(/^SL/);
  for (const client of [bob, alice])
    for (const own of ['sluice.mask_inner', 'Sluice.Mask_Outer'])
      expect(await ask(client, text, [own])).toBe('SL001');
  expect(await ask(bob, text, [null])).toBeNull();
});

it.each([
  ['SELECT current_setting($1)', 'archive_command '],
  ['SELECT current_setting($1::bpchar)', 'sluice.mask_inner '],
  ['SELECT current_setting($1::char(15))', 'archive_commandXX'],
  ['SELECT current_setting(lower($1))', 'TimeZone'],
  ['SELECT current_setting($1 || $2)', 'archive_', 'command'],
  ['SELECT $1::regclass, current_setting($1::text)', 'customers'],
  ['SELECT (SELECT current_setting(x) FROM (SELECT $1::text AS x) s)', 'TimeZone'],
])('%s of %j is not answered', async (text, ...values) => {
  expect(await ask(bob, text, values)).toMatch(/^SL/);
});

it('nor is a prepared statement, whose values the gate does not look at', async () => {
  expect(await ask(bob, 'PREPARE s (text) AS SELECT current_setting($1)', [])).toMatch(/^SL/);
});

it('names of settings may be looked at in their function, and values may not', async () => {
  const pgAdmin = `SELECT set_config('bytea_output', 'hex', false) FROM pg_show_all_settings() WHERE name = 'bytea_output'`;
  expect(await ask(bob, pgAdmin, [])).toBe('hex');
  for (const text of [
    'SELECT setting FROM pg_show_all_settings()',
    'SELECT * FROM pg_show_all_settings() s',
    'SELECT s FROM pg_catalog.pg_show_all_settings() s',
    'SELECT s.name FROM pg_show_all_settings() s (a, b, c)',
    'SELECT name FROM pg_show_all_settings() s WHERE s.reset_val LIKE $$a%$$',
    'SELECT (pg_show_all_settings()).name',
    'SELECT count(*) FROM pg_show_all_settings() NATURAL JOIN pg_settings',
    'SELECT to_json(s) FROM pg_show_all_settings() s',
    'SELECT ordinality FROM pg_show_all_settings() WITH ORDINALITY WHERE setting IS NULL',
  ])
    expect(await ask(bob, text, []), text).toMatch(/^SL/);
});
