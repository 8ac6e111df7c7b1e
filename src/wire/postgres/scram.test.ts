import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  type ChannelBinding,
  deriveMockSalt,
  MAX_SCRAM_ITERATIONS,
  makeVerifier,
  md5Password,
  SCRAM_SHA_256,
  SCRAM_SHA_256_PLUS,
  ScramClient,
  ScramServer,
  type ScramServerOptions,
} from './index.ts';

/** RFC 7677, section 3. */
const RFC = {
  username: 'user',
  password: 'pencil',
  clientNonce: 'rOprNGfwEbeRWgbNEkqO',
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

const SALT = Buffer.from('0123456789abcdef');
const ITERATIONS = 4096;
const VERIFIER = makeVerifier('correct', SALT, ITERATIONS);
const BINDING: ChannelBinding = { type: 'tls-server-end-point', data: Buffer.alloc(32, 7) };
const OTHER_BINDING: ChannelBinding = { type: 'tls-server-end-point', data: Buffer.alloc(32, 8) };

const newServer = (options: Partial<ScramServerOptions> = {}) =>
  new ScramServer({ salt: SALT, iterations: ITERATIONS, ...options });

/** A whole exchange; returns which verifier it was. */
async function exchange(client: ScramClient, server: ScramServer, verifiers = [VERIFIER]): Promise<number> {
  const challenge = server.first(client.first(), client.mechanism);
  const { message, verifierIndex } = server.final(await client.next(challenge), verifiers);
  expect(client.verified).toBe(false);
  client.finish(message);
  expect(client.verified).toBe(true);
  return verifierIndex;
}

function thrownBy(run: () => unknown): SluiceError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

test('a salted password is derived once for each salt and count, and used again', async () => {
  const salted = new Map<string, Buffer>();
  for (let i = 0; i < 2; i += 1)
    await exchange(new ScramClient({ password: 'correct', salted }), newServer());
  expect(salted.size).toBe(1);
  const salt = Buffer.from('another salt ...');
  const verifiers = [makeVerifier('correct', salt, ITERATIONS)];
  await exchange(new ScramClient({ password: 'correct', salted }), newServer({ salt }), verifiers);
  expect(salted.size).toBe(2);
  for (const key of salted.keys()) salted.set(key, Buffer.alloc(32));
  await expect(exchange(new ScramClient({ password: 'correct', salted }), newServer())).rejects.toThrow(
    SluiceError,
  );
});

describe('the vector of RFC 7677', () => {
  const randomBytes = () => Buffer.from(RFC.clientNonce, 'base64');

  test('is what the client says', async () => {
    const client = new ScramClient({ password: RFC.password, username: RFC.username, randomBytes });
    expect(client.mechanism).toBe(SCRAM_SHA_256);
    expect(client.first()).toBe(RFC.clientFirst);
    expect(await client.next(RFC.serverFirst)).toBe(RFC.clientFinal);
    client.finish(RFC.serverFinal);
    expect(client.verified).toBe(true);
  });

  test('is what the server says', () => {
    // The RFC's nonce is no base64, so the server is given bytes whose base64 is replaced by it.
    const nonce = { toString: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' } as unknown as Buffer;
    const server = new ScramServer({
      salt: RFC.salt,
      iterations: ITERATIONS,
      randomBytes: (sizeBytes) => (sizeBytes === 18 ? nonce : Buffer.alloc(sizeBytes)),
    });
    expect(server.first(RFC.clientFirst, SCRAM_SHA_256)).toBe(RFC.serverFirst);
    const verifiers = [makeVerifier(RFC.password, RFC.salt, ITERATIONS)];
    expect(server.final(RFC.clientFinal, verifiers)).toEqual({ message: RFC.serverFinal, verifierIndex: 0 });
  });
});

describe('client and server agree', () => {
  test.each<[string, ChannelBinding | undefined, ChannelBinding | undefined, string]>([
    ['without TLS', undefined, undefined, SCRAM_SHA_256],
    ['with channel binding', BINDING, BINDING, SCRAM_SHA_256_PLUS],
    ['where only the client can bind', BINDING, undefined, SCRAM_SHA_256],
    ['where only the server can bind', undefined, BINDING, SCRAM_SHA_256],
  ])('%s', async (_, clientBinding, serverBinding, mechanism) => {
    const server = newServer({ channelBinding: serverBinding });
    const client = new ScramClient({
      password: 'correct',
      offered: server.mechanisms,
      channelBinding: clientBinding,
    });
    expect(client.mechanism).toBe(mechanism);
    expect(await exchange(client, server)).toBe(0);
  });

  test('on which of several tokens it was', async () => {
    const passwords = Array.from({ length: 11 }, (_, i) => `token ${i}`);
    const verifiers = passwords.map((password) => makeVerifier(password, SALT, 1));
    for (const [i, password] of passwords.entries()) {
      const server = newServer({ iterations: 1 });
      expect(await exchange(new ScramClient({ password }), server, verifiers)).toBe(i);
    }
  });

  test('on any password and user name', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'grapheme-ascii' }),
        async (password, username) => {
          const verifiers = [makeVerifier(password, SALT, 1)];
          const server = newServer({ iterations: 1 });
          expect(await exchange(new ScramClient({ password, username }), server, verifiers)).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('the server', () => {
  const unknown = () => newServer({ salt: deriveMockSalt(Buffer.from('secret'), 'nobody') });

  test('says the same to a wrong token and to an unknown principal', async () => {
    const errors: unknown[] = [];
    for (const [server, verifiers] of [
      [newServer(), [VERIFIER]],
      [unknown(), []],
    ] as const) {
      const client = new ScramClient({ password: 'wrong' });
      const proof = await client.next(server.first(client.first(), client.mechanism));
      const { code, sqlstate, message, detail, hint } = thrownBy(() => server.final(proof, verifiers));
      errors.push({ code, sqlstate, message, detail, hint });
    }
    expect(errors[0]).toMatchObject({ code: 'authentication_failed', sqlstate: '28P01' });
    expect(errors[1]).toEqual(errors[0]);
  });

  test('asks the same of both, and always the same of an unknown one', () => {
    const shape = (server: ScramServer) =>
      server.first('n,,n=,r=abc', SCRAM_SHA_256).replace(/=[^,]{24,}(?=,)/g, (value) => `=${value.length}`);
    expect(shape(unknown())).toBe(shape(newServer()));
    const salt = (user: string) => deriveMockSalt(Buffer.from('secret'), user).toString('hex');
    expect(salt('nobody')).toBe(salt('nobody'));
    expect(salt('nobody')).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set([salt('a'), salt('b'), salt('')]).size).toBe(3);
    expect(deriveMockSalt(Buffer.from('other'), 'a').toString('hex')).not.toBe(salt('a'));
  });

  test('does as much work for none, one and eight verifiers', async () => {
    const work = async (verifiers: number) => {
      const list = Array.from({ length: verifiers }, () => VERIFIER);
      let reads = 0;
      const counting = new Proxy(list, {
        get: (target, name, receiver) => {
          if (/^\d+$/.test(String(name))) reads++;
          return Reflect.get(target, name, receiver);
        },
      });
      const server = newServer();
      const client = new ScramClient({ password: 'wrong' });
      const proof = await client.next(server.first(client.first(), client.mechanism));
      thrownBy(() => server.final(proof, counting));
      return reads;
    };
    const [none, one, eight] = [await work(0), await work(1), await work(8)];
    expect(one).toBe(none);
    expect(eight).toBe(none);
  });

  test('never takes its mock for a principal, even if someone could foresee it', async () => {
    const server = newServer({
      randomBytes: (sizeBytes) => (sizeBytes === 32 ? VERIFIER.storedKey : Buffer.alloc(sizeBytes)),
    });
    const client = new ScramClient({ password: 'correct' });
    const proof = await client.next(server.first(client.first(), client.mechanism));
    expect(thrownBy(() => server.final(proof, [])).code).toBe('authentication_failed');
  });

  test('refuses a client that was led to believe there is no channel binding', () => {
    const server = newServer({ channelBinding: BINDING });
    const error = thrownBy(() => server.first('y,,n=,r=abc', SCRAM_SHA_256));
    expect([error.code, error.message]).toEqual([
      'protocol_violation',
      'SCRAM channel binding negotiation error',
    ]);
  });

  test('refuses a proof made on another TLS connection', async () => {
    const server = newServer({ channelBinding: BINDING });
    const client = new ScramClient({
      password: 'correct',
      offered: server.mechanisms,
      channelBinding: OTHER_BINDING,
    });
    const proof = await client.next(server.first(client.first(), client.mechanism));
    expect(thrownBy(() => server.final(proof, [VERIFIER])).code).toBe('protocol_violation');
  });

  test('refuses a flag that was changed on the way', async () => {
    const server = newServer();
    const client = new ScramClient({ password: 'correct', channelBinding: BINDING });
    const altered = client.first().replace(/^y/, 'n');
    const proof = await client.next(server.first(altered, SCRAM_SHA_256));
    expect(thrownBy(() => server.final(proof, [VERIFIER])).code).toBe('protocol_violation');
  });

  test.each<[string, string, string, ChannelBinding | undefined, string]>([
    ['a mechanism that is not offered', 'n,,n=,r=a', 'PLAIN', undefined, 'protocol_violation'],
    [
      'PLUS without TLS',
      'p=tls-server-end-point,,n=,r=a',
      SCRAM_SHA_256_PLUS,
      undefined,
      'protocol_violation',
    ],
    ['PLUS without binding', 'n,,n=,r=a', SCRAM_SHA_256_PLUS, BINDING, 'protocol_violation'],
    ['PLUS with y', 'y,,n=,r=a', SCRAM_SHA_256_PLUS, BINDING, 'protocol_violation'],
    ['binding without PLUS', 'p=tls-server-end-point,,n=,r=a', SCRAM_SHA_256, BINDING, 'protocol_violation'],
    ['another kind of binding', 'p=tls-unique,,n=,r=a', SCRAM_SHA_256_PLUS, BINDING, 'protocol_violation'],
    ['an unknown flag', 'x,,n=,r=a', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['an authorization identity', 'n,a=root,n=,r=a', SCRAM_SHA_256, undefined, 'unsupported'],
    ['a mandatory extension', 'n,,m=x,n=,r=a', SCRAM_SHA_256, undefined, 'unsupported'],
    ['no name', 'n,,r=a', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['no nonce', 'n,,n=', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['an empty nonce', 'n,,n=,r=', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['a nonce with a space', 'n,,n=,r=a b', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['a nonce with a NUL', 'n,,n=,r=a\0', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['nothing', '', SCRAM_SHA_256, undefined, 'protocol_violation'],
    ['a long message', `n,,n=,r=${'a'.repeat(2_000)}`, SCRAM_SHA_256, undefined, 'protocol_violation'],
  ])('refuses %s', (_, clientFirst, mechanism, channelBinding, code) => {
    const server = newServer({ channelBinding });
    expect(thrownBy(() => server.first(clientFirst, mechanism)).code).toBe(code);
    expect(thrownBy(() => server.first('n,,n=,r=a', SCRAM_SHA_256)).code).toBe('protocol_violation');
  });

  const nonceOf = (challenge: string) => challenge.split(',')[0]!.slice(2);
  const PROOF = Buffer.alloc(32).toString('base64');

  test.each<[string, (nonce: string) => string]>([
    ['another nonce', (nonce) => `c=biws,r=${nonce}x,p=${PROOF}`],
    ['the nonce of the client alone', () => `c=biws,r=abc,p=${PROOF}`],
    ['another binding', (nonce) => `c=eSws,r=${nonce},p=${PROOF}`],
    ['no proof', (nonce) => `c=biws,r=${nonce}`],
    ['a proof of 31 bytes', (nonce) => `c=biws,r=${nonce},p=${Buffer.alloc(31).toString('base64')}`],
    ['a proof that is no base64', (nonce) => `c=biws,r=${nonce},p=****`],
    [
      'a proof in another alphabet',
      (nonce) => `c=biws,r=${nonce},p=${Buffer.alloc(32, 0xff).toString('base64url')}=`,
    ],
    ['something after the proof', (nonce) => `c=biws,r=${nonce},p=${PROOF},x=y`],
    ['attributes in another order', (nonce) => `r=${nonce},c=biws,p=${PROOF}`],
    ['an attribute that is none', (nonce) => `c=biws,r=${nonce},,p=${PROOF}`],
  ])('refuses a final message with %s', (_, final) => {
    const server = newServer();
    const nonce = nonceOf(server.first('n,,n=,r=abc', SCRAM_SHA_256));
    expect(thrownBy(() => server.final(final(nonce), [VERIFIER])).code).toBe('protocol_violation');
  });

  test('passes over optional extensions, which the proof covers', async () => {
    const server = newServer();
    const client = new ScramClient({ password: 'correct' });
    const challenge = server.first(`${client.first()},x=1`, SCRAM_SHA_256);
    // This client's proof covers its own messages without the extensions, so only the syntax is accepted.
    const final = (await client.next(challenge)).replace(',p=', ',y=2,p=');
    expect(thrownBy(() => server.final(final, [VERIFIER])).code).toBe('authentication_failed');
  });

  test('decides once', async () => {
    const server = newServer();
    expect(thrownBy(() => server.final(`c=biws,r=a,p=${PROOF}`, [VERIFIER])).code).toBe('protocol_violation');
    const second = newServer();
    const client = new ScramClient({ password: 'correct' });
    const proof = await client.next(second.first(client.first(), client.mechanism));
    second.final(proof, [VERIFIER]);
    expect(thrownBy(() => second.final(proof, [VERIFIER])).code).toBe('protocol_violation');
  });

  test('throws nothing but SluiceError', () => {
    const piece = fc.constantFrom(
      'n',
      'y',
      'p=tls-server-end-point',
      ',',
      'n=',
      'r=',
      'a',
      'c=',
      'biws',
      'p=',
      '\0',
      'é',
    );
    const message = fc.array(fc.oneof(piece, fc.string({ maxLength: 3 }))).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(message, message, fc.boolean(), (first, final, binds) => {
        const server = newServer({ channelBinding: binds ? BINDING : undefined });
        thrownBy(() => {
          server.first(first, server.mechanisms[0]!);
          server.final(final, [VERIFIER]);
        });
      }),
    );
  });
});

describe('the client', () => {
  const challenged = async (serverFirst: (nonce: string) => string, minIterations = 1) => {
    const client = new ScramClient({ password: 'correct', minIterations });
    const nonce = client.first().split('r=')[1]!;
    await client.next(serverFirst(nonce));
    return client;
  };
  const salt = SALT.toString('base64');

  test.each<[string, (nonce: string) => string]>([
    ['another nonce', () => `r=other,s=${salt},i=4096`],
    ['its own nonce, not extended', (nonce) => `r=${nonce},s=${salt},i=4096`],
    ['no salt', (nonce) => `r=${nonce}x,s=,i=4096`],
    ['a salt that is no base64', (nonce) => `r=${nonce}x,s=*,i=4096`],
    ['no iterations', (nonce) => `r=${nonce}x,s=${salt},i=0`],
    ['a negative count', (nonce) => `r=${nonce}x,s=${salt},i=-1`],
    ['a count that is no number', (nonce) => `r=${nonce}x,s=${salt},i=0x10`],
    ['more work than it does', (nonce) => `r=${nonce}x,s=${salt},i=${MAX_SCRAM_ITERATIONS + 1}`],
    ['endless work', (nonce) => `r=${nonce}x,s=${salt},i=9999999999`],
    ['less work than it wants', (nonce) => `r=${nonce}x,s=${salt},i=999`],
    ['a mandatory extension', (nonce) => `m=x,r=${nonce}x,s=${salt},i=4096`],
    ['nothing', () => ''],
    ['a long message', (nonce) => `r=${nonce}${'x'.repeat(2_000)},s=${salt},i=4096`],
  ])('refuses a challenge with %s', async (_, serverFirst) => {
    await expect(challenged(serverFirst, 1_000)).rejects.toMatchObject({ code: 'protocol_violation' });
  });

  test.each([
    ['refuses the proof', 'e=invalid-proof', 'upstream_unavailable'],
    ['signs with another key', `v=${Buffer.alloc(32).toString('base64')}`, 'upstream_unavailable'],
    ['signs too little', `v=${Buffer.alloc(16).toString('base64')}`, 'upstream_unavailable'],
    ['does not sign', 'v=', 'upstream_unavailable'],
    ['says something else', 'x=y', 'protocol_violation'],
    ['says nothing', '', 'protocol_violation'],
  ])('is not verified if the server %s', async (_, serverFinal, code) => {
    const client = await challenged((nonce) => `r=${nonce}x,s=${salt},i=1`);
    expect(thrownBy(() => client.finish(serverFinal)).code).toBe(code);
    expect(client.verified).toBe(false);
    expect(thrownBy(() => client.finish(serverFinal)).code).toBe('protocol_violation');
  });

  test('does nothing out of order', async () => {
    const client = new ScramClient({ password: 'correct' });
    expect(() => client.finish('v=x')).toThrow(/malformed SCRAM/);
    expect(() => client.first()).toThrow(/malformed SCRAM/);
    const other = new ScramClient({ password: 'correct' });
    await expect(other.next('r=x')).rejects.toThrow(/malformed SCRAM/);
  });

  test('needs a mechanism that it knows', () => {
    const make = (offered: string[], channelBinding?: ChannelBinding) =>
      thrownBy(() => new ScramClient({ password: 'x', offered, channelBinding })).code;
    expect(make(['PLAIN'])).toBe('upstream_unavailable');
    expect(make([SCRAM_SHA_256_PLUS])).toBe('upstream_unavailable');
    expect(make([], BINDING)).toBe('upstream_unavailable');
  });

  test('keeps the password out of its errors', async () => {
    const client = new ScramClient({ password: 'tell no one' });
    client.first();
    const thrown: SluiceError = await client.next('r=x').then(
      () => expect.unreachable(),
      (error) => error,
    );
    expect(`${thrown.message} ${thrown.detail} ${thrown.stack}`).not.toContain('tell no one');
  });
});

/** A verifier of the bytes as they are, by the RFC's formulas. */
function rawVerifier(password: string) {
  const hmac = (key: Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const salted = pbkdf2Sync(password, SALT, 1, 32, 'sha256');
  return {
    storedKey: createHash('sha256').update(hmac(salted, 'Client Key')).digest(),
    serverKey: hmac(salted, 'Server Key'),
  };
}

test.each([
  ['IX', '\u2168'],
  ['ab', 'a\u00adb'],
  ['a b', 'a\u00a0b'],
])('SASLprep makes %j of %j', (prepared, password) => {
  expect(makeVerifier(password, SALT, 1)).toEqual(rawVerifier(prepared));
});

test.each(['a\u0007b', '\u0627\u0031', '\u{e0001}', '\u00ad'])('SASLprep leaves %j as it is', (password) => {
  expect(makeVerifier(password, SALT, 1)).toEqual(rawVerifier(password));
});

test('md5Password is the formula of the manual', () => {
  const md5 = (data: Buffer | string) => createHash('md5').update(data).digest('hex');
  const salt = Buffer.from([0xff, 0, 1, 2]);
  const expected = `md5${md5(Buffer.concat([Buffer.from(md5('secretalice')), salt]))}`;
  expect(md5Password('alice', 'secret', salt)).toBe(expected);
});
