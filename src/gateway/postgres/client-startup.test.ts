/** The start-up of a client over a real socket: what is told of names that exist, and when. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScramCandidate } from '../../identity/token-authority.ts';
import {
  decodeBackendMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  FrameReader,
  makeVerifier,
  SCRAM_SHA_256,
  ScramClient,
} from '../../wire/postgres/index.ts';
import { startUp } from './client-startup.ts';

const SALT = Buffer.alloc(16, 1);
const TOKEN = 'the token of alice';
const DECOY: ScramCandidate = { tokenId: '', storedKey: Buffer.alloc(32, 1), serverKey: Buffer.alloc(32, 2) };
const ALICE: ScramCandidate = { tokenId: 'of-alice', ...makeVerifier(TOKEN, SALT, 4096) };
/** Looking up a name that exists takes longer here than it ever should. */
const LOOK_UP_MS = 8;
/** Timers may be a millisecond early. */
const REFUSAL_MS = 19;

let server: Server;

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

/** Starts up as a client whose last words are `prove(challenge)`; what became of it, and how long that took from the first of SCRAM. */
async function attempt(user: string, prove: (client: ScramClient, challenge: string) => Promise<string>) {
  const accepted = once(server, 'connection');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = (await accepted) as [Socket];
  const outcome = startUp(peer, {
    local: false,
    tlsMode: 'disable',
    tls: undefined,
    certificates: undefined,
    tokens: {
      challenge: () => ({ salt: SALT, iterations: 4096 }),
      candidates: async (name) => {
        if (name !== 'alice') return [DECOY];
        await wait(LOOK_UP_MS);
        return [DECOY, ALICE];
      },
    },
    delay: async () => {},
  }).then(
    (client) => (client?.kind === 'session' ? client.credential.tokenId : undefined),
    (failure) => failure.error.code,
  );
  const messages = messagesOf(socket);
  socket.write(encodeStartupMessage({ parameters: new Map([['user', user]]) }));
  await messages();
  const client = new ScramClient({ password: TOKEN });
  // Before the challenge: on a busy machine it is read some time after the gate began to count.
  const startedAt = performance.now();
  socket.write(encodeSaslInitialResponse(SCRAM_SHA_256, Buffer.from(client.first())));
  const challenge = await messages();
  if (challenge.type !== 'AuthenticationSASLContinue') throw new Error(challenge.type);
  socket.write(encodeSaslResponse(Buffer.from(await prove(client, challenge.data.toString()))));
  const what = await outcome;
  socket.destroy();
  peer.destroy();
  return { what, ms: performance.now() - startedAt };
}

function messagesOf(socket: Socket) {
  const frames = new FrameReader({ maxFrameBytes: () => 4096 });
  return async () => {
    for (;;) {
      const frame = frames.next();
      if (frame !== undefined) return decodeBackendMessage(Buffer.from(frame.bytes));
      frames.push((await once(socket, 'data'))[0]);
    }
  };
}

const truly = (client: ScramClient, challenge: string) => client.next(challenge);
const falsely = async (client: ScramClient, challenge: string) => {
  const proof = await client.next(challenge);
  return `${proof.slice(0, proof.indexOf(',p=') + 3)}${Buffer.alloc(32).toString('base64')}`;
};

test('recognises the token behind a proof', async () => {
  expect((await attempt('alice', truly)).what).toBe('of-alice');
});

test.each([
  ['the right token under another name', 'mallory', truly, 'authentication_failed'],
  ['a wrong token', 'alice', falsely, 'authentication_failed'],
  ['a wrong token under a name that does not exist', 'mallory', falsely, 'authentication_failed'],
  ['nonsense', 'alice', async () => 'nonsense', 'protocol_violation'],
  ['nonsense under a name that does not exist', 'mallory', async () => 'nonsense', 'protocol_violation'],
])('refuses %s when the time is up, not when the look-up is done', async (_, user, prove, code) => {
  const { what, ms } = await attempt(user, prove);
  expect(what).toBe(code);
  expect(ms).toBeGreaterThan(REFUSAL_MS);
});
