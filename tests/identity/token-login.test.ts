/** Tokens against the real store, the real ledger and both sides of the real SCRAM exchange. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_TOKENS } from '../../src/config/config-defaults.ts';
import { loadInstallationSecret } from '../../src/identity/installation-secret.ts';
import { TokenAuthority } from '../../src/identity/token-authority.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { readEntries } from '../../src/ledger/read-entries.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { ScramClient, ScramServer } from '../../src/wire/postgres/index.ts';

const PRINCIPALS = new Map([
  ['alice', { id: 'alice', kind: 'Human' as const, groups: ['dba'], mayActFor: [] }],
  ['bot', { id: 'bot', kind: 'Agent' as const, groups: [], mayActFor: ['alice'] }],
]);

let dataDir: string;
let ledger: Ledger;
let store: Store;
let authority: TokenAuthority;
let time: number;

async function open(): Promise<void> {
  ledger = await Ledger.open({ directory: join(dataDir, 'ledger') });
  store = await openStore(join(dataDir, 'store.db'));
  authority = new TokenAuthority({
    store: store.tokens,
    principals: PRINCIPALS,
    tokens: DEFAULT_TOKENS,
    installationSecret: loadInstallationSecret(dataDir, randomBytes),
    record: (event) => ledger.durable(ledger.append(event)),
    now: () => time,
    randomBytes,
    watch: { intervalMs: 5 },
  });
}

async function close(): Promise<void> {
  authority.close();
  await store.close();
  await ledger.close();
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-login-'));
  time = Date.now();
  await open();
});
afterEach(async () => {
  await close();
  rmSync(dataDir, { recursive: true });
});

/** Logs in as a driver would; resolves with the token's id. */
async function logIn(user: string, password: string): Promise<string> {
  const server = new ScramServer(authority.challenge(user));
  const verifiers = await authority.candidates(user);
  const client = new ScramClient({ password, offered: server.mechanisms });
  const challenge = server.first(client.first(), client.mechanism);
  const { message, verifierIndex } = server.final(await client.next(challenge), verifiers);
  client.finish(message);
  return verifiers[verifierIndex]!.tokenId;
}

describe('logging in with SCRAM', () => {
  it('recognises each of many tokens, and says which', async () => {
    for (let i = 0; i < DEFAULT_TOKENS.maxActivePerPrincipal; i++) {
      const { id, text } = await authority.issueToken({ principal: 'alice' });
      if (i % 10 === 0 || i === 31) expect(await logIn('alice', text)).toBe(id);
    }
    await expect(authority.issueToken({ principal: 'alice' })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('works after a restart', async () => {
    const { id, text } = await authority.issueToken({
      principal: 'bot',
      onBehalfOf: ['alice'],
      purpose: 'OPS-7',
    });
    await close();
    await open();
    expect(await logIn('bot', text)).toBe(id);
    expect(await authority.actorOfToken(id)).toMatchObject({
      principal: { id: 'bot' },
      onBehalfOf: [{ id: 'alice' }],
      purpose: 'OPS-7',
    });
    expect((await authority.verifyBearer(text))?.tokenId).toBe(id);
  });

  it('fails alike for a wrong token, an ended one, another name and a name that does not exist', async () => {
    const { id, text } = await authority.issueToken({ principal: 'alice' });
    const expired = await authority.issueToken({ principal: 'alice', ttlMs: 1000 });
    time += 1000;
    const attempts = [
      ['alice', `${text}x`],
      ['alice', expired.text],
      ['bot', text],
      ['mallory', text],
      ['', text],
      ['alice', ''],
    ] as const;
    const answers = new Set<string>();
    for (const [user, password] of attempts) {
      const refusal = await logIn(user, password).catch((error: unknown) => error);
      const { code, message, detail, hint } = refusal as Record<string, unknown>;
      answers.add(JSON.stringify({ code, message, detail, hint }));
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain('authentication_failed');
    await authority.revokeToken(id);
    await expect(logIn('alice', text)).rejects.toMatchObject({ code: 'authentication_failed' });
  });
});

it('hears of a revocation in the store by another process', async () => {
  const { id } = await authority.issueToken({ principal: 'alice' });
  const ended = new Promise((resolve) => authority.watchToken(id, resolve));
  const elsewhere = await openStore(join(dataDir, 'store.db'));
  await elsewhere.tokens.revokeToken(id, time);
  await elsewhere.close();
  expect(await ended).toBe('revoked');
});

it('keeps no token in any file, and every step in the ledger', async () => {
  const { id, text } = await authority.issueToken({ principal: 'alice', purpose: 'a purpose' });
  await authority.revokeToken(id);
  const secret = Buffer.from(text.slice(17, 40));
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  for (const { parentPath, name } of files) {
    const content = readFileSync(join(parentPath, name));
    expect(content.includes(secret)).toBe(false);
  }
  const kinds: string[] = [];
  for await (const { event } of readEntries(join(dataDir, 'ledger'))) kinds.push(event.kind);
  expect(kinds).toEqual(['log-opened', 'token-issued', 'token-revoked']);
});
