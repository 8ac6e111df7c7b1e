import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

/** The shortest a policy may say is ten seconds; this is the default where it says nothing, and may be shorter. */
const EXPIRES = 'approvals: { expires: 1s }';
const POLICIES = `
@id("held") @approval("groups=dba; expires=1h") @hint("Use the order desk.")
forbid (principal, action == Action::"Update", resource == Table::"shop/public.orders");
@id("short") @approval("groups=dba")
forbid (principal, action == Action::"Insert", resource == Table::"shop/public.orders");
@id("not-now") @approval("groups=dba; expires=1h; run=TODAY_CLOSED")
forbid (principal, action == Action::"Delete", resource == Table::"shop/public.orders");
`;

let gate: Gate;
let bot: pg.Client;

/** A window of the day that is over by hours, whenever this runs. */
function closedNow(): string {
  const hour = (new Date().getUTCHours() + 12) % 24;
  return `${String(hour).padStart(2, '0')}:00-${String(hour).padStart(2, '0')}:30`;
}

beforeAll(async () => {
  gate = await startGate({
    environment: 'dev',
    yaml: `policies: { files: [./held.cedar] }\n${EXPIRES}`,
    files: { 'held.cedar': POLICIES.replace('TODAY_CLOSED', closedNow()) },
  });
  bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
});
afterAll(() => gate.stop());

const refusalOf = (sql: string, client = bot) =>
  client.query(sql).then(
    () => expect.unreachable('it ran'),
    (error: pg.DatabaseError) => error,
  );

const answer = (id: string, verdict: 'approve' | 'deny') =>
  gate.api('alice', 'POST', `/v1/approvals/${id}/${verdict}`, { reason: 'seen' });

const FACTS = expect.objectContaining({ relations: ['public.orders'], notUnderstood: [] });

describe('the DETAIL of a refusal is JSON', () => {
  test('that is held', async () => {
    const error = await refusalOf('UPDATE orders SET cents = 1 WHERE id = 1');
    expect(error).toMatchObject({ code: 'SL002', hint: expect.stringContaining('identical statement') });
    expect(JSON.parse(error.detail ?? '')).toEqual({
      request: expect.stringMatching(/^apr_/),
      policies: ['held'],
      facts: FACTS,
      expiresAt: expect.stringMatching(/Z$/),
      next: 'retry-identical-once-approved',
    });
    expect(error.hint).toMatch(/^Retry the identical statement .* Use the order desk\.$/);
  });

  test('that is denied by a policy', async () => {
    const error = await refusalOf('DROP SCHEMA sluice');
    expect(error.code).toBe('SL001');
    expect(JSON.parse(error.detail ?? '')).toMatchObject({
      policies: [expect.any(String)],
      facts: expect.anything(),
      next: 'send-another-statement',
    });
  });

  test('that may not run yet, and stays approved', async () => {
    const sql = 'DELETE FROM orders WHERE id = 1';
    const { request } = JSON.parse((await refusalOf(sql)).detail ?? '');
    await answer(request, 'approve');
    const error = await refusalOf(sql);
    expect(error).toMatchObject({ code: 'SL020', hint: expect.stringContaining('at the time named') });
    expect(JSON.parse(error.detail ?? '')).toMatchObject({
      ...{ request, policies: ['not-now'], facts: FACTS, next: 'retry-identical-at-its-time' },
    });
    expect((await gate.api('alice', 'GET', `/v1/approvals/${request}`)).body.state).toBe('approved');
  });

  test('that a grant holds for, at another time', async () => {
    const sql = 'DELETE FROM orders WHERE id = 7';
    const { request } = JSON.parse((await refusalOf(sql)).detail ?? '');
    const granted = await gate.api('alice', 'POST', `/v1/approvals/${request}/grant`, {
      ...{ times: 2, forMs: 3_600_000, literals: { 1: '*' } },
    });
    expect(granted.status).toBe(200);
    const error = await refusalOf('DELETE FROM orders WHERE id = 8');
    expect(error).toMatchObject({
      code: 'SL020',
      message: expect.stringMatching(/grant grt_.* may be used /),
    });
    expect(JSON.parse(error.detail ?? '')).toEqual({
      ...{ grant: expect.stringMatching(/^grt_/), policies: ['not-now'] },
      ...{ facts: FACTS, next: 'retry-identical-at-its-time' },
    });
  });

  test.each([
    ['denied', 'SL003', 'UPDATE orders SET cents = 2 WHERE id = 2', 'held', 'ask-the-reviewer'],
    [
      'expired',
      'SL004',
      `INSERT INTO orders VALUES (5000, 1, 'new', 1)`,
      'short',
      'retry-identical-as-new-request',
    ],
    [
      'drifted',
      'SL005',
      'UPDATE orders SET cents = 2 WHERE id = 2',
      'held',
      'retry-identical-as-new-request',
    ],
  ])('that was %s while it waited', async (how, code, sql, policy, next) => {
    const waiting = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    const told = new Promise<string>((resolve) => {
      waiting.on('notice', ({ detail }) => resolve(JSON.parse(detail ?? '').request));
    });
    const refused = refusalOf(sql, waiting);
    const request = await told;
    if (how === 'denied') await answer(request, 'deny');
    if (how === 'drifted') {
      await gate.database.query('ALTER TABLE orders ADD COLUMN note text');
      await answer(request, 'approve');
    }
    const error = await refused;
    expect(error.code).toBe(code);
    expect(JSON.parse(error.detail ?? '')).toEqual({ request, policies: [policy], facts: FACTS, next });
  });
});
