/** Labels inside documents: what stands at their paths is masked, through every way to it, and the rest is not. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
let bob: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    schema: `CREATE TABLE customers (id int PRIMARY KEY, profile jsonb, tags text[]);
      INSERT INTO customers VALUES
        (1, '{"plan": "pro", "address": {"street": "12 Secret Street", "city": "Berlin"}, "email": "ada@secret.example"}', '{vip,secret}'),
        (2, '{"plan": "free"}', '{}'),
        (3, '{"plan": "odd", "address": "1 Secret Lane"}', NULL);
      CREATE VIEW profiles AS SELECT id, profile AS document, profile->'address'->>'street' AS street FROM customers;`,
    labels: {
      'public.customers': {
        "profile->'address'->>'street'": 'address',
        'profile->email': 'email',
        tags: 'tag',
      },
    },
  });
  bob = await gate.client('bob');
});
afterAll(() => gate?.stop());

const one = async (text: string) => (await bob.query({ text, rowMode: 'array' })).rows;

it.each([
  [
    'SELECT profile FROM customers WHERE id = 1',
    [[{ plan: 'pro', address: { street: '***', city: 'Berlin' }, email: 'a***@secret.example' }]],
  ],
  [
    `SELECT profile->>'plan', profile#>>'{address,street}', profile->'address'->>'city' FROM customers WHERE id = 1`,
    [['pro', '***', 'Berlin']],
  ],
  [`SELECT count(*)::int FROM customers WHERE profile->'address'->>'street' LIKE '12%'`, [[0]]],
  [`SELECT count(*)::int FROM customers WHERE profile @> '{"plan": "pro"}'`, [[1]]],
  [
    `SELECT count(*)::int FROM customers WHERE profile @> '{"address": {"street": "12 Secret Street"}}'`,
    [[0]],
  ],
  [`SELECT value FROM customers, jsonb_path_query(profile, '$.**.street') AS value`, [['***']]],
  ['SELECT profile::text ILIKE $$%secret street%$$ FROM customers WHERE id = 1', [[false]]],
  ['SELECT profile FROM customers WHERE id = 2', [[{ plan: 'free' }]]],
  ['SELECT profile FROM customers WHERE id = 3', [[null]]],
  [
    'SELECT document FROM profiles WHERE id = 1',
    [[{ plan: 'pro', address: { street: '***', city: 'Berlin' }, email: 'a***@secret.example' }]],
  ],
  ['SELECT street FROM profiles WHERE id = 1', [['***']]],
  ['SELECT tags FROM customers ORDER BY id', [[['***', '***']], [[]], [null]]],
  [`SELECT id FROM customers WHERE 'secret' = ANY (tags)`, []],
  [
    'UPDATE customers SET id = 1 WHERE id = 1 RETURNING tags, profile#>>$${address,street}$$',
    [[['***', '***'], '***']],
  ],
  [
    'UPDATE customers c SET id = 1 WHERE id = 1 RETURNING old.tags, c.*',
    [[['***', '***'], 1, expect.anything(), ['***', '***']]],
  ],
  ['SELECT tags, count(*)::int FROM customers GROUP BY tags ORDER BY 1 LIMIT 1', [[[], 1]]],
  ['SELECT id, tags FROM customers GROUP BY id ORDER BY id LIMIT 1', [[1, ['***', '***']]]],
])('%s', async (text, rows) => {
  expect(await one(text)).toEqual(rows);
});
