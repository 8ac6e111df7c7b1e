import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { checkpointText } from '../ledger/checkpoint.ts';
import { Ledger } from '../ledger/ledger.ts';
import { EMPTY_ROOT } from '../ledger/merkle-tree.ts';
import { formatVkey, noteKey, signNote } from '../ledger/signed-note.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { entryLine } from './ledger-text.ts';

let directory: string;
let ledgerDirectory: string;
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
  config = join(directory, 'sluice.yaml');
  writeFileSync(config, 'version: 1\n');
  const ledger = await Ledger.open({ directory: ledgerDirectory, version: '1' });
  for (let i = 1; i <= 30; i++) ledger.append(statement(i % 2 === 0 ? 'EVEN' : 'ODD', i, `SELECT ${i}`));
  ledger.append({ kind: 'token-revoked', token: 'abc' });
  await ledger.close();
  await publishLedger(ledgerDirectory);
});
afterEach(() => rmSync(directory, { recursive: true }));

const ledger = (...args: string[]) => runInProcess(['ledger', ...args, '--config', config]);
const texts = (stdout: string) => stdout.trimEnd().split('\n');

describe('ledger show', () => {
  it('shows the last entries, oldest first', async () => {
    const lines = texts((await ledger('show')).stdout);
    expect(lines).toHaveLength(20);
    expect(lines.at(-1)).toMatch(/^ {6}61 {2}20\d\d-\d\d-\d\d \d\d:\d\d:\d\d {2}token-revoked {4}abc$/);
    expect(lines.at(-2)).toContain(
      'statement        EVEN #30 allow by p1: SELECT 30 -- masking public.t.c:email',
    );
  });

  it.each<[string[], (number | string)[]]>([
    [
      ['--limit', '2'],
      [60, 61],
    ],
    [
      ['--from', '3', '--limit', '2'],
      [4, 6],
    ],
    [
      ['--session', 'ODD', '--limit', '2'],
      [54, 58],
    ],
    [
      ['--session', 'ODD', '--from', '0', '--limit', '2'],
      [2, 6],
    ],
    [['--kind', 'token-revoked'], [61]],
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
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(
      /^log {8}sluice\.invalid\/[\s\S]*verified {3}62 entries[\s\S]*The ledger verifies\.\n$/,
    );
    const { vkey } = JSON.parse((await ledger('verify', '--json')).stdout);
    for (const key of [vkey, join(ledgerDirectory, 'vkey')]) {
      const copy = await runInProcess(['ledger', 'verify', '--directory', ledgerDirectory, '--vkey', key]);
      expect(copy.exitCode).toBe(0);
    }
  });

  it('says where one was changed', async () => {
    const path = join(ledgerDirectory, 'tile/entries/000.p/62');
    writeFileSync(path, readFileSync(path, 'latin1').replace('SELECT 7"', 'SELECT 8"'), 'latin1');
    const run = await ledger('verify');
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain('The ledger does NOT verify from entry 13 on.');
    expect(run.stdout).toMatch(
      /fault {6}tile\/entries\/000\.p\/62, byte \d+: the entry is not the one that was signed/,
    );
    expect(JSON.parse((await ledger('verify', '--json')).stdout)).toMatchObject({
      ok: false,
      fault: { seq: 13 },
    });
  });

  it('says what no checkpoint covers', async () => {
    const more = await Ledger.open({ directory: ledgerDirectory });
    more.append({ kind: 'token-revoked', token: 'x' });
    await more.close();
    const run = await ledger('verify');
    expect(run.stdout).toContain('pending    1 entries that no checkpoint covers yet');
    expect(run.exitCode).toBe(0);
  });

  it('holds the log against an earlier checkpoint, and goes on where it stopped', async () => {
    const earlier = join(directory, 'noted');
    writeFileSync(earlier, readFileSync(join(ledgerDirectory, 'checkpoint')));
    const state = join(directory, 'state');
    expect((await ledger('verify', '--state', state, '--earlier', earlier)).exitCode).toBe(0);
    const again = JSON.parse((await ledger('verify', '--state', state, '--json')).stdout);
    expect(again).toMatchObject({ ok: true, entries: 0, checkpoint: { size: 62 } });
    expect(JSON.parse((await ledger('verify', '--from', '60', '--json')).stdout)).toMatchObject({
      entries: 2,
    });
    writeFileSync(state, 'nonsense');
    expect((await ledger('verify', '--state', state)).exitCode).toBe(1);
    expect((await ledger('verify', '--earlier', state)).exitCode).toBe(1);
  });

  it('shows what a hostile log says of itself, and no more', async () => {
    const hostile = join(directory, 'hostile');
    mkdirSync(hostile);
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const [key, trap] = ['evil.example', 'x\u001b[2J\u009b1m\u202e'].map((name) =>
      noteKey(name, 'log', publicKey),
    );
    const text = checkpointText({ origin: 'x\u009b2J\u202e', size: 0, root: EMPTY_ROOT });
    const proof = join(hostile, 'proof');
    writeFileSync(join(hostile, 'checkpoint'), signNote(text, key!, privateKey));
    const entry = Buffer.from('{"entry":"{}"}').toString('base64');
    writeFileSync(
      proof,
      `c2sp.org/tlog-proof@v1\nextra ${entry}\nindex 0\n\n${signNote(text, key!, privateKey)}`,
    );
    for (const vkey of [key!, trap!]) {
      writeFileSync(join(hostile, 'vkey'), formatVkey(vkey));
      const verified = await runInProcess(['ledger', 'verify', '--directory', hostile]);
      expect(verified.exitCode).toBe(1);
      expect(verified.stdout + verified.stderr).not.toMatch(/[\u001b\u009b\u202e]/);
    }
    const checked = await runInProcess(['ledger', 'verify-proof', proof, '--vkey', formatVkey(key!)]);
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toContain('NOT proven: ');
    expect(checked.stdout).toContain('x\\x9b2J\\u{202e}');
    expect(checked.stdout + checked.stderr).not.toMatch(/[\u001b\u009b\u202e]/);
  });

  it('says that there is none', async () => {
    const run = await runInProcess(['ledger', 'verify', '--directory', join(directory, 'none')]);
    expect(run).toMatchObject({ exitCode: 1 });
    expect(run.stderr).toContain('there is no ledger in');
  });
});

