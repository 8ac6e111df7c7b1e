import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { prepareDataDir } from '../identity/installation-secret.ts';
import { Ledger } from '../ledger/ledger.ts';
import { leafHash } from '../ledger/merkle-tree.ts';
import { readEntries } from '../ledger/read-entries.ts';
import { SealKeys } from '../ledger/seal-keys.ts';
import { openKeyWrapper } from '../ledger/wrapper-key-file.ts';
import type { AskedEvent } from '../model/ledger-entry.ts';

const SCRIPT = new URL('../../examples/verify-proof.mjs', import.meta.url).pathname;
let directory: string;
let ledgerDirectory: string;
let config: string;
let vkey: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-proof-'));
  const dataDir = join(directory, '.sluice');
  prepareDataDir(dataDir);
  ledgerDirectory = join(dataDir, 'ledger');
  config = join(directory, 'sluice.yaml');
  writeFileSync(config, 'version: 1\n');
  const wrapper = openKeyWrapper(dataDir, undefined, true)!;
  const sealer = await SealKeys.open({
    directory: ledgerDirectory,
    wrapper,
    scopes: [{ database: 'shop', subject: 'everyone' }],
  });
  const ledger = await Ledger.open({ directory: ledgerDirectory, sealer });
  const form = {
    text: ['SELECT * FROM customers WHERE email = ', ''],
    command: 'SELECT',
    actions: [],
    relations: [],
    decision: 'allow',
    policies: [],
    policyVersion: '',
  } as const;
  for (let statement = 1; statement <= 300; statement++) {
    const asked: AskedEvent = {
      ...{ kind: 'asked', session: 's', statement, form, literals: [`'customer ${statement}'`] },
      privacy: { database: 'shop', subjects: ['everyone'] },
    };
    ledger.append(asked);
  }
  ledger.append({
    kind: 'statement',
    session: 's',
    statement: 301,
    text: `SELECT '${'x'.repeat(100_000)}'`,
    command: '',
    actions: [],
    relations: [],
    decision: 'deny',
    policies: [],
    policyVersion: '',
  });
  await ledger.close();
  await publishLedger(ledgerDirectory);
  vkey = readFileSync(join(ledgerDirectory, 'vkey'), 'utf8').trim();
});
afterAll(() => rmSync(directory, { recursive: true }));

const run = (...args: string[]) => runInProcess(['ledger', ...args, '--config', config]);
const script = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });

