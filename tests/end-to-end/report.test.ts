/** `sluice report` on the ledger of a real gate: each number is one that the test knows, because it did it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Evidence } from '../../src/report/evidence.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { runInProcess } from '../support/sluice-cli.ts';

const HOSTILE = `</code><script>alert('x')</script><img src=x onerror=alert(1)>`;
/** With what turns the direction of writing. */
const TURNING = `${HOSTILE}\u202egpj.exe\u202c`;
const SEES_PLANS = `@id("analysts-see-emails")
permit (principal in Group::"support", action == Action::"Unmask", resource) when { resource.label == "email" };`;

let gate: Gate;
let directory: string;
let evidence: Evidence;
let page: string;
let request: string;
const from = new Date(Date.now() - 60_000).toISOString();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-report-'));
  gate = await startGate({
    files: { 'more.cedar': SEES_PLANS },
    yaml: `policies: { files: [./more.cedar] }
ledger: { anchors: { directory: ./anchors }, anchorInterval: 1s }`,
  });
  const bob = await gate.client('bob');
  await bob.query('SELECT id, email FROM customers LIMIT 7');
  await bob.query('SELECT id, email, phone FROM customers LIMIT 5');
  await bob.query('SELECT salary FROM employees LIMIT 3');
  const bot = await gate.client('report-bot', { onBehalfOf: ['bob'], options: '-c sluice.on_hold=fail' });
  await bot.query('SELECT email FROM customers LIMIT 11');
  for (let n = 0; n < 2; n += 1) await expect(bot.query(`DROP TABLE orders -- ${TURNING}`)).rejects.toThrow();
  await expect(bot.query('SELEKT 1')).rejects.toThrow();
  const held = `UPDATE orders SET status = 'sent' WHERE id = 7`;
  await expect(bot.query(held)).rejects.toMatchObject({ code: 'SL002' });
  const asked = await gate.api('alice', 'GET', '/v1/approvals?limit=1');
  request = (asked.body.approvals as { id: string }[])[0]!.id;
  await gate.api('alice', 'POST', `/v1/approvals/${request}/approve`, { reason: HOSTILE });
  await bot.query(held);
  await gate.gateway.reloadPolicies({ door: 'signal' });
  await expect(
    gate.client('bob', { password: `slc_${'a'.repeat(20)}_${'b'.repeat(40)}`, user: TURNING }),
  ).rejects.toThrow();
  await bob.end();
  await bot.end();
  // What was read is recorded when the sessions are closed.
  const ended = async () =>
    (await gate.entries()).filter(({ event }) => event.kind === 'session-closed').length;
  await vi.waitFor(async () => expect(await ended()).toBe(2), { timeout: 20_000, interval: 50 });
  await vi.waitFor(() => expect(readdirSync(join(gate.dataDir, '../anchors')).length).toBeGreaterThan(0), {
    timeout: 20_000,
    interval: 50,
  });
  // Reports end with the last whole second.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await report('--framework', 'pci', '--anchors', join(gate.dataDir, '../anchors'));
  [evidence, page] = read('evidence-pci');
});
afterAll(async () => {
  await gate.stop();
  rmSync(directory, { recursive: true });
});

const report = (...more: string[]) =>
  runInProcess([
    'report',
    '--directory',
    join(gate.dataDir, 'ledger'),
    '--from',
    from,
    '--out',
    directory,
    ...more,
  ]);

function read(prefix: string): [Evidence, string] {
  const [first, last] = [from.slice(0, 10), new Date().toISOString().slice(0, 10)];
  const path = join(directory, `${prefix}-${first}-${last}`);
  return [JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Evidence, readFileSync(`${path}.html`, 'utf8')];
}
const summary = () => Object.fromEntries(evidence.summary.map(({ label, value }) => [label, value]));

