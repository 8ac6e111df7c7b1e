import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Config } from '../config/config.ts';
import { loadConfig, SYSTEM_DEPS } from '../config/load-config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { Ledger } from '../ledger/ledger.ts';
import { readEntries } from '../ledger/read-entries.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { ConfigRecord } from './config-record.ts';
import { RecordedState } from './recorded-state.ts';

const TEXT = `version: 1
principals: { bob: { kind: human } }
databases:
  shop: { engine: postgres, environment: prod, host: db, user: sluice, password: { env: DB_PASSWORD } }
`;
const PASSWORD = 'databases.shop.upstream.password';

let directory: string;
let ledger: Ledger;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-config-record-'));
  ledger = await Ledger.open({ directory: join(directory, 'ledger') });
});
afterEach(async () => {
  await ledger.close();
  rmSync(directory, { recursive: true });
});

function configWith(password: string): Config {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, TEXT);
  return loadConfig(file, { ...SYSTEM_DEPS, env: { DB_PASSWORD: password } }, { secrets: 'read' });
}

const start = (password: string) =>
  ConfigRecord.open(ledger, new RecordedState(directory), configWith(password));

async function events(): Promise<LedgerEvent[]> {
  const found: LedgerEvent[] = [];
  for await (const { event } of readEntries(join(directory, 'ledger')))
    if (event.kind !== 'log-opened') found.push(event);
  return found;
}

it('notices over a restart that a secret is another one, and never shows either', async () => {
  for (const password of ['hunter2', 'hunter2', 'hunter3', 'hunter3']) await start(password);
  const [first, ...later] = await events();
  expect(first).toMatchObject({ kind: 'config-loaded', door: 'start' });
  const change = { path: PASSWORD, before: '‹secret›', after: '‹secret, changed›' };
  expect(later).toMatchObject([{ changes: [] }, { changes: [change] }, { changes: [] }]);
  expect(JSON.stringify([first, ...later])).not.toContain('hunter');
  const kept = join(directory, 'recorded.json');
  expect(readFileSync(kept, 'utf8')).not.toContain('hunter');
  expect(statSync(kept).mode & 0o777).toBe(0o600);
});

it('takes a secret of which it knows nothing for unchanged, and a damaged digest for another one', async () => {
  await start('hunter2');
  const kept = join(directory, 'recorded.json');
  const { secrets, ...rest } = JSON.parse(readFileSync(kept, 'utf8'));
  expect(Object.keys(secrets)).toEqual([PASSWORD]);
  writeFileSync(kept, JSON.stringify({ ...rest, secrets: { [PASSWORD]: 'x' } }));
  await start('hunter2');
  writeFileSync(kept, JSON.stringify(rest));
  await start('hunter2');
  const [, damaged, unknown] = await events();
  expect(damaged).toMatchObject({ changes: [{ path: PASSWORD }] });
  expect(unknown).toMatchObject({ changes: [] });
});

it('says that a configuration was read in vain, by whom and why', async () => {
  const record = await start('hunter2');
  const error = new SluiceError('config_invalid', 'sluice.yaml:3: no', { detail: 'x'.repeat(100_000) });
  await record.rejected(error, { door: 'admin-socket', by: 'root' });
  const [, rejected] = await events();
  expect(rejected).toMatchObject({ kind: 'config-rejected', door: 'admin-socket', by: 'root' });
  const { error: text } = rejected as { error: string };
  expect(text).toMatch(/^sluice\.yaml:3: no: x{9000}/);
  expect(text.length).toBeLessThanOrEqual(10_000);
});
