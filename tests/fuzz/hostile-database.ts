/**
 * Databases that answer what no database should, while a session begins and later. Whatever it is, the gate passes on whole messages or
 * ends the session and says why; when the database is gone, so is the session, and everybody else goes on.
 */
import fc from 'fast-check';
import { bytesOf, NAMES } from './conversations.ts';
import { type Mutation, mutate, mutationsArbitrary, piecesArbitrary, piecesOf } from './mutation.ts';
import { RawPeer, requireFrames, sleep } from './peer.ts';
import type { Hostility, Stage } from './stage.ts';

export interface DatabaseCase {
  readonly conversations: readonly string[];
  /** How many of the database's writes pass before one is changed; the first ones are the session's start-up. */
  readonly spared: number;
  readonly mutations: readonly Mutation[];
  readonly pieces: readonly number[];
}

export const databaseArbitrary: fc.Arbitrary<DatabaseCase> = fc.record({
  conversations: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 2 }),
  spared: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 12 })),
  mutations: mutationsArbitrary,
  pieces: piecesArbitrary,
});

const CLOSE_TIMEOUT_MS = 20_000;
/** How long answers may take that a lie has made impossible. */
const PATIENCE_MS = 60;

/** @throws Error that says how the gate failed */
export async function playHostileDatabase(stage: Stage, lane: number, one: DatabaseCase): Promise<void> {
  const hostile = stage.hostile[lane % stage.hostile.length]!;
  hostile.next = lying(one);
  let peer: RawPeer;
  try {
    peer = await RawPeer.open(hostile.target);
  } catch (thrown) {
    throw new Error('the gate did not let a client in', { cause: thrown });
  }
  const bytes = Buffer.concat(one.conversations.map(bytesOf));
  await peer.send([bytes]);
  const quietAt = Date.now() + PATIENCE_MS;
  while (!peer.closed && Date.now() < quietAt) await sleep(2);
  // A backend that was slow to come goes as well.
  const cutting = setInterval(() => hostile.cut(), 50);
  hostile.cut();
  const received = await peer.untilClosed(CLOSE_TIMEOUT_MS).finally(() => clearInterval(cutting));
  requireFrames(received);
  stage.requireClean(received);
  stage.requireHealth();
}

/** Lets some chunks pass, changes one, lets the others pass. */
function lying({ spared, mutations, pieces }: DatabaseCase): Hostility {
  let seen = 0;
  return (chunk) => {
    seen += 1;
    return seen === spared + 1 ? piecesOf(mutate(chunk, mutations), pieces) : [chunk];
  };
}
