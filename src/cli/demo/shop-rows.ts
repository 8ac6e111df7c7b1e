/**
 * Makes up the rows of the demo's shop. Pure: the same seed gives the same rows. Keys refer to rows that exist.
 */
import { ibanOf, withLuhnDigit } from './shop-numbers.ts';
import { type ShopRandom, shopRandom } from './shop-random.ts';
import {
  CARD_PREFIXES,
  CITIES,
  DEPARTMENTS,
  FIRST_NAMES,
  LAST_NAMES,
  MAIL_DOMAINS,
  ORDER_STATUSES,
  PLANS,
  PRODUCTS,
  STREETS,
  TICKETS,
} from './shop-words.ts';

/** Rows to make of each table; `order_items` follow from the orders, `products` from the assortment. */
export interface ShopSize {
  readonly customers: number;
  readonly orders: number;
  readonly payments: number;
  readonly employees: number;
  readonly tickets: number;
}

export const DEMO_SIZE: ShopSize = {
  customers: 5_000,
  orders: 20_000,
  payments: 10_000,
  employees: 200,
  tickets: 3_000,
};

type Value = string | number | null;
type Row = Readonly<Record<string, Value>>;

/** Table → rows, in an order in which foreign keys hold. */
export type ShopRows = ReadonlyMap<string, readonly Row[]>;

const DAY_MS = 86_400_000;
/** The shop's last day. Fixed, so that its rows never depend on the clock. */
const TODAY_MS = Date.UTC(2026, 9, 31);

/** All rows of a shop of `size`. */
export function shopRows(size: ShopSize = DEMO_SIZE, seed = 20_261_031): ShopRows {
  const random = shopRandom(seed);
  const times = <Made>(count: number, make: (id: number) => Made): Made[] =>
    Array.from({ length: count }, (_, index) => make(index + 1));
  const customers = times(size.customers, (id) => customer(random, id));
  const products = PRODUCTS.map(([name, category, cents], index) => ({
    ...{ id: index + 1, name, category, price: money(cents), stock: random.integer(0, 400) },
  }));
  const employees = times(size.employees, (id) => employee(random, id));
  const baskets = times(size.orders, (id) => basket(random, id, size.customers));
  const orders = baskets.map(({ order }) => order);
  return new Map<string, readonly Row[]>([
    ['products', products],
    ['customers', customers],
    ['employees', employees],
    ['orders', orders],
    ['order_items', baskets.flatMap(({ items }) => items)],
    ['payments', times(size.payments, (id) => payment(random, id, orders[(id - 1) % orders.length] as Row))],
    ['support_tickets', times(size.tickets, (id) => ticket(random, id, customers, size))],
  ]);
}

function customer(random: ShopRandom, id: number): Row {
  const { name, mailbox } = person(random, id);
  const [city, country, calling] = random.pick(CITIES);
  return {
    id,
    full_name: name,
    email: `${mailbox}@${random.pick(MAIL_DOMAINS)}`,
    phone: `+${calling} ${random.digits(3)} 555 01${random.digits(2)}`,
    birth_date: day(TODAY_MS - random.integer(18 * 365, 85 * 365) * DAY_MS),
    street: `${random.integer(1, 180)} ${random.pick(STREETS)}`,
    postal_code: random.digits(5),
    city,
    country,
    plan: random.weighted(PLANS),
    balance: money(random.chance(0.15) ? random.integer(-12_000, 25_000) : 0),
    created_at: instant(random, 4 * 365),
  };
}

function employee(random: ShopRandom, id: number): Row {
  const { name, mailbox } = person(random, id);
  const [department, titles, low, high] = random.pick(DEPARTMENTS);
  return {
    id,
    full_name: name,
    email: `${mailbox}@shop.example`,
    department,
    title: random.pick(titles),
    // The first is everyone's manager at the end of the line; all others report to someone hired earlier.
    manager_id: id === 1 ? null : random.integer(1, Math.min(id - 1, 20)),
    salary: random.integer(low / 100, high / 100) * 100,
    // Area numbers from 900 on are never assigned.
    ssn: `9${random.digits(2)}-${random.digits(2)}-${random.digits(4)}`,
    iban: ibanOf('DE', `00000000${random.digits(10)}`),
    hired_on: day(TODAY_MS - random.integer(30, 12 * 365) * DAY_MS),
  };
}

function basket(random: ShopRandom, id: number, customers: number): { order: Row; items: Row[] } {
  const lines = random.weighted([1, 2, 3, 4].map((count) => [count, 5 - count] as const));
  const chosen = new Set(Array.from({ length: lines }, () => random.integer(1, PRODUCTS.length)));
  const items = [...chosen].map((product, index) => ({
    order_id: id,
    line: index + 1,
    product_id: product,
    quantity: random.weighted([1, 2, 3].map((count) => [count, 4 - count] as const)),
    unit_price: money(PRODUCTS[product - 1]?.[2] ?? 0),
  }));
  const cents = items.reduce(
    (sum, item) => sum + item.quantity * Math.round(Number(item.unit_price) * 100),
    0,
  );
  const ordered = instant(random, 2 * 365);
  const status = random.weighted(ORDER_STATUSES);
  const left = status === 'paid' || status === 'cancelled';
  const shipped = left ? null : new Date(Date.parse(ordered) + random.integer(1, 5) * DAY_MS).toISOString();
  const order = {
    ...{ id, customer_id: random.integer(1, customers), status, total: money(cents) },
    ...{ ordered_at: ordered, shipped_at: shipped },
  };
  return { order, items };
}

function payment(random: ShopRandom, id: number, order: Row): Row {
  const byCard = random.chance(0.7);
  const [brand, prefix] = random.pick(CARD_PREFIXES);
  return {
    id,
    order_id: order.id ?? null,
    method: byCard ? brand : 'sepa',
    card_number: byCard ? withLuhnDigit(prefix + random.digits(9)) : null,
    card_expires: byCard ? day(TODAY_MS + random.integer(10, 1400) * DAY_MS) : null,
    iban: byCard ? null : ibanOf('DE', `00000000${random.digits(10)}`),
    amount: order.total ?? null,
    status: random.weighted([
      ['settled', 92],
      ['refunded', 5],
      ['failed', 3],
    ]),
    paid_at: order.ordered_at ?? null,
  };
}

function ticket(random: ShopRandom, id: number, customers: readonly Row[], size: ShopSize): Row {
  const from = random.pick(customers);
  const [subject, body] = random.pick(TICKETS);
  const known: Row = { ...from, name: from.full_name ?? '', order: random.integer(1, size.orders) };
  return {
    id,
    customer_id: from.id ?? null,
    assigned_to: random.chance(0.9) ? random.integer(1, size.employees) : null,
    subject,
    body: body.replace(/\{(\w+)\}/g, (_, key: string) => String(known[key] ?? '')),
    status: random.weighted([
      ['closed', 80],
      ['open', 15],
      ['waiting', 5],
    ]),
    created_at: instant(random, 365),
  };
}

/** Mailboxes carry the id: addresses are unique. */
function person(random: ShopRandom, id: number): { name: string; mailbox: string } {
  const [first, last] = [random.pick(FIRST_NAMES), random.pick(LAST_NAMES)];
  const plain = `${first}.${last}`.normalize('NFD').replace(/[^A-Za-z.]/g, '');
  return { name: `${first} ${last}`, mailbox: `${plain.toLowerCase()}${id}` };
}

function instant(random: ShopRandom, withinDays: number): string {
  return new Date(TODAY_MS - random.integer(0, withinDays * 86_400) * 1000).toISOString();
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const money = (cents: number): string => (cents / 100).toFixed(2);
