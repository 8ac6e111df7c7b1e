/** examples/risk-analyst.mjs between a whole gate and a real server that speaks OpenAI's chat completions. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApprovalRequest } from '../../src/model/approval.ts';
import { type Gate, startGate } from '../support/gate.ts';

const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const SCRIPT = fileURLToPath(new URL('../../examples/risk-analyst.mjs', import.meta.url));
const POLICY = `
@id("analyst-first") @approval("groups=analysts,dba; expires=1h")
forbid (principal is Agent, action in [Action::"Update", Action::"Delete"], resource);
`;

interface Completion {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

let gate: Gate;
let bot: pg.Client;
let model: Server;
let analyst: ChildProcess;
let url: string;
let seen: Completion[];
let say: (asked: Completion) => { status?: number; content: string };

beforeAll(async () => {
  model = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Completion;
    seen.push(asked);
    const { status = 200, content } = say(asked);
    const isKnown = request.url === '/v1/chat/completions' && request.headers.authorization === 'Bearer k';
    response.writeHead(isKnown ? status : 404, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ object: 'chat.completion', choices: [{ message: { role: 'assistant', content } }] }),
    );
  });
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
  analyst = spawn(process.execPath, [SCRIPT], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...{ REVIEW_KEY: KEY, PORT: '0', OPENAI_MODEL: 'small', OPENAI_API_KEY: 'k' },
      OPENAI_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
    },
  });
  const [line] = (await once(createInterface({ input: analyst.stdout! }), 'line')) as [string];
  url = `http://${line.split(' ').at(-1)}/`;
  gate = await startGate({
    environment: 'dev',
    principals: { 'risk-analyst': { kind: 'service', groups: ['analysts'] } },
    files: { 'analyst.cedar': POLICY, key: KEY },
    groups: ['analysts'],
    yaml: `
policies: { files: [./analyst.cedar] }
approvals:
  reviewers:
    - { principal: risk-analyst, url: "${url}", secret: { file: ./key }, includeStatement: true }
`,
  });
  bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
});

beforeEach(() => {
  seen = [];
});

afterAll(async () => {
  await gate?.stop();
  analyst?.kill();
  model?.closeAllConnections();
  model?.close();
});

const verdict = (word: string, reason: string) => () => ({
  content: JSON.stringify({ verdict: word, reason }),
});

/** The request that a statement makes, as soon as the analyst has answered. */
async function reviewed(sql: string): Promise<{ request: ApprovalRequest; result: Promise<pg.QueryResult> }> {
  const told = new Promise<string>((resolve) => {
    bot.once('notice', ({ detail }) => resolve(JSON.parse(detail ?? '').request));
  });
  const result = bot.query(sql);
  result.catch(() => undefined);
  const id = await told;
  const shown = async () =>
    (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body as unknown as ApprovalRequest;
  await expect.poll(async () => (await shown()).votes.length, { timeout: 30_000 }).toBe(1);
  return { request: await shown(), result };
}

test('approves what the model finds harmless', async () => {
  say = verdict('approve', 'one row, reversible');
  const { request, result } = await reviewed("UPDATE orders SET status = 'paid' WHERE id = 1");
  expect((await result).rowCount).toBe(1);
  expect(request.votes).toMatchObject([
    { principal: 'risk-analyst', verdict: 'approve', automatic: true, reason: 'one row, reversible' },
  ]);
  expect(seen[0]).toMatchObject({ model: 'small', messages: [{ role: 'system' }, { role: 'user' }] });
  expect(JSON.parse(seen[0]?.messages[1]?.content ?? '')).toMatchObject({
    principal: 'report-bot',
    statement: "UPDATE orders SET status = 'paid' WHERE id = 1",
  });
});

test('denies what the model finds harmful, and the agent reads why', async () => {
  say = verdict('deny', 'changes money');
  const { result } = await reviewed('UPDATE orders SET cents = 0 WHERE id = 2');
  await expect(result).rejects.toMatchObject({
    code: 'SL003',
    message: expect.stringContaining('risk-analyst: changes money'),
  });
});

test.each([
  ['a hazard, whatever the model says', 'DELETE FROM orders', verdict('approve', 'fine')],
  [
    'an answer that is no verdict',
    'DELETE FROM orders WHERE id = 3',
    () => ({ content: 'Sure! I approve.' }),
  ],
  ['an endpoint that fails', 'DELETE FROM orders WHERE id = 4', () => ({ status: 500, content: '' })],
])('leaves %s to people', async (_what, sql, how) => {
  say = how;
  const { request, result } = await reviewed(sql);
  expect(request).toMatchObject({ state: 'pending', votes: [{ verdict: 'escalate' }] });
  await gate.api('alice', 'POST', `/v1/approvals/${request.id}/deny`, { reason: 'no' });
  await expect(result).rejects.toMatchObject({
    code: 'SL003',
    message: expect.stringContaining('by alice: no'),
  });
});

test('refuses questions that are not signed', async () => {
  const answer = await fetch(url, { method: 'POST', body: '{"data":{}}' });
  expect([answer.status, await answer.text()]).toEqual([401, '']);
  expect(seen).toEqual([]);
});
