import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TokenRecord } from '../identity/token.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';
import { type ApprovalRecord, openStore, type Store } from './store.ts';

let directory: string;
let path: string;
let store: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  path = join(directory, 'data', 'store.db');
  store = await openStore(path);
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

function token(id: string, changes: Partial<TokenRecord> = {}): TokenRecord {
  return {
    id,
    principal: 'alice',
    onBehalfOf: [],
    createdAt: 1000,
    expiresAt: 2000,
    verifier: {
      salt: Buffer.from('salt'),
      iterations: 4096,
      storedKey: Buffer.alloc(32, 1),
      serverKey: Buffer.alloc(32, 2),
    },
    ...changes,
  };
}

function approval(id: string, changes: Partial<ApprovalRequest> = {}): ApprovalRecord {
  const request: ApprovalRequest = {
    id,
    state: 'pending',
    binding: {
      principal: 'bot',
      onBehalfOf: ['bob'],
      database: 'shop',
      astDigests: ['a'],
      parameters: [null],
      objectsDigests: ['o'],
    },
    bindingDigest: 'b'.repeat(64),
    sessionId: 's1',
    holdMode: 'wait',
    statement: 'DELETE FROM t',
    facts: [],
    policies: [],
    policyVersion: 'v',
    rule: { groups: ['dba'], quorum: 1, expiresMs: 1000 },
    votes: [],
    createdAt: 1000,
    expiresAt: 2000,
    ...changes,
  };
  return { request, revision: 0, subjectDigest: 'd'.repeat(64) };
}

describe('the file', () => {
  it('is for its owner only, as are those beside it', async () => {
    await store.tokens.insertToken(token('t1'));
    const modes = [join(path, '..'), path, `${path}-wal`, `${path}-shm`].map(
      (file) => statSync(file).mode & 0o777,
    );
    expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '600', '600', '600']);
  });

  it('is closed to others even if it was open before', async () => {
    await store.close();
    chmodSync(path, 0o644);
    store = await openStore(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps what it was told over restarts', async () => {
    await store.tokens.insertToken(token('t1'));
    await store.approvals.insert(approval('apr_1'));
    await store.close();
    store = await openStore(path);
    expect(await store.tokens.tokenById('t1')).toEqual(token('t1'));
    expect(await store.approvals.byId('apr_1')).toEqual(approval('apr_1'));
  });

  it('commits to stable storage', async () => {
    const database = new DatabaseSync(path);
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
  });

  it('is refused if it is none', async () => {
    await store.close();
    writeFileSync(path, 'this is not a database, it is a poem about one');
    await expect(openStore(path)).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('is refused if it cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(openStore(join(directory, 'file', 'store.db'))).rejects.toMatchObject({
      code: 'store_unavailable',
      detail: expect.stringMatching(/^E/),
    });
  });

  it('says so after it was closed', async () => {
    await store.close();
    await expect(store.tokens.tokenById('t1')).rejects.toMatchObject({ code: 'store_unavailable' });
    await store.close();
  });
});

describe('migrations', () => {
  const open = () => new DatabaseSync(path);

  it('are numbered without gaps', () => {
    expect(MIGRATIONS.map((migration) => migration.number)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  });

  it('run once', () => {
    const database = open();
    migrate(database, MIGRATIONS, 5);
    expect(database.prepare('SELECT number FROM migrations').all()).toHaveLength(MIGRATIONS.length);
    database.close();
  });

  it('run all or not at all', () => {
    const database = open();
    const next = MIGRATIONS.length + 1;
    const broken = [
      ...MIGRATIONS,
      { number: next, name: 'good', sql: 'CREATE TABLE extra (a INTEGER) STRICT' },
      { number: next + 1, name: 'bad', sql: 'CREATE TABLE tokens (a INTEGER)' },
    ];
    expect(() => migrate(database, broken, 5)).toThrow(/already exists/);
    expect(database.prepare(`SELECT name FROM sqlite_schema WHERE name = 'extra'`).all()).toEqual([]);
    expect(database.prepare('SELECT count(*) AS n FROM migrations').get()).toEqual({ n: MIGRATIONS.length });
    database.close();
  });

  it.each([
    ['a newer schema', `INSERT INTO migrations VALUES (99, 'future', '', 0)`, /newer version .* 99/],
    ['a step that was changed', `UPDATE migrations SET checksum = 'x' WHERE number = 1`, /step 1 \(tokens\)/],
    ['a step that is missing', 'DELETE FROM migrations WHERE number = 1', /step 2/],
  ])('refuse %s', async (_name, sql, message) => {
    const database = open();
    database.exec(sql);
    database.close();
    await store.close();
    const refused = await openStore(path).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'store_unavailable', message: expect.stringMatching(message) });
    rmSync(path);
  });
});

