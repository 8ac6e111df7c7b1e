import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PrincipalConfig } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { TokenFilter, TokenRecord, TokenStore } from './token.ts';
import { isActiveAt, TokenAuthority, type TokenAuthorityDeps } from './token-authority.ts';
import { TOKEN_PATTERN } from './token-text.ts';

/** The contract of `TokenStore`, in memory. */
class MemoryTokens implements TokenStore {
  readonly records = new Map<string, TokenRecord>();

  async insertToken(record: TokenRecord): Promise<void> {
    this.records.set(record.id, record);
  }

  async tokenById(id: string): Promise<TokenRecord | undefined> {
    return this.records.get(id);
  }

  async listTokens({ principal, activeAt, limit }: TokenFilter): Promise<readonly TokenRecord[]> {
    return [...this.records.values()]
      .reverse()
      .filter((token) => principal === undefined || token.principal === principal)
      .filter((token) => activeAt === undefined || isActiveAt(token, activeAt))
      .slice(0, limit);
  }

  async revokeToken(id: string, at: number): Promise<boolean> {
    const token = this.records.get(id);
    if (token === undefined || token.revokedAt !== undefined) return false;
    this.records.set(id, { ...token, revokedAt: at });
    return true;
  }

  async inactiveTokens(ids: readonly string[], now: number): Promise<readonly string[]> {
    return ids.filter((id) => {
      const token = this.records.get(id);
      return token === undefined || !isActiveAt(token, now);
    });
  }

  async pruneTokens(before: number): Promise<number> {
    const ended = [...this.records.values()].filter(
      ({ expiresAt, revokedAt = expiresAt }) => Math.min(expiresAt, revokedAt) < before,
    );
    for (const { id } of ended) this.records.delete(id);
    return ended.length;
  }
}

const HOUR = 3_600_000;
const principal = (
  id: string,
  kind: PrincipalConfig['kind'],
  mayActFor: string[] = [],
): [string, PrincipalConfig] => [id, { id, kind, groups: [`${id}s`], mayActFor }];

let time: number;
let store: MemoryTokens;
let principals: Map<string, PrincipalConfig>;
let recorded: unknown[];
let authority: TokenAuthority;

function makeAuthority(overrides: Partial<TokenAuthorityDeps> = {}): TokenAuthority {
  return new TokenAuthority({
    store,
    principals,
    tokens: { defaultTtlMs: HOUR, maxTtlMs: 24 * HOUR, maxActivePerPrincipal: 3, scramIterations: 4096 },
    installationSecret: Buffer.alloc(32, 7),
    record: async (event) => {
      recorded.push(event);
    },
    now: () => time,
    randomBytes,
    watch: { intervalMs: 5 },
    ...overrides,
  });
}

beforeEach(() => {
  time = 1_000_000;
  store = new MemoryTokens();
  recorded = [];
  principals = new Map([
    principal('alice', 'Human'),
    principal('bob', 'Human'),
    principal('report-bot', 'Agent', ['bob', 'planner']),
    principal('planner', 'Agent', ['alice']),
  ]);
  authority = makeAuthority();
});

/** What a SCRAM client would derive; independent of the code under test. */
function scramStoredKey(password: string, salt: Buffer, iterations: number): Buffer {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  return createHash('sha256').update(createHmac('sha256', salted).update('Client Key').digest()).digest();
}

