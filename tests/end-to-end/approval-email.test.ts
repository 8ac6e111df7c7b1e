/** Requests by mail: through a whole gateway, to a real mail server that is down at first. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';
import { SmtpPeer } from '../support/smtp-peer.ts';

const smtp = new SmtpPeer();
let gate: Gate;
let port: number;

beforeAll(async () => {
  port = await smtp.start();
  gate = await startGate({
    principals: {
      alice: { email: 'alice@example.com' },
      anna: { email: 'anna@example.com' },
      bob: { email: 'bob@example.com' },
    },
    files: { 'ca.pem': smtp.ca },
    yaml: `approvals:
  publicUrl: https://sluice.example.com
  email: { host: 127.0.0.1, port: ${port}, ca: ca.pem, from: sluice@gate.example, includeStatement: true }`,
  });
});
afterAll(async () => {
  await gate.stop();
  await smtp.stop();
});

test('people who may answer get one conversation, also if their server does not take mail at first', async () => {
  smtp.refuseWith = 421;
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
  const result = bot.query('UPDATE orders SET status = $1 WHERE id = 7', ['hidden-value']);
  result.catch(() => undefined);
  const metrics = async () => (await fetch(`${gate.httpUrl}/metrics`)).text();
  await expect
    .poll(metrics, { timeout: 20_000 })
    .toMatch(/sluice_notifications_total\{receiver="email",result="failed"\} [1-9]/);
  smtp.refuseWith = undefined;
  await expect.poll(() => smtp.received.length, { timeout: 30_000 }).toBe(1);
  const { mail, to, raw, isEncrypted } = smtp.received[0]!;
  expect([isEncrypted, ...to]).toEqual([true, 'alice@example.com', 'anna@example.com']);
  expect(mail.text).toContain('UPDATE orders SET status = $1 WHERE id = 7');
  expect(raw).not.toContain('hidden-value');
  const id = /apr_\w+/.exec(mail.subject ?? '')?.[0];
  await gate.api('anna', 'POST', `/v1/approvals/${id}/approve`, {});
  expect((await result).rowCount).toBe(1);
  await expect.poll(() => smtp.received.length, { timeout: 20_000 }).toBe(2);
  expect(smtp.received[1]!.mail).toMatchObject({ inReplyTo: mail.messageId, subject: `Re: ${mail.subject}` });
  expect(smtp.received[1]!.mail.text).toMatch(/^Approved: UPDATE on shop/);
});