describe('tokens', () => {
  it('come back as they were, whatever is in them', async () => {
    const full = token('t1', { onBehalfOf: ['bob', 'x"y'], purpose: "it's\n", revokedAt: 1500 });
    await store.tokens.insertToken(full);
    expect(await store.tokens.tokenById('t1')).toEqual(full);
    expect(await store.tokens.tokenById("t1' OR '1'='1")).toBeUndefined();
  });

  it('have one id each', async () => {
    await store.tokens.insertToken(token('t1'));
    await expect(store.tokens.insertToken(token('t1', { principal: 'mallory' }))).rejects.toMatchObject({
      code: 'conflict',
    });
    expect((await store.tokens.tokenById('t1'))?.principal).toBe('alice');
  });

  it('are listed newest first, by principal and activity', async () => {
    await store.tokens.insertToken(token('old', { createdAt: 1 }));
    await store.tokens.insertToken(token('bob', { principal: 'bob', createdAt: 2 }));
    await store.tokens.insertToken(token('revoked', { createdAt: 3, revokedAt: 4 }));
    await store.tokens.insertToken(token('new', { createdAt: 5 }));
    const ids = async (filter: Parameters<Store['tokens']['listTokens']>[0]) =>
      (await store.tokens.listTokens(filter)).map((one) => one.id);
    expect(await ids({ limit: 10 })).toEqual(['new', 'revoked', 'bob', 'old']);
    expect(await ids({ limit: 2 })).toEqual(['new', 'revoked']);
    expect(await ids({ principal: 'alice', activeAt: 1999, limit: 10 })).toEqual(['new', 'old']);
    expect(await ids({ activeAt: 2000, limit: 10 })).toEqual([]);
  });

  it('are revoked once', async () => {
    await store.tokens.insertToken(token('t1'));
    expect(await store.tokens.revokeToken('t1', 1200)).toBe(true);
    expect(await store.tokens.revokeToken('t1', 1300)).toBe(false);
    expect(await store.tokens.revokeToken('nobody', 1300)).toBe(false);
    expect((await store.tokens.tokenById('t1'))?.revokedAt).toBe(1200);
  });

  it('tell which of many are not active', async () => {
    await store.tokens.insertToken(token('live'));
    await store.tokens.insertToken(token('revoked', { revokedAt: 1 }));
    const ids = ['live', 'revoked', 'unknown', ...Array.from({ length: 3000 }, (_, index) => `x${index}`)];
    expect(new Set(await store.tokens.inactiveTokens(ids, 1999))).toEqual(new Set(ids.slice(1)));
    expect(await store.tokens.inactiveTokens(['live'], 2000)).toEqual(['live']);
    expect(await store.tokens.inactiveTokens([], 0)).toEqual([]);
  });

  it('are forgotten once they ended long ago', async () => {
    await store.tokens.insertToken(token('expired', { expiresAt: 10 }));
    await store.tokens.insertToken(token('revoked', { revokedAt: 10 }));
    await store.tokens.insertToken(token('live'));
    expect(await store.tokens.pruneTokens(11)).toBe(2);
    expect((await store.tokens.listTokens({ limit: 9 })).map((one) => one.id)).toEqual(['live']);
  });
});

