import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BotKey, BotTokens } from './bot-token.ts';

const APP = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
const SERVICE = 'https://smba.example/teams/';
const SENDER = { serviceUrl: SERVICE };
const START = 1_800_000_000_000;
const MINUTE = 60_000;

const pairs = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
beforeAll(async () => {
  for (const kid of ['old', 'new']) pairs.set(kid, await generateKeyPair('RS256', { extractable: true }));
});

let now = START;
let offered: readonly string[] = ['old'];
let fetches = 0;

function make(endorsements: readonly unknown[] | undefined = ['msteams', 'skype']): BotTokens {
  [now, offered, fetches] = [START, ['old'], 0];
  const fetchKeys = async (): Promise<BotKey[]> => {
    fetches += 1;
    if (offered.length === 0) throw new Error('unreachable');
    const keys = offered.map(async (kid) => {
      const key = await exportJWK(pairs.get(kid)!.publicKey);
      return { ...key, kid, ...(endorsements === undefined ? {} : { endorsements }) };
    });
    return Promise.all(keys);
  };
  return new BotTokens({ appId: APP, fetchKeys, now: () => now });
}

async function header(kid: string, signer = kid, claims: Record<string, unknown> = {}): Promise<string> {
  const token = await new SignJWT({ serviceurl: SERVICE, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid })
    .setIssuer('https://api.botframework.com')
    .setAudience(APP)
    .setNotBefore(now / 1000)
    .setExpirationTime(now / 1000 + 3600)
    .sign(pairs.get(signer)!.privateKey);
  return `Bearer ${token}`;
}

describe('a token', () => {
  it('of a key that speaks for Teams is good', async () => {
    expect(await make().check(await header('old'))).toEqual(SENDER);
  });

  it.each([[['skype']], [[]], [undefined]])('of a key endorsed for %j is not', async (endorsements) => {
    // `undefined` would take the default.
    const tokens = endorsements === undefined ? make([null]) : make(endorsements);
    expect(await tokens.check(await header('old'))).toBe('forged');
  });

  it('of one key under the name of another is not', async () => {
    expect(await make().check(await header('old', 'new'))).toBe('forged');
  });

  it('of nobody is not', async () => {
    expect(await make().check(await header('old', 'old', { serviceurl: undefined }))).toBe('forged');
  });

  it('that never ends is not', async () => {
    const token = await new SignJWT({ serviceurl: SERVICE })
      .setProtectedHeader({ alg: 'RS256', kid: 'old' })
      .setIssuer('https://api.botframework.com')
      .setAudience(APP)
      .sign(pairs.get('old')!.privateKey);
    expect(await make().check(`Bearer ${token}`)).toBe('forged');
  });
});

describe('keys', () => {
  it('that are new are asked for, but not for every made-up name', async () => {
    const tokens = make();
    await tokens.check(await header('old'));
    offered = ['old', 'new'];
    expect(await tokens.check(await header('new'))).toBe('forged');
    expect(fetches).toBe(1);
    now += 6 * MINUTE;
    expect(await tokens.check(await header('new'))).toEqual(SENDER);
    for (let n = 0; n < 5; n += 1) await tokens.check(await header('made-up', 'old'));
    expect(fetches).toBe(2);
  });

  it('that cannot be had are used for a day, and then nothing is believed', async () => {
    const tokens = make();
    await tokens.check(await header('old'));
    offered = [];
    now += 23 * 60 * MINUTE;
    expect(await tokens.check(await header('old'))).toEqual(SENDER);
    now += 2 * 60 * MINUTE;
    expect(await tokens.check(await header('old'))).toBe('unknown');
    const asked = fetches;
    for (let n = 0; n < 5; n += 1) expect(await tokens.check(await header('old'))).toBe('unknown');
    expect(fetches).toBe(asked);
    offered = ['old'];
    now += 11_000;
    expect(await tokens.check(await header('old'))).toEqual(SENDER);
  });
});
