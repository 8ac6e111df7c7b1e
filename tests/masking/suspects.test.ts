/** Columns that look personal and have no label: masked from the moment they appear, if the configuration says so. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;

beforeAll(async () => {
  gate = await startGate({
    schema: `CREATE TABLE customers (id int PRIMARY KEY, email text, phone text, plan text, salary int);
      INSERT INTO customers VALUES (1, 'ada@secret.example', '+49 30 901820', 'pro', 77000);
      CREATE TABLE employees (id int, salary int);
      CREATE VIEW contacts AS SELECT id, email AS e FROM customers;`,
    labels: {
      'public.customers': { phone: 'phone', salary: 'none' },
      'public.employees': { salary: 'salary' },
    },
    suspects: 'mask',
  });
});
afterAll(() => gate?.stop());

it('are masked until somebody decides', async () => {
  const bob = await gate.client('bob');
  const { rows } = await bob.query(
    'SELECT c.email, c.phone, c.salary, c.plan, v.e FROM customers c JOIN contacts v USING (id)',
  );
  expect(rows).toEqual([
    {
      email: 'a***@secret.example',
      phone: '***********20',
      salary: 77000,
      plan: 'pro',
      e: 'a***@secret.example',
    },
  ]);
  const alice = await gate.client('alice');
  expect((await alice.query('SELECT email FROM customers')).rows).toEqual([{ email: 'ada@secret.example' }]);
});

it('are masked as soon as they appear', async () => {
  const bob = await gate.client('bob');
  await bob.query('SELECT 1 FROM customers');
  await gate.database.query(`ALTER TABLE customers ADD COLUMN "birthDate" date DEFAULT '1990-05-17'`);
  const { rows } = await bob.query('SELECT "birthDate"::text AS born FROM customers');
  expect(rows).toEqual([{ born: '1990-01-01' }]);
});