describe('the numbers', () => {
  test('are those of what was done', () => {
    expect(summary()).toMatchObject({
      statements: 9,
      denied: 3,
      'held for approval': 1,
      'failed log-ins': 1,
      'statements without an outcome': 0,
    });
    expect(evidence.entries.count).toBeGreaterThan(20);
  });

  test('say who had access, to what, and by which policies', () => {
    expect(evidence.access.rows).toMatchObject([
      {
        ...{ principal: 'bob', kind: 'Human', onBehalfOf: [], databases: ['shop'] },
        ...{ sessions: { value: 1 }, statements: { value: 3 } },
      },
      {
        ...{ principal: 'report-bot', kind: 'Agent', onBehalfOf: ['bob'], databases: ['shop'] },
        ...{ sessions: { value: 1 }, statements: { value: 6 } },
      },
    ]);
    for (const { policies } of evidence.access.rows) expect(policies.length).toBeGreaterThan(0);
  });

  test('count rows of personal data by label, masked and as they are', () => {
    const rows = Object.fromEntries(
      evidence.labels.map(({ label, maskedRows, unmaskedRows }) => [label, [maskedRows, unmaskedRows]]),
    );
    expect(rows).toEqual({ email: [11, 12], phone: [5, 0], salary: [3, 0] });
    const email = evidence.labels.find(({ label }) => label === 'email')!;
    expect(email).toMatchObject({ maskedStatements: { value: 1 }, unmaskedStatements: { value: 2 } });
    expect(email.readers.rows).toMatchObject([{ principal: 'bob', rows: 12, statements: { value: 2 } }]);
  });

  test('tell the approval with who asked, who answered, and that they differ', () => {
    expect(evidence.approvals).toMatchObject({ total: 1, selfApproved: 0, automatic: 0 });
    expect(evidence.approvals.byState).toEqual([{ label: 'used', value: 1 }]);
    expect(evidence.approvals.rows[0]).toMatchObject({
      ...{ request, askedBy: 'report-bot for bob', database: 'shop', state: 'used', isSelfApproved: false },
      answers: [{ by: 'alice', verdict: 'approve', isAutomatic: false }],
    });
  });

  test('tell denials by policy, and what was privileged', () => {
    expect(evidence.denials.byPolicy).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ policy: 'agent-drop', principals: ['report-bot'] }),
        expect.objectContaining({ policy: 'sluice:syntax_error' }),
      ]),
    );
    expect(evidence.privileged.byAction).toMatchObject([{ label: 'Drop', value: 2 }]);
  });

  test('are those that the search counts', { timeout: 120_000 }, async () => {
    const { summary: all, access, privileged, denials, labels } = evidence;
    const figures = [
      ...all,
      ...access.rows.flatMap(({ sessions, statements }) => [sessions, statements]),
      ...privileged.byAction,
      ...denials.byPolicy.map(({ statements }) => statements),
      ...labels.flatMap((row) => [row.maskedStatements, row.unmaskedStatements]),
      ...labels.flatMap((row) => row.readers.rows.map(({ statements }) => statements)),
      ...[evidence.changes, evidence.credentials, evidence.logins, evidence.auditAccess].map(
        ({ total, filter }) => ({ label: 'list', value: total, filter }),
      ),
    ].filter(({ filter }) => filter !== undefined);
    expect(figures.length).toBeGreaterThan(25);
    const counted = async (filter: string) => {
      const { body } = await gate.admin(
        'GET',
        `/admin/search?${new URLSearchParams({ q: filter, count: 'true', limit: '1' })}`,
      );
      return (body as { count: number }).count;
    };
    // The index is a moment behind the log.
    await vi.waitFor(async () => expect(await counted('kind:session-closed')).toBe(2), {
      timeout: 60_000,
      interval: 200,
    });
    for (const { label, value, filter } of figures)
      expect([label, filter, await counted(filter!)]).toEqual([label, filter, value]);
  });

  test('name entries that can be proven', async () => {
    const { seq } = evidence.approvals.rows[0]!.answers[0]!;
    const proof = await runInProcess([
      'ledger',
      'prove',
      String(seq),
      '--directory',
      join(gate.dataDir, 'ledger'),
    ]);
    expect(proof.exitCode).toBe(0);
    writeFileSync(join(directory, 'proof'), proof.stdout);
    const verified = await runInProcess([
      'ledger',
      'verify-proof',
      join(directory, 'proof'),
      '--vkey',
      evidence.log.vkey!,
    ]);
    expect([verified.exitCode, verified.stdout]).toEqual([0, expect.stringContaining(request)]);
  });

  test('of another period or database are none', async () => {
    await report('--to', from, '--from', '2020-01-01T00:00Z', '--no-verify');
    await report('--database', 'other', '--no-verify');
    const [other] = read('evidence-other');
    expect(other.access.rows).toEqual([]);
    expect(other.labels).toEqual([]);
    expect(other.log).toEqual({});
    expect(other.changes.total).toBe(evidence.changes.total);
  });
});

