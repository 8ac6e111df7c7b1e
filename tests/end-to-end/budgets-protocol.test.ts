/** Results that are cut off, message by message: what clients get, and where both sides stand afterwards. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BackendMessage, encodeFrontendMessage } from '../../src/wire/postgres/index.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient } from '../support/wire-client.ts';

let gate: Gate;
let client: WireClient;

beforeAll(async () => {
  const rows = { for: { kinds: ['agent'] }, count: 'rows', limit: 250, per: ['session'] };
  gate = await startGate({ environment: 'staging', yaml: `budgets: ${JSON.stringify({ rows })}` });
}, 60_000);
afterAll(() => gate.stop());
beforeEach(async () => {
  client = await WireClient.open({
    ...{ host: '127.0.0.1', port: gate.port, user: 'report-bot', database: 'shop' },
    password: await gate.token('report-bot', ['bob']),
  });
});
afterEach(() => client.close());

const query = (text: string) => encodeFrontendMessage({ type: 'Query', text: Buffer.from(text) });
const parse = (text: string, statement = '') =>
  encodeFrontendMessage({ type: 'Parse', statement, text: Buffer.from(text), parameterTypes: [] });
const bind = (statement = '', portal = '') =>
  encodeFrontendMessage({
    ...{ type: 'Bind', portal, statement, parameterFormats: [], parameters: [], resultFormats: [] },
  });
const execute = (maxRows = 0, portal = '') => encodeFrontendMessage({ type: 'Execute', portal, maxRows });
const SYNC = encodeFrontendMessage({ type: 'Sync' });
const BIG = 'SELECT id FROM orders';
const insert = (id: number) => `INSERT INTO orders VALUES (${id}, 1, 'new', 1)`;

/** `DataRow×250, ErrorResponse SL030, ReadyForQuery I`: messages of one kind that follow each other are counted. */
function brief(messages: readonly BackendMessage[]): string {
  const parts: { text: string; count: number }[] = [];
  for (const message of messages) {
    let text: string = message.type;
    if (message.type === 'ErrorResponse') text += ` ${message.fields.get('C')}`;
    if (message.type === 'ReadyForQuery') text += ` ${message.status}`;
    if (message.type === 'CommandComplete') text += ` ${message.tag}`;
    const last = parts.at(-1);
    if (last?.text === text) last.count += 1;
    else parts.push({ text, count: 1 });
  }
  return parts.map(({ text, count }) => (count === 1 ? text : `${text}×${count}`)).join(', ');
}
const ordersNamed = async (id: number): Promise<number> => {
  const alice = await gate.client('alice');
  const { rows } = await alice.query('SELECT count(*)::int AS n FROM orders WHERE id = $1', [id]);
  await alice.query('DELETE FROM orders WHERE id = $1', [id]);
  return rows[0].n;
};

describe('the simple protocol', () => {
  test('rows, the error, and ready', async () => {
    client.send(query(BIG));
    expect(brief(await client.untilReady())).toBe(
      'RowDescription, DataRow×250, ErrorResponse SL030, ReadyForQuery I',
    );
    client.send(query('SET lock_timeout = 0'));
    expect(brief(await client.untilReady())).toContain('CommandComplete SET, ReadyForQuery I');
  });

  test('in a block, the transaction has failed', async () => {
    client.send(query('BEGIN'), query(BIG), query('SET lock_timeout = 0'), query('ROLLBACK'));
    expect(brief(await client.untilReady(4))).toBe(
      [
        'CommandComplete BEGIN, ReadyForQuery T, RowDescription, DataRow×250, ErrorResponse SL030, ReadyForQuery E',
        'ErrorResponse 25P02, ReadyForQuery E, CommandComplete ROLLBACK, ReadyForQuery I',
      ].join(', '),
    );
  });

  test('COPY TO STDOUT ends as well, and the rest of a text is not shown', async () => {
    client.send(query(`COPY (${BIG}) TO STDOUT; SELECT 1`));
    expect(brief(await client.untilReady())).toBe(
      'CopyOutResponse, CopyData×250, ErrorResponse SL030, ReadyForQuery I',
    );
  });

  test('a COPY FROM STDIN behind it gets no data', async () => {
    client.send(query(`CREATE TEMPORARY TABLE t (id int)`));
    await client.untilReady();
    client.send(query(`${BIG}; COPY t FROM STDIN`));
    expect(brief(await client.untilReady())).toBe(
      'RowDescription, DataRow×250, ErrorResponse SL030, ReadyForQuery I',
    );
    client.send(query('SET lock_timeout = 0'));
    expect(brief(await client.untilReady())).toContain('CommandComplete SET, ReadyForQuery I');
  });

  test('exactly enough is enough', async () => {
    client.send(query(`${BIG} LIMIT 250`));
    expect(brief(await client.untilReady())).toBe(
      'RowDescription, DataRow×250, CommandComplete SELECT 250, ReadyForQuery I',
    );
  });
});

