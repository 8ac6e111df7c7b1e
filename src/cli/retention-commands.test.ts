import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asked, opened, outcome } from '../../tests/support/exported-ledger.ts';
import { createDatabase } from '../../tests/support/postgres.ts';
import { publishLedger } from '../../tests/support/published-ledger.ts';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { Ledger } from '../ledger/ledger.ts';
import { logName } from '../search/log-name.ts';
import { postgresPlace } from '../search/postgres-place.ts';

const DAY = 86_400_000;

let directory: string;
let config: string;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-retention-'));
  config = join(directory, 'sluice.yaml');
  writeFileSync(
    config,
    'version: 1\nledger: { retention: { rules: [{ keep: 90d, kinds: [statement, outcome] }] } }\n',
  );
  const old = Date.now() - 100 * DAY;
  const ledger = await Ledger.open({
    directory: join(directory, '.sluice', 'ledger'),
    version: '1',
    now: () => old,
  });
  ledger.append(opened('S'));
  for (let number = 1; number <= 200; number++) {
    ledger.append(asked('S', number));
    ledger.append(outcome('S', number));
  }
  await ledger.close();
  await publishLedger(join(directory, '.sluice', 'ledger'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const ledger = (...args: string[]) => runInProcess(['ledger', ...args, '--config', config]);

describe('ledger prune', () => {
  it('forgets in the database of the index what is gone, without a gateway', async () => {
    const database = await createDatabase('pruned');
    try {
      const { host, port, user, password, database: name } = database.connection;
      writeFileSync(join(directory, 'secret'), password, { mode: 0o600 });
      appendFileSync(
        config,
        `index: { postgres: { host: ${host}, port: ${port}, database: ${name}, user: ${user}, password: { file: secret } } }\n`,
      );
      const place = postgresPlace({
        ...{ host, port, user, password, database: name, schema: 'sluice_index', tls: { mode: 'disable' } },
      });
      const log = logName(join(directory, '.sluice', 'ledger'));
      const storage = await place.openToWrite(log);
      await storage.commit({
        ...{ next: 1, at: 1, tip: 'tip', terms: [{ id: 0, field: 'word', value: 'known' }] },
        ...{ forms: [], sessions: [], items: [], ends: [], amendments: [], pending: [], settled: [] },
      });
      await storage.close();
      // Until the server has seen that the writer is gone.
      const locks = `SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      await expect.poll(async () => (await database.query(locks)).rowCount).toBe(0);
      const pruned = await ledger('prune', '--json');
      expect([pruned.exitCode, pruned.stderr]).toEqual([0, '']);
      const { rows } = await database.query(
        'SELECT next, (SELECT count(*) FROM sluice_index.terms) AS terms FROM sluice_index.head',
      );
      expect(rows).toEqual([{ next: '0', terms: '0' }]);
    } finally {
      await database.drop();
    }
  });

  it('says what would go, takes it out, and what is left verifies', async () => {
    const dry = await ledger('prune', '--dry-run');
    expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
    expect(dry.stdout).toMatch(
      /^ +12[0-9] {2}(statement|outcome)\n[\s\S]*253 of 403 entries, \d+ bytes would go\.\n$/,
    );
    const index = join(directory, '.sluice', 'index', 'index.db');
    mkdirSync(join(directory, '.sluice', 'index'));
    writeFileSync(index, 'what was known of entries');
    expect(JSON.parse((await ledger('prune', '--json')).stdout)).toMatchObject({
      count: 253,
      of: 403,
      dryRun: false,
    });
    expect(existsSync(index)).toBe(false);
    const verified = await ledger('verify');
    expect(verified.stdout).toContain(
      'pruned     253 entries: their hashes are proven, their text is gone (3-255)',
    );
    expect(verified.stdout).toContain('The ledger verifies.');
    expect((await ledger('prune')).stdout).toContain('0 of 405 entries, 0 bytes are gone.');
    const proof = join(directory, 'proof');
    expect((await ledger('prove', '5', '--out', proof)).exitCode).toBe(0);
    const vkey = join(directory, '.sluice', 'ledger', 'vkey');
    const checked = await runInProcess(['ledger', 'verify-proof', proof, '--vkey', vkey]);
    expect(checked.stdout).toMatch(
      /Entry 5, of which only the hash is left \([0-9a-f]{64}\), is in the log\.\n$/,
    );
    writeFileSync(join(directory, 'copy'), '{"some":"thing"}');
    const other = await runInProcess([
      ...['ledger', 'verify-proof', proof, '--vkey', vkey, '--entry'],
      join(directory, 'copy'),
    ]);
    expect(other).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('the copy is not the entry'),
    });
  });

  it('wants rules', async () => {
    writeFileSync(config, 'version: 1\n');
    expect(await ledger('prune')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no rules') });
  });
});

describe('ledger hold', () => {
  it('keeps entries until it is released, and says so in the ledger', async () => {
    const placed = await ledger(
      'hold',
      'add',
      '--database',
      'shop',
      '--from',
      '2020-01-01',
      '--reason',
      'case 7',
    );
    const [, hold = ''] = /^(hold_[0-9a-f]{12}) is in force\.\n$/.exec(placed.stdout) ?? [];
    const listed = await ledger('hold', 'list');
    expect(listed.stdout).toMatch(new RegExp(`${hold} .* databases shop; from 2020-01-01 00:00:00 +case 7`));
    expect(JSON.parse((await ledger('hold', 'list', '--json')).stdout)).toMatchObject([
      { hold, databases: ['shop'] },
    ]);
    expect((await ledger('prune')).stdout).toBe(
      '1 holds are in force.\n0 of 405 entries, 0 bytes are gone.\n',
    );
    expect(await ledger('hold', 'release', 'hold_x', '--reason', 'r')).toMatchObject({ exitCode: 1 });
    expect((await ledger('hold', 'release', hold, '--reason', 'closed')).stdout).toBe(
      `${hold} is released.\n`,
    );
    expect((await ledger('hold', 'list')).stdout).toBe('');
    expect((await ledger('prune')).stdout).toContain('253 of ');
    const shown = await ledger('show', '--kind', 'hold-placed');
    expect(shown.stdout).toContain('"databases":["shop"]');
  });

  it.each([
    [['hold', 'add', '--reason', 'r'], 1],
    [['hold', 'add', '--database', 'shop'], 2],
    [['hold', 'add', '--database', 'shop', '--reason', 'r', '--from', 'yesterday'], 2],
  ])('refuses %j', async (args, exitCode) => {
    expect((await ledger(...args)).exitCode).toBe(exitCode);
  });
});
