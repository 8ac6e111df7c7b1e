import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

const KEY = 'a key of the test, long enough';

let directory: string;
let server: Server;
let gate: Gate;
const received: { headers: IncomingMessage['headers']; body: string }[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-webhook-'));
  writeFileSync(join(directory, 'key'), KEY, { mode: 0o600 });
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    received.push({ headers: request.headers, body });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  gate = await startGate({
    yaml: `approvals: { webhooks: [{ url: "${url}", name: ops, secret: { file: ${join(directory, 'key')} } }] }`,
  });
});
afterAll(async () => {
  await gate.stop();
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

test('a held statement is told, signed, and so is that it was taken back by whom it was asked for', async () => {
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
  const result = bot.query(`UPDATE orders SET status = 'hidden-value' WHERE id = 7`);
  result.catch(() => undefined);
  await expect.poll(() => received.length, { timeout: 20_000 }).toBe(1);
  const { headers, body } = received[0]!;
  const { type, data } = JSON.parse(body);
  expect(type).toBe('approval.requested');
  expect(data).toMatchObject({ state: 'pending', principal: 'report-bot', onBehalfOf: ['bob'] });
  expect(body).not.toContain('hidden-value');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`,
  );

  const withdrawn = await gate.api('bob', 'POST', `/v1/approvals/${data.request}/cancel`, {});
  expect(withdrawn).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  await expect(result).rejects.toMatchObject({ code: '57014' });
  await expect.poll(() => received.length, { timeout: 20_000 }).toBe(2);
  expect(JSON.parse(received[1]!.body)).toMatchObject({
    type: 'approval.cancelled',
    data: { request: data.request, revision: 1 },
  });
  const metrics = async () => (await fetch(`${gate.httpUrl}/metrics`)).text();
  await expect
    .poll(metrics, { timeout: 20_000 })
    .toContain('sluice_notifications_total{receiver="ops",result="delivered"} 2');
  expect(await metrics()).toContain('sluice_notifications_waiting{receiver="ops"} 0');
});