describe('approvals', () => {
  const changed = (record: ApprovalRecord, state: ApprovalRequest['state']): ApprovalRecord => ({
    ...record,
    request: { ...record.request, state },
    revision: record.revision + 1,
  });

  it('change once per revision, whoever else tries', async () => {
    const other = await openStore(path);
    await store.approvals.insert(approval('apr_1'));
    const first = changed(approval('apr_1'), 'approved');
    expect(await store.approvals.replace(first)).toBe(true);
    expect(await other.approvals.replace(changed(approval('apr_1'), 'denied'))).toBe(false);
    expect(await other.approvals.byId('apr_1')).toEqual(first);
    expect(await other.approvals.replace(changed(first, 'used'))).toBe(true);
    expect(await store.approvals.replace(changed(approval('apr_none'), 'used'))).toBe(false);
    await other.close();
  });

  it('are found by what they ask, by state, by age', async () => {
    await store.approvals.insert(approval('apr_1', { createdAt: 1 }));
    await store.approvals.insert(approval('apr_2', { createdAt: 2, state: 'approved' }));
    await store.approvals.insert(approval('apr_3', { createdAt: 3, state: 'denied' }));
    await store.approvals.insert({ ...approval('apr_4', { createdAt: 4 }), subjectDigest: 'e'.repeat(64) });
    const ids = (records: readonly ApprovalRecord[]) => records.map(({ request }) => request.id);
    expect(ids(await store.approvals.list({ limit: 9 }))).toEqual(['apr_4', 'apr_3', 'apr_2', 'apr_1']);
    expect(ids(await store.approvals.list({ state: 'pending', limit: 1 }))).toEqual(['apr_4']);
    expect(ids(await store.approvals.bySubject('d'.repeat(64), 'pending'))).toEqual(['apr_1']);
    expect(ids(await store.approvals.bySubject('d'.repeat(64), 'approved'))).toEqual(['apr_2']);
    expect(ids(await store.approvals.unfinished())).toEqual(['apr_1', 'apr_2', 'apr_4']);
  });

  it('are counted', async () => {
    const binding = { ...approval('x').request.binding, principal: 'someone' };
    await store.approvals.insert(approval('apr_1'));
    await store.approvals.insert(approval('apr_2', { binding }));
    await store.approvals.insert(approval('apr_3', { state: 'used' }));
    expect(await store.approvals.countPending('bot')).toEqual({ all: 2, own: 1 });
    expect(await store.approvals.countPending('nobody')).toEqual({ all: 2, own: 0 });
  });

  it('are forgotten once they ended long ago', async () => {
    await store.approvals.insert(approval('apr_1', { createdAt: 1 }));
    await store.approvals.insert(approval('apr_2', { createdAt: 1, state: 'used' }));
    await store.approvals.insert(approval('apr_3', { createdAt: 9, state: 'used' }));
    expect(await store.approvals.prune(5)).toBe(1);
    expect(await store.approvals.byId('apr_2')).toBeUndefined();
  });
});

describe('taints', () => {
  it('are kept over restarts, one a reader, until their time is over', async () => {
    await store.taints.keep({ reader: 'a', taints: ['public.t.x'], until: 10 });
    await store.taints.keep({ reader: 'b', taints: ['*'], until: 20 });
    await store.taints.keep({ reader: 'a', taints: ['public.t.x', 'public.t.y'], until: 15 });
    await store.close();
    store = await openStore(path);
    expect(await store.taints.all()).toContainEqual({
      ...{ reader: 'a', taints: ['public.t.x', 'public.t.y'], until: 15 },
    });
    expect(await store.taints.prune(15)).toBe(1);
    expect(await store.taints.all()).toEqual([{ reader: 'b', taints: ['*'], until: 20 }]);
  });
});

describe('what is used of budgets', () => {
  it('is kept over restarts, one a share, until it is replaced', async () => {
    const usage = { key: 'a', slots: [{ at: 5, amount: 7 }], reserved: 3 };
    await store.budgets.keep([usage, { key: 'b', slots: [], reserved: 1 }]);
    await store.budgets.keep([{ ...usage, reserved: 0 }]);
    await store.close();
    store = await openStore(path);
    expect(await store.budgets.all()).toEqual([
      { ...usage, reserved: 0 },
      { key: 'b', slots: [], reserved: 1 },
    ]);
    await store.budgets.replaceAll([usage]);
    expect(await store.budgets.all()).toEqual([usage]);
  });
});

describe('where a message stands', () => {
  it('is known after a restart, and replaced by where it stands next', async () => {
    await store.approvals.insert(approval('apr_1'));
    await store.notices.keepPlace('slack', 'apr_1', 'C1 1.1');
    await store.notices.keepPlace('slack', 'apr_1', 'C1 2.2');
    await store.notices.keepPlace('teams', 'apr_1', 'a b');
    await store.close();
    store = await openStore(path);
    expect(await store.notices.place('slack', 'apr_1')).toBe('C1 2.2');
    expect(await store.notices.place('teams', 'apr_1')).toBe('a b');
    expect(await store.notices.place('slack', 'apr_2')).toBeUndefined();
  });

  it('is forgotten with the receiver, and with the request', async () => {
    await store.approvals.insert(approval('apr_1', { state: 'denied', createdAt: 1 }));
    await store.notices.keepPlace('slack', 'apr_1', 'C1 1.1');
    await store.notices.keepPlace('teams', 'apr_1', 'a b');
    await store.notices.keepOnly(['slack']);
    expect(await store.notices.place('teams', 'apr_1')).toBeUndefined();
    expect(await store.notices.place('slack', 'apr_1')).toBe('C1 1.1');
    await store.approvals.prune(2);
    expect(await store.notices.place('slack', 'apr_1')).toBeUndefined();
  });
});
