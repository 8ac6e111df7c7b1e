import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import { isIbanValid, isLuhnValid } from './shop-numbers.ts';
import { DEMO_SIZE, shopRows } from './shop-rows.ts';
import { SHOP_LABELS } from './shop-schema.ts';
import { fillShop } from './shop-seed.ts';

const SMALL = { customers: 50, orders: 120, payments: 60, employees: 20, tickets: 30 };

describe('the rows of the shop', () => {
  const rows = shopRows();

  test('are the same each time, and others with another seed', () => {
    expect(shopRows(SMALL, 7)).toEqual(shopRows(SMALL, 7));
    expect(shopRows(SMALL, 7)).not.toEqual(shopRows(SMALL, 8));
  });

  test('are as many as promised', () => {
    expect([...rows].map(([table, list]) => [table, list.length])).toEqual([
      ['products', 24],
      ['customers', DEMO_SIZE.customers],
      ['employees', DEMO_SIZE.employees],
      ['orders', DEMO_SIZE.orders],
      ['order_items', expect.any(Number)],
      ['payments', DEMO_SIZE.payments],
      ['support_tickets', DEMO_SIZE.tickets],
    ]);
    expect(rows.get('order_items')?.length).toBeGreaterThan(DEMO_SIZE.orders);
  });

  test('carry numbers whose checksums are right', () => {
    const payments = rows.get('payments') ?? [];
    const cards = payments.flatMap((row) => (row.card_number === null ? [] : [String(row.card_number)]));
    const ibans = payments.flatMap((row) => (row.iban === null ? [] : [String(row.iban)]));
    expect(cards.length).toBeGreaterThan(1000);
    expect(ibans.length).toBeGreaterThan(1000);
    expect(cards.filter((card) => card.length !== 16 || !isLuhnValid(card))).toEqual([]);
    expect(ibans.filter((iban) => !isIbanValid(iban))).toEqual([]);
  });

  test('fill the tickets with the customer who wrote them', () => {
    const bodies = (rows.get('support_tickets') ?? []).map((row) => String(row.body));
    expect(bodies.filter((body) => /[{}]|undefined|null/.test(body))).toEqual([]);
    expect(bodies.some((body) => body.includes('@example.'))).toBe(true);
  });
});

describe('checksums', () => {
  test.each(['4242424242424242', '5555555555554444', '79927398713'])('%s passes Luhn', (digits) => {
    expect(isLuhnValid(digits)).toBe(true);
    expect(isLuhnValid(digits.slice(0, -1) + String((Number(digits.at(-1)) + 1) % 10))).toBe(false);
  });

  test.each(['DE89370400440532013000', 'GB82WEST12345698765432'])('%s is an IBAN', (iban) => {
    expect(isIbanValid(iban)).toBe(true);
    expect(isIbanValid(iban.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)))).toBe(false);
  });
});

describe('the shop in PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase('shop');
    await fillShop(await database.client(), SMALL);
  });
  afterAll(() => database.drop());

  test('keeps its keys, and gives the next ones', async () => {
    const { rows } = await database.query(
      `INSERT INTO customers (full_name, email) VALUES ('New', 'new@example.com') RETURNING id, plan`,
    );
    expect(rows).toEqual([{ id: SMALL.customers + 1, plan: 'free' }]);
  });

  test('adds up: what an order costs is the sum of its items', async () => {
    const { rowCount } = await database.query(
      `SELECT FROM orders o WHERE total <> (SELECT sum(quantity * unit_price) FROM order_items WHERE order_id = o.id)`,
    );
    expect(rowCount).toBe(0);
  });

  test('answers through its views and its function', async () => {
    const { rows } = await database.query(
      `SELECT (SELECT sum(orders)::int FROM customer_overview) AS orders, (SELECT count(*) > 0 FROM open_tickets) AS open,
              (SELECT sum(customer_lifetime_value(id)) FROM customers) = (SELECT sum(revenue) FROM monthly_revenue) AS same`,
    );
    expect(rows).toEqual([{ orders: SMALL.orders, open: true, same: true }]);
  });

  test('has every column that is labelled', async () => {
    const labelled = Object.entries(SHOP_LABELS).flatMap(([relation, columns]) =>
      Object.keys(columns).map((column) => `${relation}.${column}`),
    );
    const { rows } = await database.query<{ name: string }>(
      `SELECT table_schema || '.' || table_name || '.' || column_name AS name FROM information_schema.columns`,
    );
    const known = new Set(rows.map(({ name }) => name));
    expect(labelled.filter((name) => !known.has(name))).toEqual([]);
  });
});