describe('issuing', () => {
  it('gives the text once and stores nothing it could be had from', async () => {
    const token = await authority.issueToken({ principal: 'alice', purpose: 'ticket 7' });
    expect(token).toMatchObject({
      principal: 'alice',
      onBehalfOf: [],
      purpose: 'ticket 7',
      expiresAt: time + HOUR,
    });
    expect(token.text).toMatch(new RegExp(`^${TOKEN_PATTERN.source}$`));
    const secret = token.text.slice(17);
    const kept = JSON.stringify([
      ...store.records.values(),
      recorded,
      await authority.listTokens({ limit: 9 }),
    ]);
    expect(kept).not.toContain(secret);
    expect(kept).toContain(token.id);
  });

  it('records before it counts', async () => {
    const failing = makeAuthority({ record: () => Promise.reject(new SluiceError('ledger_full', 'full')) });
    await expect(failing.issueToken({ principal: 'alice' })).rejects.toMatchObject({ code: 'ledger_full' });
    expect(store.records.size).toBe(0);
    const { id, expiresAt } = await authority.issueToken({ principal: 'report-bot', onBehalfOf: ['bob'] });
    expect(recorded).toEqual([
      { kind: 'token-issued', token: id, principal: 'report-bot', onBehalfOf: ['bob'], expiresAt },
    ]);
  });

  it.each([
    [{ principal: 'alise' }, 'not_found', 'Did you mean "alice"?'],
    [{ principal: 'alice', onBehalfOf: ['bob'] }, 'forbidden', 'Only agents and services act for others.'],
    [
      { principal: 'report-bot', onBehalfOf: ['alice'] },
      'forbidden',
      'Add it to principals.report-bot.mayActFor',
    ],
    [
      { principal: 'report-bot', onBehalfOf: ['planner', 'bob'] },
      'forbidden',
      'principals.planner.mayActFor',
    ],
    [{ principal: 'report-bot', onBehalfOf: ['nobody'] }, 'forbidden', 'mayActFor'],
    [{ principal: 'report-bot', onBehalfOf: ['bob', 'bob'] }, 'bad_request', undefined],
    [{ principal: 'report-bot', onBehalfOf: Array(9).fill('bob') }, 'bad_request', undefined],
    [{ principal: 'alice', ttlMs: 999 }, 'bad_request', 'tokens.maxTtl'],
    [{ principal: 'alice', ttlMs: 24 * HOUR + 1 }, 'bad_request', 'tokens.maxTtl'],
    [{ principal: 'alice', ttlMs: Number.NaN }, 'bad_request', 'tokens.maxTtl'],
    [{ principal: 'alice', purpose: 'two\nlines' }, 'bad_request', undefined],
    [{ principal: 'alice', purpose: '' }, 'bad_request', undefined],
    [{ principal: 'alice', purpose: 'x'.repeat(501) }, 'bad_request', undefined],
  ])('refuses %j with %s', async (request, code, hint) => {
    const refusal = await authority.issueToken(request).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code });
    if (hint !== undefined) expect((refusal as SluiceError).hint).toContain(hint);
    expect(store.records.size).toBe(0);
    expect(recorded).toEqual([]);
  });

  it('bounds active tokens of one principal, also when asked at once', async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: 5 }, () => authority.issueToken({ principal: 'alice' })),
    );
    expect(asked.map(({ status }) => status).sort()).toEqual([
      ...Array(3).fill('fulfilled'),
      ...Array(2).fill('rejected'),
    ]);
    await expect(authority.issueToken({ principal: 'bob' })).resolves.toBeDefined();
    time += HOUR;
    await expect(authority.issueToken({ principal: 'alice' })).resolves.toBeDefined();
  });

  it('forgets tokens long after they ended', async () => {
    const { id } = await authority.issueToken({ principal: 'alice' });
    time += 91 * 24 * HOUR;
    await authority.issueToken({ principal: 'bob' });
    expect(store.records.has(id)).toBe(false);
  });
});

