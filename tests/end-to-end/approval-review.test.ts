import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Review } from '../../src/api/approval-review.ts';
import type { ApprovalRequest } from '../../src/model/approval.ts';
import { type Gate, startGate } from '../support/gate.ts';

/** Leads answer, and see no real values; so do members of dba, who see all. */
const POLICY = `
@id("leads-too") @approval("groups=dba,leads; expires=1h")
forbid (principal is Agent, action in [Action::"Update", Action::"Delete", Action::"Insert"], resource);
`;

let gate: Gate;
let bot: pg.Client;

beforeAll(async () => {
  gate = await startGate({
    groups: ['leads'],
    principals: { lea: { kind: 'human', groups: ['leads'] } },
    // Shipped policies ask dba only, and dba is what the two have in common.
    yaml: 'policies: { defaults: false, files: [./all.cedar, ./leads.cedar] }',
    files: {
      'leads.cedar': POLICY,
      'all.cedar': `
        permit (principal, action, resource) unless { action == Action::"Unmask" };
        permit (principal in Group::"dba", action == Action::"Unmask", resource);
        permit (principal in Group::"agents", action == Action::"Unmask", resource);
        permit (principal in Group::"support", action == Action::"Unmask", resource);`,
    },
  });
  bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
});
afterAll(() => gate.stop());

async function held(sql: string, values?: unknown[]): Promise<string> {
  const error = (await bot.query(sql, values).catch((thrown) => thrown)) as pg.DatabaseError;
  expect(error.code).toBe('SL002');
  return JSON.parse(error.detail ?? '').request;
}
type Reviewed = ApprovalRequest & { readonly review: Review };
const seenBy = async (who: string, id: string) =>
  (await gate.api(who, 'GET', `/v1/approvals/${id}`)).body as unknown as Reviewed;

const SECRET = 'person7@secret.example';

describe('values', () => {
  test('of labelled columns are shown to those who may see them, and to nobody else', async () => {
    const id = await held(`UPDATE customers SET plan = 'pro-secret' WHERE email = $1`, [SECRET]);
    const full = await seenBy('alice', id);
    expect(full.binding.parameters).toEqual([SECRET]);
    expect(full.review.statement).toContain("'pro-secret'");
    const masked = await seenBy('lea', id);
    expect(masked).toMatchObject({ valuesHidden: true, binding: { parameters: ['‹hidden›'] } });
    expect(masked.review.statement).toBe('UPDATE customers\nSET plan = ‹hidden›\nWHERE email = $1');
    const listed = await gate.api('lea', 'GET', '/v1/approvals');
    const answered = await gate.api('lea', 'POST', `/v1/approvals/${id}/approve`, {});
    expect(answered.body.state).toBe('approved');
    for (const answer of [masked, listed.body, answered.body])
      expect(JSON.stringify(answer)).not.toMatch(/secret/);
  });

  test('of a grant are hidden likewise', async () => {
    const id = await held(`UPDATE customers SET plan = 'x' WHERE email = $1`, [SECRET]);
    const grant = (bounds: object) =>
      gate.api('lea', 'POST', `/v1/approvals/${id}/grant`, { times: 2, forMs: 60_000, ...bounds });
    // Whether a bound holds would tell the value.
    for (const bound of ['a|b', SECRET, '1..5'])
      expect((await grant({ parameters: { 1: bound } })).status).toBe(403);
    const granted = await grant({ literals: { 1: '*' } });
    expect(granted.body.state).toBe('approved');
    const { body: grants } = await gate.api('lea', 'GET', '/v1/grants');
    for (const answer of [granted.body, await seenBy('lea', id), grants])
      expect(JSON.stringify(answer)).not.toMatch(/secret/);
    expect(JSON.stringify((await gate.api('alice', 'GET', '/v1/grants')).body)).toContain(SECRET);
  });

  test('that cannot be told from the rest hide the whole statement', async () => {
    const id = await held(`UPDATE customers SET plan = E'pro\\x2dsecret' WHERE email = 'a'`);
    expect((await seenBy('lea', id)).review.statement).toBe('‹hidden›');
  });

  test('of columns without a label are shown', async () => {
    const id = await held(`UPDATE orders SET status = 'plain' WHERE id = $1`, [7]);
    expect(await seenBy('lea', id)).toMatchObject({ binding: { parameters: ['7'] } });
  });
});

test('the page that links lead to shows no more', async () => {
  const id = await held(`UPDATE customers SET plan = 'page-secret', name = name WHERE email = $1`, [SECRET]);
  const page = async (who: string) => {
    const body = new URLSearchParams({ token: await gate.token(who), answer: 'show' });
    const answer = await fetch(`${gate.httpUrl}/approvals/${id}`, { method: 'POST', body });
    return answer.text();
  };
  const full = await page('alice');
  expect(full).toContain('page-secret');
  expect(full).toContain(SECRET);
  const masked = await page('lea');
  expect(masked).toContain('Values that you may not see are hidden.');
  expect(masked).toContain('‹hidden›');
  expect(masked).not.toContain('secret');
});

describe('a reviewer', () => {
  test('sees the statement laid out, what is risky, the facts, and how the like ended', async () => {
    const sql = (status: string) => `DELETE   FROM orders WHERE status = '${status}' RETURNING id`;
    const first = await held(sql('never'));
    await gate.api('alice', 'POST', `/v1/approvals/${first}/deny`, { reason: 'name the ids' });
    const { review } = await seenBy('alice', await held(sql('ever')));
    expect(review.statement).toBe("DELETE\nFROM orders\nWHERE status = 'ever'\nRETURNING id");
    expect(review.facts.join()).toMatch(/touches: Delete public.orders/);
    expect(review.similar).toEqual([
      {
        ...{ id: first, state: 'denied', createdAt: expect.any(Number) },
        votes: [{ principal: 'alice', verdict: 'deny', reason: 'name the ids' }],
      },
    ]);
    const risky = await seenBy('alice', await held('DELETE FROM orders'));
    const [mark] = risky.review.marks;
    expect(risky.review.statement.slice(mark?.start, mark?.end)).toBe('DELETE\nFROM orders');
    expect(mark?.hazard).toBe('unbounded-write');
    await gate.database.query('CREATE TABLE "оrders" (id int)');
    const alike = (await seenBy('alice', await held('DELETE FROM "оrders" WHERE id = 1'))).review;
    expect(alike.marks.map(({ start, end, hazard }) => [alike.statement.slice(start, end), hazard])).toEqual([
      ['"оrders"', 'looks-like-another'],
    ]);
    expect(alike.facts).toContain('looks like another: оrders: о is U+043E');
  });
});
