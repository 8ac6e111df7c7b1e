import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { entryLine } from './ledger-text.ts';

let directory: string;
let ledgerDirectory: string;
let laneDirectory: string;
let config: string;

const statement = (session: string, number: number, text: string): LedgerEvent => ({
  kind: 'statement',
  session,
  statement: number,
  text,
  command: 'SELECT',
  actions: ['Read'],
  relations: [],
  decision: 'allow',
  policies: ['p1'],
  policyVersion: 'v',
  masked: ['public.t.c:email'],
});

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-ledger-'));
  ledgerDirectory = join(directory, '.sluice', 'ledger');
  laneDirectory = join(ledgerDirectory, 'lanes', '0');
  config = join(directory, 'sluice.yaml');
  writeFileSync(config, 'version: 1\n');
  const ledger = await Ledger.open({ directory: ledgerDirectory, version: '1' });
  for (let i = 1; i <= 30; i++) ledger.append(statement(i % 2 === 0 ? 'EVEN' : 'ODD', i, `SELECT ${i}`));
  ledger.append({ kind: 'token-revoked', token: 'abc' });
  await ledger.close();
});
afterEach(() => rmSync(directory, { recursive: true }));

const ledger = (...args: string[]) => runInProcess(['ledger', ...args, '--config', config]);
const texts = (stdout: string) => stdout.trimEnd().split('\n');

describe('ledger show', () => {
  it('shows the last entries, oldest first', async () => {
    const lines = texts((await ledger('show')).stdout);
    expect(lines).toHaveLength(20);
    expect(lines.at(-1)).toMatch(/^ {6}31 {2}20\d\d-\d\d-\d\d \d\d:\d\d:\d\d {2}token-revoked {4}abc$/);
    expect(lines.at(-2)).toContain(
      'statement        EVEN #30 allow by p1: SELECT 30 -- masking public.t.c:email',
    );
  });

  it.each<[string[], (number | string)[]]>([
    [
      ['--limit', '2'],
      [30, 31],
    ],
    [
      ['--from', '3', '--limit', '2'],
      [3, 4],
    ],
    [
      ['--session', 'ODD', '--limit', '2'],
      [27, 29],
    ],
    [
      ['--session', 'ODD', '--from', '0', '--limit', '2'],
      [1, 3],
    ],
    [['--kind', 'token-revoked'], [31]],
    [['--kind', 'nothing'], []],
    [['--limit', '0'], []],
  ])('%j shows %j', async (args, seqs) => {
    const { stdout } = await ledger('show', '--json', ...args);
    expect(stdout === '' ? [] : texts(stdout).map((line) => JSON.parse(line).seq)).toEqual(seqs);
  });

  it.each(['x', '-1', '1.5'])('refuses the number %s', async (number) => {
    expect((await ledger('show', '--from', number)).exitCode).toBe(2);
  });
});

describe('ledger verify', () => {
  it('accepts a whole ledger, and a copy with the key kept elsewhere', async () => {
    const run = await ledger('verify');
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/entries {2}32 in 1 files[\s\S]*The ledger verifies\.\n$/);
    const { log } = JSON.parse((await ledger('verify', '--json')).stdout);
    const key = join(ledgerDirectory, 'key.pub.pem');
    const copy = await runInProcess([
      'ledger',
      'verify',
      '--directory',
      ledgerDirectory,
      '--public-key',
      key,
      '--log',
      log,
    ]);
    expect(copy.exitCode).toBe(0);
  });

  it('says where one was changed', async () => {
    const segment = readdirSync(laneDirectory).find((name) =>
      readFileSync(join(laneDirectory, name), 'latin1').includes('SELECT 7"'),
    )!;
    const path = join(laneDirectory, segment);
    writeFileSync(path, readFileSync(path, 'latin1').replace('SELECT 7"', 'SELECT 8"'), 'latin1');
    const run = await ledger('verify');
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain('The ledger does NOT verify from entry 7 on.');
    expect(JSON.parse((await ledger('verify', '--json')).stdout)).toMatchObject({
      ok: false,
      fault: { seq: 7 },
    });
  });

  it('tells a torn end from a broken chain', async () => {
    const segment = readdirSync(laneDirectory).find((name) =>
      readFileSync(join(laneDirectory, name), 'latin1').includes('SELECT 7"'),
    )!;
    appendFileSync(join(laneDirectory, segment), 'half a li');
    const run = await ledger('verify');
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain('torn     9 bytes at the end');
  });

  it('refuses another ledger', async () => {
    expect((await ledger('verify', '--log', 'other')).exitCode).toBe(1);
  });

  it('says that there is none', async () => {
    const run = await runInProcess(['ledger', 'verify', '--directory', join(directory, 'none')]);
    expect(run).toMatchObject({ exitCode: 1 });
    expect(run.stderr).toContain('there is no ledger in');
  });
});

describe('an entry in a line', () => {
  const events: [LedgerEvent, string][] = [
    [{ kind: 'log-opened', log: 'L', version: '1' }, 'L by version 1'],
    [
      {
        kind: 'session-opened',
        session: 'S',
        principal: 'bot',
        principalKind: 'Agent',
        onBehalfOf: ['bob'],
        purpose: 'why',
        database: 'shop',
        environment: 'prod',
        client: '1.2.3.4:5',
        application: '',
        tls: true,
      },
      'S bot for bob to shop (prod) from 1.2.3.4:5: why',
    ],
    [
      { kind: 'session-closed', session: 'S', reason: 'client left', statements: 3 },
      'S after 3 statements: client left',
    ],
    [
      { kind: 'authentication-failed', user: 'x\x1b[0m', database: 'shop', client: '1.2.3.4:5', code: 'c' },
      'x\\x1b[0m to shop from 1.2.3.4:5: c',
    ],
    [
      { kind: 'outcome', session: 'S', statement: 2, tag: 'SELECT 3', rows: 3, bytes: 9, durationUs: 1234 },
      'S #2 SELECT 3 3 rows, 9 bytes, 1.2 ms',
    ],
    [
      { kind: 'outcome', session: 'S', statement: 2, sqlstate: '42P01', rows: 0, bytes: 0, durationUs: 40 },
      'S #2 error 42P01 0 rows, 0 bytes, 0 ms',
    ],
    [
      { kind: 'approval', request: 'apr_1', step: 'denied', by: 'alice', reason: 'no' },
      'apr_1 denied by alice: no',
    ],
    [{ kind: 'policy-loaded', version: 'v', files: ['a', 'b'] }, 'version v from 2 files'],
    [{ kind: 'policy-rejected', files: [], error: 'a:1: bad' }, 'a:1: bad'],
    [
      { kind: 'token-issued', token: 'T', principal: 'alice', onBehalfOf: [], expiresAt: 0 },
      'T for alice until 1970-01-01 00:00:00',
    ],
    [{ kind: 'token-revoked', token: 'T' }, 'T'],
  ];

  it.each(events)('tells %j', (event, text) => {
    const kind = event.kind.padEnd(15);
    expect(entryLine({ lane: 0, seq: 5, at: 0, event })).toBe(
      `       5  1970-01-01 00:00:00  ${kind}  ${text}`,
    );
  });

  it('is cut to the width of a terminal', () => {
    const line = entryLine(
      { lane: 0, seq: 5, at: 0, event: statement('S', 1, `SELECT '${'x'.repeat(5000)}'`) },
      100,
    );
    expect(line).toHaveLength(100);
    expect(line.endsWith('…')).toBe(true);
  });
});
