/** A gateway that hands its ledger on: what arrives, what a dead receiver does to statements (nothing), what the metrics say. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

const PATIENCE = { timeout: 40_000, interval: 50 };
const SECRET = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz';

let gate: Gate | undefined;
let server: Server | undefined;
afterEach(async () => {
  await gate?.stop();
  server?.closeAllConnections();
  server?.close();
});

it('reaches a file and a webhook while another receiver is dead, and seals what is sealed', {
  timeout: 90_000,
}, async () => {
  let answer = 503;
  const bodies: string[] = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (answer === 200) bodies.push(body);
    response.writeHead(answer).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  gate = await startGate({
    files: { secret: SECRET },
    yaml: `exports:
  - { name: lines, file: { path: out/ledger.jsonl } }
  - { name: events, format: ocsf, databases: [shop], file: { path: out/ocsf.jsonl } }
  - { name: hook, kinds: [statement, outcome], webhook: { url: 'http://127.0.0.1:${port}/', secret: { file: secret } } }
  - { name: dead, syslog: { host: 127.0.0.1, port: 1 } }
`,
  });
  const directory = join(gate.dataDir, '..');
  const client = await gate.client('bob');
  const started = performance.now();
  await client.query("SELECT plan FROM customers WHERE email = 'x@secret.example'");
  expect(performance.now() - started).toBeLessThan(10_000);
  const metrics = async () => (await fetch(`${gate?.httpUrl}/metrics`)).text();
  await vi.waitFor(async () => {
    expect(await metrics()).toMatch(/sluice_export_healthy\{export="dead"\} 0/);
    expect(await metrics()).toMatch(/sluice_export_failures_total\{export="hook"\} [1-9]/);
    expect(await metrics()).toMatch(/sluice_export_lag_entries\{export="lines"\} 0/);
  }, PATIENCE);
  const ready = await (await fetch(`${gate.httpUrl}/readyz`)).json();
  expect(ready).toMatchObject({ ready: true, warnings: [{ check: 'exports' }] });
  await client.query('SELECT count(*) FROM orders');
  await client.end();

  const lines = (name: string) =>
    existsSync(join(directory, 'out', name))
      ? readFileSync(join(directory, 'out', name), 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
  await vi.waitFor(
    () => expect(lines('ledger.jsonl').map(({ kind }) => kind)).toContain('session-closed'),
    PATIENCE,
  );
  const statement = lines('ledger.jsonl').find(({ kind }) => kind === 'statement');
  expect(statement).toMatchObject({
    ...{ decision: 'allow', context: { principal: 'bob', database: 'shop' } },
    text: 'SELECT plan FROM customers WHERE email = ‹sealed›',
    sealed: expect.any(String),
  });
  expect(JSON.stringify(lines('ledger.jsonl'))).not.toContain('x@secret.example');
  // Each export goes its own pace.
  const activities = () => lines('ocsf.jsonl').filter(({ class_uid }) => class_uid === 6005);
  await vi.waitFor(() => expect(activities().length).toBeGreaterThanOrEqual(4), PATIENCE);

  answer = 200;
  await vi.waitFor(() => expect(bodies.join()).toContain('count(*) FROM orders'), PATIENCE);
  await vi.waitFor(
    async () => expect(await metrics()).toMatch(/sluice_export_healthy\{export="hook"\} 1/),
    PATIENCE,
  );
});
