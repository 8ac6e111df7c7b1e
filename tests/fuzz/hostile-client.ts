/**
 * Clients that send what no client should, in a session and before. Whatever it is, the gate answers it or says what is wrong, and
 * ends the connection once the client has said that nothing more comes.
 */
import fc from 'fast-check';
import {
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
} from '../../src/wire/postgres/index.ts';
import { bytesOf, NAMES } from './conversations.ts';
import { type Mutation, mutate, mutationsArbitrary, piecesArbitrary, piecesOf } from './mutation.ts';
import { RawPeer, requireFrames } from './peer.ts';
import type { Stage } from './stage.ts';

export interface ClientCase {
  readonly conversations: readonly string[];
  readonly mutations: readonly Mutation[];
  readonly pieces: readonly number[];
  /** Goes away without a word instead of waiting for answers. */
  readonly vanishes: boolean;
}

export const clientArbitrary: fc.Arbitrary<ClientCase> = fc.record({
  conversations: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
  mutations: mutationsArbitrary,
  pieces: piecesArbitrary,
  vanishes: fc.boolean(),
});

export interface StartupCase {
  readonly opening: keyof typeof OPENINGS;
  readonly mutations: readonly Mutation[];
  readonly pieces: readonly number[];
}

const START = encodeStartupMessage({
  parameters: new Map([
    ['user', 'fuzz'],
    ['database', 'shop'],
    ['options', '-c search_path=public'],
    ['application_name', 'fuzz'],
  ]),
});
const SASL_FIRST = encodeSaslInitialResponse('SCRAM-SHA-256', Buffer.from('n,,n=,r=rOprNGfwEbeRWgbNEkqO'));
const SASL_FINAL = encodeSaslResponse(
  Buffer.from(`c=biws,r=rOprNGfwEbeRWgbNEkqO,p=${Buffer.alloc(32, 7).toString('base64')}`),
);
const REQUEST = (code: number): Buffer => Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, code]);
/** What clients say before they are known. */
const OPENINGS = {
  'a start-up message': START,
  'a SCRAM dialogue': Buffer.concat([START, SASL_FIRST, SASL_FINAL]),
  'a password': Buffer.concat([START, encodePasswordMessage('guess')]),
  'SSLRequest and start-up': Buffer.concat([REQUEST(0x2f), START]),
  'GSSENCRequest and start-up': Buffer.concat([REQUEST(0x30), START]),
  'a cancel request': Buffer.from([0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0x12, 0x34, 1, 2, 3, 4]),
  'a session without a start': Buffer.concat([bytesOf('a simple query'), bytesOf('COPY in')]),
} as const;

export const startupArbitrary: fc.Arbitrary<StartupCase> = fc.record({
  opening: fc.constantFrom(...(Object.keys(OPENINGS) as (keyof typeof OPENINGS)[])),
  mutations: mutationsArbitrary,
  pieces: piecesArbitrary,
});

const CLOSE_TIMEOUT_MS = 20_000;

/** @throws Error that says how the gate failed */
export async function playHostileClient(stage: Stage, one: ClientCase): Promise<void> {
  const peer = await RawPeer.open(stage.target);
  const bytes = mutate(Buffer.concat(one.conversations.map(bytesOf)), one.mutations);
  await peer.send(piecesOf(bytes, one.pieces));
  if (one.vanishes) peer.socket.destroy();
  else peer.end();
  await requireEnd(stage, peer);
}

/** @throws Error that says how the gate failed */
export async function playHostileStartup(stage: Stage, one: StartupCase): Promise<void> {
  const peer = await RawPeer.dial(stage.target);
  await peer.send(piecesOf(mutate(OPENINGS[one.opening], one.mutations), one.pieces));
  peer.end();
  const received = await peer.untilClosed(CLOSE_TIMEOUT_MS);
  stage.requireClean(received);
  // Nobody here holds a token.
  if (received.includes(Buffer.from([0x5a, 0, 0, 0, 5])))
    throw new Error('somebody without a token was let in');
  stage.requireHealth();
}

async function requireEnd(stage: Stage, peer: RawPeer): Promise<void> {
  const received = await peer.untilClosed(CLOSE_TIMEOUT_MS);
  requireFrames(received);
  stage.requireClean(received);
  stage.requireHealth();
}