describe('a proof', () => {
  it('is checked by a script that a reader can read', () => {
    const code = readFileSync(SCRIPT, 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/.*)?$/.test(line));
    expect(code.length).toBeLessThanOrEqual(60);
    expect(code.filter((line) => line.startsWith('import')).every((line) => line.includes("'node:"))).toBe(
      true,
    );
  });

  it.each(['0', '1', '2', '255', '301', '303', '0.150'])(
    'of entry %s holds, here and in a script of 60 lines',
    async (entry) => {
      const file = join(directory, `entry-${entry}.tlog-proof`);
      expect(await run('prove', entry, '--out', file)).toMatchObject({ exitCode: 0, stderr: '' });
      const checked = await runInProcess(['ledger', 'verify-proof', file, '--vkey', vkey, '--json']);
      const proven = JSON.parse(checked.stdout);
      expect(proven).toMatchObject({ ok: true, size: 304 });
      if (entry.includes('.')) expect(proven.entry).toContain(`"id":"${entry}"`);
      else expect(proven.index).toBe(Number(entry));
      const alone = script(vkey, file);
      expect(alone).toMatchObject({ status: 0, stderr: '' });
      expect(alone.stdout).toContain(`PROVEN: entry ${proven.index} of 304`);
      expect(alone.stdout).toContain(proven.entry);
    },
  );

  it('brings the form that the entry names, and the part it gave up', async () => {
    const statement = (await run('prove', '150')).stdout;
    writeFileSync(join(directory, 'form'), statement);
    const shown = await runInProcess(['ledger', 'verify-proof', join(directory, 'form'), '--vkey', vkey]);
    expect(shown.stdout).toContain('SELECT * FROM customers WHERE email = ');
    expect(shown.stdout).toContain('Entry 150 is in the log.');
    const large = (await run('prove', '302')).stdout;
    expect(large.length).toBeGreaterThan(100_000);
    writeFileSync(join(directory, 'large'), large);
    expect(
      (await runInProcess(['ledger', 'verify-proof', join(directory, 'large'), '--vkey', vkey])).exitCode,
    ).toBe(0);
  });

  it('does not hold if anything was changed, for both', async () => {
    const proof = (await run('prove', '100')).stdout;
    const lines = proof.split('\n');
    const extra = JSON.parse(Buffer.from(lines[1]!.slice(6), 'base64').toString());
    const withExtra = (changed: object) =>
      `extra ${Buffer.from(JSON.stringify({ ...extra, ...changed })).toString('base64')}`;
    const changes: [number, string][] = [
      [1, withExtra({ entry: extra.entry.replace('"statement":', '"statement":1') })],
      [1, withExtra({ form: extra.form.replace('email', 'phone') })],
      [1, withExtra({ part: '{}' })],
      [2, 'index 101'],
      [2, 'index 999'],
      [3, lines[4]!],
      ...lines.flatMap((line, at): [number, string][] =>
        /^\d+$/.test(line) ? [[at, String(Number(line) + 1)]] : [],
      ),
    ];
    const file = join(directory, 'changed');
    for (const [at, line] of changes) {
      writeFileSync(file, lines.with(at, line).join('\n'));
      expect((await runInProcess(['ledger', 'verify-proof', file, '--vkey', vkey])).exitCode).toBe(1);
      expect(script(vkey, file).status).toBe(1);
    }
    writeFileSync(file, proof);
    const other = vkey.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    expect((await runInProcess(['ledger', 'verify-proof', file, '--vkey', other])).exitCode).toBe(1);
    expect(script(other, file).status).toBe(1);
    writeFileSync(file, 'nonsense');
    expect((await runInProcess(['ledger', 'verify-proof', file, '--vkey', vkey])).exitCode).toBe(1);
    expect(script(vkey, file).status).toBe(1);
  });

  it('shows no other entry than the one it proves, whatever else the file holds, in both', async () => {
    const lines = (await run('prove', '100')).stdout.split('\n');
    const extra = JSON.parse(Buffer.from(lines[1]!.slice(6), 'base64').toString());
    const leaf = leafHash(Buffer.from(extra.entry)).toString('hex');
    const lie = '{"kind":"statement","text":"DROP TABLE customers"}';
    const extras: unknown[] = [
      { entry: lie, leaf },
      { entry: [lie], leaf },
      { entry: lie, leaf: [leaf] },
      { entry: null, leaf },
      { leaf: '' },
      { leaf, entry: { toString: lie } },
      { entry: lie },
      { entry: extra.entry, form: [extra.form] },
      { ...extra, part: { of: 1 } },
      null,
      'extra',
    ];
    const encoded = [
      ...extras.map((one) => JSON.stringify(one)),
      `{"entry":${JSON.stringify(lie)},"leaf":"${leaf}","__proto__":{"entry":1}}`,
      `{"entry":${JSON.stringify(extra.entry)},"entry":${JSON.stringify(lie)}}`,
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      `${'['.repeat(100_000)}\u009b2J`,
      '\u001b]0;title\u0007',
    ].map((json) => lines.with(1, `extra ${Buffer.from(json).toString('base64')}`));
    const places = [
      'index -1',
      'index 100.5',
      'index 1e2',
      'index 0x64',
      'index  100',
      'index 100\t',
      'index',
    ];
    for (const changed of [...encoded, ...places.map((place) => lines.with(2, place))]) {
      const file = join(directory, 'lie');
      writeFileSync(file, changed.join('\n'));
      const ours = await runInProcess(['ledger', 'verify-proof', file, '--vkey', vkey]);
      const alone = script(vkey, file);
      for (const said of [ours.stdout + ours.stderr, alone.stdout + alone.stderr]) {
        expect(said).not.toContain('DROP TABLE');
        expect(said).not.toMatch(/[^\P{C}\n]/u);
      }
      expect([ours.exitCode, alone.status]).toEqual([1, 1]);
    }
  });

  it.each(['999', '7.7', 'x'])('is not made of entry %s, which is not there', async (entry) => {
    expect((await run('prove', entry)).exitCode).toBe(1);
  });
});

describe('shred', () => {
  it('says what would go, then destroys it for good, and records both reading and destroying', async () => {
    const texts = async () => (await run('show', '--kind', 'statement', '--limit', '2', '--json')).stdout;
    expect(await texts()).toContain("'customer 300'");
    const dry = await run('shred', '--database', 'shop');
    expect(dry).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Nothing was destroyed') });
    expect(await texts()).toContain("'customer 300'");
    expect((await run('shred', '--database', 'other', '--yes')).exitCode).toBe(1);
    expect((await run('shred', '--database', 'shop', '--month', '1999-01', '--yes')).exitCode).toBe(1);
    expect((await run('shred', '--database', 'shop', '--reason', 'request 17', '--yes')).exitCode).toBe(0);
    expect(await texts()).not.toContain("'customer 300'");
    expect((await run('verify')).exitCode).toBe(0);
    const by = userInfo().username;
    const found = [];
    for await (const { event } of readEntries(ledgerDirectory)) {
      if (event.kind === 'audit-read' || event.kind === 'keys-destroyed') found.push(event);
    }
    expect(found).toMatchObject([
      { kind: 'audit-read', by, query: 'ledger show --limit 2 --kind statement' },
      { kind: 'audit-read', by },
      { kind: 'keys-destroyed', by, database: 'shop', subjects: ['everyone'], reason: 'request 17' },
    ]);
  });
});