describe('SCRAM candidates', () => {
  it('hold the keys of every active token under the salt that was sent', async () => {
    const tokens = [
      await authority.issueToken({ principal: 'alice' }),
      await authority.issueToken({ principal: 'alice' }),
    ];
    const { salt, iterations } = authority.challenge('alice');
    const verifiers = await authority.candidates('alice');
    expect(iterations).toBe(4096);
    for (const { id, text } of tokens) {
      const mine = verifiers.find(({ tokenId }) => tokenId === id);
      expect(mine?.storedKey).toEqual(scramStoredKey(text, salt, iterations));
    }
  });

  it('are as many, under a salt as stable, for names that do not exist', async () => {
    const challenge = authority.challenge('alice');
    const before = await authority.candidates('alice');
    await authority.issueToken({ principal: 'alice' });
    const after = await authority.candidates('alice');
    const stranger = await authority.candidates('mallory');
    expect(authority.challenge('alice')).toEqual(challenge);
    expect(authority.challenge('mallory')).toEqual(authority.challenge('mallory'));
    expect(authority.challenge('mallory').salt).not.toEqual(challenge.salt);
    expect([before, after, stranger].map((verifiers) => verifiers.length)).toEqual([32, 32, 32]);
    expect(stranger.every(({ tokenId, storedKey }) => tokenId === '' && storedKey.length === 32)).toBe(true);
  });

  it('leave out tokens for which clients were asked for other work, which are told of', async () => {
    const { id, text } = await authority.issueToken({ principal: 'alice' });
    expect(await authority.outdatedTokens(10)).toBe(0);
    const tokens = { defaultTtlMs: HOUR, maxTtlMs: HOUR, maxActivePerPrincipal: 3, scramIterations: 1 };
    const lighter = makeAuthority({ tokens });
    expect(lighter.challenge('alice').iterations).toBe(1);
    expect((await lighter.candidates('alice')).some(({ tokenId }) => tokenId === id)).toBe(false);
    expect(await lighter.outdatedTokens(10)).toBe(1);
    const light = await lighter.issueToken({ principal: 'alice' });
    const [mine] = await lighter.candidates('alice');
    const { salt } = lighter.challenge('alice');
    expect(mine).toMatchObject({ tokenId: light.id, storedKey: scramStoredKey(light.text, salt, 1) });
    // A bearer says which token it is, and is checked as that was made.
    expect(await lighter.verifyBearer(text)).toMatchObject({ tokenId: id });
  });

  it('leave out ended tokens, principals that are gone, and keys under another salt', async () => {
    const usable = async () =>
      (await authority.candidates('alice')).filter(({ tokenId }) => tokenId !== '').length;
    const revoked = await authority.issueToken({ principal: 'alice' });
    await authority.issueToken({ principal: 'alice', ttlMs: 1000 });
    await authority.issueToken({ principal: 'alice' });
    expect(await usable()).toBe(3);
    await authority.revokeToken(revoked.id);
    expect(await usable()).toBe(2);
    time += 1000;
    expect(await usable()).toBe(1);
    const restored = makeAuthority({ installationSecret: Buffer.alloc(32, 8) });
    expect((await restored.candidates('alice')).every(({ tokenId }) => tokenId === '')).toBe(true);
    principals.delete('alice');
    expect(await usable()).toBe(0);
  });
});