describe('the extended protocol', () => {
  const RESULT = 'ParseComplete, BindComplete, DataRow×250, ErrorResponse SL030';

  test('what stands behind it in the pipeline is skipped', async () => {
    client.send(parse(BIG), bind(), execute(), parse(insert(7001), 'i'), bind('i'), execute(), SYNC);
    client.send(query('SET lock_timeout = 0'));
    expect(brief(await client.untilReady(2))).toMatch(
      new RegExp(`^${RESULT}, ReadyForQuery I, CommandComplete SET, ReadyForQuery I$`),
    );
    expect(await ordersNamed(7001)).toBe(0);
  });

  test('what stands before it in the pipeline is rolled back', async () => {
    client.send(parse(insert(7002), 'i'), bind('i'), execute(), parse(BIG), bind(), execute(), SYNC);
    expect(brief(await client.untilReady())).toBe(
      'ParseComplete, BindComplete, CommandComplete INSERT 0 1, ParseComplete, BindComplete, DataRow×250, ErrorResponse SL030, ReadyForQuery I',
    );
    expect(await ordersNamed(7002)).toBe(0);
  });

  test('in a block, the transaction has failed', async () => {
    client.send(query('BEGIN'), parse(BIG), bind(), execute(), SYNC, query(insert(7003)), query('COMMIT'));
    expect(brief(await client.untilReady(4))).toBe(
      `CommandComplete BEGIN, ReadyForQuery T, ${RESULT}, ReadyForQuery E, ErrorResponse 25P02, ReadyForQuery E, CommandComplete ROLLBACK, ReadyForQuery I`,
    );
    expect(await ordersNamed(7003)).toBe(0);
  });

  test('a portal that is read in parts', async () => {
    client.send(query('BEGIN'), parse(BIG), bind('', 'p'), execute(100, 'p'), execute(100, 'p'), SYNC);
    await client.untilReady(2);
    client.send(execute(100, 'p'), SYNC, query('ROLLBACK'));
    expect(brief(await client.untilReady(2))).toBe(
      'DataRow×50, ErrorResponse SL030, ReadyForQuery E, CommandComplete ROLLBACK, ReadyForQuery I',
    );
  });

  test('without a Sync, the client hears at once, and everything up to it is skipped', async () => {
    const FLUSH = encodeFrontendMessage({ type: 'Flush' });
    client.send(parse(BIG), bind(), execute(), FLUSH);
    expect(brief(await client.until('ErrorResponse'))).toBe(RESULT);
    client.send(parse(insert(7004), 'i'), bind('i'), execute(), SYNC);
    expect(brief(await client.untilReady())).toBe('ReadyForQuery I');
    expect(await ordersNamed(7004)).toBe(0);
  });
});

test('a client that reads slowly, and rows larger than any buffer', async () => {
  client.socket.pause();
  client.send(query("SELECT repeat('x', 300000) FROM orders"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.socket.resume();
  expect(brief(await client.untilReady())).toBe(
    'RowDescription, DataRow×250, ErrorResponse SL030, ReadyForQuery I',
  );
}, 60_000);
