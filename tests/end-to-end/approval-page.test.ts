/** The page that links in messages lead to: shows nothing by being opened, and everything only to whoever may see it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

let gate: Gate;
beforeAll(async () => {
  gate = await startGate();
});
afterAll(() => gate.stop());

let count = 0;
async function hold(): Promise<string> {
  count += 1;
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  const sql = `UPDATE orders SET status = '</pre><script>alert(${count})</script>' WHERE id = 1`;
  await expect(bot.query(sql)).rejects.toMatchObject({ code: 'SL002' });
  const { body } = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  return (body.approvals as { id: string }[])[0]!.id;
}
const open = (id: string) => fetch(`${gate.httpUrl}/approvals/${id}`);
async function post(id: string, fields: Record<string, string>) {
  const answer = await fetch(`${gate.httpUrl}/approvals/${id}`, {
    method: 'POST',
    body: new URLSearchParams(fields),
  });
  return { status: answer.status, text: await answer.text() };
}
const stateOf = async (id: string) => (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state;

test('opening it tells nothing and answers nothing, however often', async () => {
  const id = await hold();
  const pages = await Promise.all([open(id), open(id), open('apr_0000000000')]);
  const texts = await Promise.all(pages.map((page) => page.text()));
  expect(pages.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(texts[0]).not.toContain('orders');
  expect(texts[2]!.replaceAll('apr_0000000000', id)).toBe(texts[0]);
  expect(await stateOf(id)).toBe('pending');
  expect(pages[0]!.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
  );
  expect(pages[0]!.headers.get('cache-control')).toBe('no-store');
});

test('whoever may answer sees it, as text, and answers', async () => {
  const id = await hold();
  const token = await gate.token('alice');
  const seen = await post(id, { token, answer: 'show' });
  expect(seen.status).toBe(200);
  expect(seen.text).toContain(`&lt;script&gt;alert(${count})&lt;/script&gt;`);
  expect(seen.text).not.toContain('<script');
  expect(seen.text).not.toContain(token);
  expect(await stateOf(id)).toBe('pending');
  const without = await post(id, { token, answer: 'deny', reason: ' ' });
  expect(without).toMatchObject({ status: 400, text: expect.stringContaining('a denial needs a reason') });
  const denied = await post(id, { token, answer: 'deny', reason: 'Not now.' });
  expect(denied).toMatchObject({ status: 200, text: expect.stringContaining('Your answer counts.') });
  expect(denied.text).not.toContain('<form');
  expect(await stateOf(id)).toBe('denied');
  expect((await post(id, { token, answer: 'approve' })).status).toBe(409);
});

test('a preview shows the rows, as text', async () => {
  const id = await hold();
  const token = await gate.token('alice');
  const { status, text } = await post(id, { token, answer: 'preview' });
  expect(status).toBe(200);
  expect(text).toContain('1 of public.orders');
  expect(text).toContain(`paid → &lt;/pre&gt;&lt;script&gt;alert(${count})&lt;/script&gt;`);
  expect(text).not.toContain('<script');
  expect(await stateOf(id)).toBe('pending');
});

test.each([
  ['no token', '', 401, 'no valid token'],
  ['a made-up token', `slc_${'a'.repeat(20)}_${'b'.repeat(40)}`, 401, 'no valid token'],
  ['the token of whoever it was asked for', 'bob', 403, 'made on their behalf'],
  ['the token of a service', 'app', 404, 'there is no approval request'],
])('%s answers nothing', async (_name, who, status, why) => {
  const id = await hold();
  const token = ['bob', 'app'].includes(who) ? await gate.token(who) : who;
  const answer = await post(id, { token, answer: 'approve' });
  expect(answer.status).toBe(status);
  expect(answer.text).toContain(why);
  expect(answer.text).not.toContain('report-bot');
  expect(await stateOf(id)).toBe('pending');
});