describe('the page', () => {
  test('is verified, private, and needs nothing else', () => {
    expect(evidence.log.verified).toMatchObject({ ok: true });
    expect(page).toContain('all as they were signed');
    expect(page).toMatch(
      /http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;sha256-/,
    );
    expect(page).not.toMatch(/\b(src|href)="(?!#)/);
    const path = join(
      directory,
      `evidence-pci-${from.slice(0, 10)}-${new Date().toISOString().slice(0, 10)}.html`,
    );
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  test('shows what is hostile as text', () => {
    expect(page).not.toMatch(/<script|<img/i);
    expect(page).toContain('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;');
    expect(page).toContain('\\u{202e}gpj.exe');
    expect(page).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });

  test('shows no value that the ledger seals', () => {
    expect(page).not.toMatch(/person\d+@secret\.example/);
  });

  test('names the controls of the framework', () => {
    expect(page).toContain('PCI DSS');
    expect(page).toContain('10.2.1.2');
  });
});

describe('the command', () => {
  test.each([
    [['--from', 'yesterday'], 'Write a day or a time'],
    [['--from', '2026-02-01', '--to', '2026-01-01'], 'the period ends before it begins'],
    [['--from', '2026-01-01', '--framework', 'iso9001'], 'Allowed choices are soc2'],
  ])('refuses %j', async (args, problem) => {
    const run = await runInProcess(['report', '--directory', join(gate.dataDir, 'ledger'), ...args]);
    expect(run.exitCode).not.toBe(0);
    expect(run.stderr).toContain(problem);
  });

  test('holds checkpoints that were kept elsewhere against the log', async () => {
    expect(evidence.log.anchors).toMatchObject({ unfit: 0 });
    expect(evidence.log.anchors!.kept).toBeGreaterThan(0);
    expect(page).toContain('checkpoints, all of this log');
    const forged = join(directory, 'forged');
    cpSync(join(gate.dataDir, '../anchors'), forged, { recursive: true });
    const name = readdirSync(forged).sort()[0]!;
    const text = readFileSync(join(forged, name), 'utf8');
    writeFileSync(join(forged, name), text.replace(/^\d+$/m, '9'));
    const run = await report('--anchors', forged);
    expect([run.exitCode, run.stderr]).toEqual([1, expect.stringContaining('does not fit it')]);
    const [other] = read('evidence');
    expect(other.log.anchors!.unfit).toBe(1);
    expect(other.gaps.rows[0]!.what).toContain('not signed by the key');
  });

  test('says which second places of the configuration it could not read', async () => {
    const config = join(directory, 'other.yaml');
    writeFileSync(
      config,
      `version: 1
dataDir: ${gate.dataDir}
ledger:
  anchors:
    directory: ./nowhere
    storage: { endpoint: 'http://127.0.0.1:1', bucket: audit, accessKeyId: a, secretAccessKey: { env: S3_SECRET_OF_NOBODY } }
`,
    );
    const run = await runInProcess(['report', '--config', config, '--from', from, '--out', directory]);
    expect([run.exitCode, run.stderr]).toEqual([
      0,
      expect.stringMatching(/nowhere were not looked at: .*\n.*s3:\/\/audit\/ were not looked at: /),
    ]);
    const [other, text] = read('evidence');
    expect(other.log.anchors).toMatchObject({
      kept: 0,
      unread: [/nowhere: /, /^s3:\/\/audit\/: /].map((one) => expect.stringMatching(one)),
    });
    expect(text).toContain('not read: s3://audit/');
    // What was named must be readable.
    const named = await report('--anchors', join(directory, 'nowhere'));
    expect([named.exitCode, named.stderr]).toEqual([
      1,
      expect.stringContaining('cannot read the checkpoints'),
    ]);
  });

  test('says so if the log is not the one that the key is of', async () => {
    const other = 'other+12345678+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB';
    const run = await report('--vkey', other);
    expect(run.exitCode).toBe(1);
  });
});