describe('an entry in a line', () => {
  const events: [LedgerEvent, string][] = [
    [{ kind: 'log-opened', schema: 1, version: '1' }, 'by version 1'],
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
      {
        ...{ kind: 'policy-loaded', version: 'v', files: ['a'], door: 'admin-socket', by: 'root' },
        changes: [{ id: 'p', file: 'a', after: 'permit …;' }],
      },
      'version v from 1 files, 1 changes, at admin-socket by root',
    ],
    [
      { kind: 'config-loaded', version: 'v', door: 'signal', changes: [], pending: ['workers'] },
      'version v, 0 changes, at signal -- after the next start: workers',
    ],
    [
      {
        ...{ kind: 'authentication-failed', user: '', database: '', client: '::1', code: 'unauthorized' },
        ...{ door: 'http', attempts: 9 },
      },
      'at http from ::1: unauthorized, 9 times',
    ],
    [
      {
        ...{ kind: 'authenticated', door: 'http', client: '::1', principal: 'bot', onBehalfOf: ['bob'] },
      },
      'bot for bob at http from ::1',
    ],
    [
      { kind: 'authenticated', door: 'admin-socket', client: 'local', by: 'root' },
      'root at admin-socket from local',
    ],
    [
      { kind: 'token-issued', token: 'T', principal: 'alice', onBehalfOf: [], expiresAt: 0 },
      'T for alice until 1970-01-01 00:00:00',
    ],
    [{ kind: 'token-revoked', token: 'T' }, 'T'],
  ];

  it.each(events)('tells %j', (event, text) => {
    const kind = event.kind.padEnd(15);
    expect(entryLine({ id: '0.5', lane: 0, seq: 5, at: 0, event })).toBe(
      `       5  1970-01-01 00:00:00  ${kind}  ${text}`,
    );
  });

  it('is cut to the width of a terminal', () => {
    const line = entryLine(
      { id: '0.5', lane: 0, seq: 5, at: 0, event: statement('S', 1, `SELECT '${'x'.repeat(5000)}'`) },
      100,
    );
    expect(line).toHaveLength(100);
    expect(line.endsWith('…')).toBe(true);
  });
});