describe('the actor of a token', () => {
  it('carries the chain, nearest first, and the purpose', async () => {
    const { id, text } = await authority.issueToken({
      principal: 'report-bot',
      onBehalfOf: ['planner', 'alice'],
      purpose: 'monthly report',
    });
    const actor = {
      principal: { id: 'report-bot', kind: 'Agent', groups: ['report-bots'] },
      onBehalfOf: [
        { id: 'planner', kind: 'Agent', groups: ['planners'] },
        { id: 'alice', kind: 'Human', groups: ['alices'] },
      ],
      purpose: 'monthly report',
      tokenId: id,
    };
    expect(await authority.actorOfToken(id)).toEqual(actor);
    expect(await authority.verifyBearer(text)).toEqual(actor);
    expect(await authority.isActive(id)).toBe(true);
  });

  it('is gone with the configuration that allowed it', async () => {
    const { id, text } = await authority.issueToken({ principal: 'report-bot', onBehalfOf: ['bob'] });
    principals.set(...principal('report-bot', 'Agent', ['planner']));
    expect(await authority.actorOfToken(id)).toBeUndefined();
    expect(await authority.verifyBearer(text)).toBeUndefined();
    expect(await authority.isActive(id)).toBe(false);
  });

  it.each([
    ['revoked', (id: string) => authority.revokeToken(id)],
    [
      'expired',
      async () => {
        time += HOUR;
      },
    ],
    ['forgotten', async (id: string) => void store.records.delete(id)],
  ])('is gone with a token that is %s', async (_how, end) => {
    const { id, text } = await authority.issueToken({ principal: 'alice' });
    await end(id);
    expect(await authority.actorOfToken(id)).toBeUndefined();
    expect(await authority.verifyBearer(text)).toBeUndefined();
  });

  it('is not given for any other text', async () => {
    const { text } = await authority.issueToken({ principal: 'alice' });
    const other = await authority.issueToken({ principal: 'alice' });
    const crossed = text.slice(0, 17) + other.text.slice(17);
    for (const wrong of [
      '',
      'slc_',
      text.slice(0, -1),
      `${text} `,
      `${text}x`,
      crossed,
      text.toLowerCase(),
    ]) {
      expect(await authority.verifyBearer(wrong)).toBeUndefined();
    }
  });
});

describe('revoking', () => {
  it('is recorded, and refused for what has ended or never was', async () => {
    const { id } = await authority.issueToken({ principal: 'alice' });
    await authority.revokeToken(id);
    expect(recorded.at(-1)).toEqual({ kind: 'token-revoked', token: id });
    await expect(authority.revokeToken(id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(authority.revokeToken('nothing')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('leaves the token as it is if it cannot be recorded', async () => {
    const { id } = await authority.issueToken({ principal: 'alice' });
    const failing = makeAuthority({ record: () => Promise.reject(new SluiceError('ledger_full', 'full')) });
    await expect(failing.revokeToken(id)).rejects.toMatchObject({ code: 'ledger_full' });
    expect(await authority.isActive(id)).toBe(true);
  });
});

describe('watching', () => {
  const ends = (id: string) => new Promise<string>((resolve) => authority.watchToken(id, resolve));

  it('hears of a revocation at once', async () => {
    const { id } = await authority.issueToken({ principal: 'alice' });
    let why: string | undefined;
    authority.watchToken(id, (reason) => {
      why = reason;
    });
    await authority.revokeToken(id);
    expect(why).toBe('revoked');
  });

  it('hears of a revocation by another process, of expiry, and of a token that is gone', async () => {
    const [a, b, c] = await Promise.all(
      ['alice', 'bob', 'planner'].map((who) => authority.issueToken({ principal: who })),
    );
    const ended = [ends(a!.id), ends(b!.id), ends(c!.id)];
    await store.revokeToken(a!.id, time);
    store.records.delete(c!.id);
    expect(await Promise.all([ended[0], ended[2]])).toEqual(['revoked', 'revoked']);
    time += HOUR;
    expect(await ended[1]).toBe('expired');
  });

  it('tells all watchers of a token, but none that left', async () => {
    const { id } = await authority.issueToken({ principal: 'alice' });
    const heard: number[] = [];
    const leave = authority.watchToken(id, () => heard.push(1));
    authority.watchToken(id, () => heard.push(2));
    authority.watchToken(id, () => heard.push(3));
    leave();
    await authority.revokeToken(id);
    expect(heard).toEqual([2, 3]);
  });

  it('goes on after the store failed', async () => {
    const { id } = await authority.issueToken({ principal: 'alice' });
    const errors: unknown[] = [];
    const ask = store.inactiveTokens.bind(store);
    store.inactiveTokens = () => Promise.reject(new Error('busy'));
    authority = makeAuthority({ watch: { intervalMs: 5, onError: (error) => errors.push(error) } });
    const ended = ends(id);
    while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    store.inactiveTokens = ask;
    time += HOUR;
    expect(await ended).toBe('expired');
  });
});
