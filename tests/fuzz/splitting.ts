/**
 * Conversations that arrive in two parts, parted at every byte in turn, from the client and from the database; and conversations that end
 * there. The answers are the same wherever the cut is, and what ends leaves nothing open.
 */
import { transcribe } from '../support/transcript.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';
import { bytesOf, CONVERSATIONS } from './conversations.ts';
import { RawPeer, requireFrames, sleep } from './peer.ts';
import type { HostileDatabase, Hostility, Stage } from './stage.ts';

/** How many connections cut and split at once. */
const LANES = 8;

/** Plays a conversation once for each of its bytes, in one session. @throws Error at the first place where answers differ */
export async function splitRequests(target: WireTarget, name: string): Promise<number> {
  const client = await WireClient.open(target);
  try {
    const expected = await answersTo(client, name, [bytesOf(name)]);
    const { length } = bytesOf(name);
    for (let place = 1; place < length; place += 1) {
      const bytes = bytesOf(name);
      const seen = await answersTo(client, name, [bytes.subarray(0, place), bytes.subarray(place)]);
      requireSame(seen, expected, `${name}: requests split at byte ${place}`);
    }
    return length - 1;
  } finally {
    client.close();
  }
}

/** The same for what the database answers, for several conversations at once. */
export async function splitAllAnswers(stage: Stage, names: readonly string[]): Promise<number[]> {
  const lanes = [...stage.hostile];
  const counts: number[] = [];
  await inLanes(names.length, lanes.length, async (index) => {
    const hostile = lanes.pop()!;
    counts.push(await splitAnswers(hostile, names[index]!));
    lanes.push(hostile);
  });
  return counts;
}

async function splitAnswers(hostile: HostileDatabase, name: string): Promise<number> {
  const splitter = new Splitter();
  hostile.next = splitter.hostility;
  const client = await WireClient.open(hostile.target);
  try {
    const expected = await answersTo(client, name, [bytesOf(name)]);
    splitter.passed = 0;
    await answersTo(client, name, [bytesOf(name)]);
    const length = splitter.passed;
    for (let place = 1; place < length; place += 1) {
      splitter.splitAt(place);
      const seen = await answersTo(client, name, [bytesOf(name)]);
      requireSame(seen, expected, `${name}: answers split at byte ${place}`);
    }
    return length - 1;
  } finally {
    client.close();
  }
}

/** Counts the bytes of a database, and parts them once, or ends them, when so many have passed. */
class Splitter {
  passed = 0;
  #at = Number.POSITIVE_INFINITY;
  #isEnd = false;

  splitAt(place: number): void {
    this.passed = 0;
    this.#at = place;
  }

  endAt(place: number): void {
    this.splitAt(place);
    this.#isEnd = true;
  }

  readonly hostility: Hostility = (chunk) => {
    const place = this.#at - this.passed;
    this.passed += chunk.length;
    if (place <= 0 || place >= chunk.length) return place === 0 && this.#isEnd ? [null] : [chunk];
    return this.#isEnd ? [chunk.subarray(0, place), null] : [chunk.subarray(0, place), chunk.subarray(place)];
  };
}

/** Ends a client's conversation after each of its bytes: half of them say goodbye to the socket, half just vanish. */
export async function cutRequests(stage: Stage, name: string): Promise<number> {
  const bytes = bytesOf(name);
  await inLanes(bytes.length, LANES, async (place) => {
    const peer = await RawPeer.open(stage.target);
    await peer.send([bytes.subarray(0, place)]);
    if (place % 2 === 0) peer.end();
    else peer.socket.destroy();
    const received = await peer.untilClosed(20_000);
    requireFrames(received);
    stage.requireClean(received);
  });
  await requireNoSessions(stage);
  return bytes.length;
}

/** Ends a database's answers after each of their bytes. */
export async function cutAnswers(stage: Stage, name: string): Promise<number> {
  const length = await lengthOfAnswers(stage.hostile[0]!, name);
  const lanes = [...stage.hostile];
  await inLanes(length - 1, lanes.length, async (index) => {
    const hostile = lanes.pop()!;
    await cutAnswersAt(stage, hostile, name, index + 1);
    lanes.push(hostile);
  });
  await requireNoSessions(stage);
  return length - 1;
}

async function cutAnswersAt(stage: Stage, hostile: HostileDatabase, name: string, place: number) {
  const splitter = new Splitter();
  hostile.next = splitter.hostility;
  const peer = await RawPeer.open(hostile.target);
  await peer.until(() => peer.received.includes(READY), 20_000, 'no session');
  const greeting = peer.received.length;
  splitter.endAt(place);
  await peer.send([bytesOf(name)]);
  const received = await peer.untilClosed(20_000);
  requireFrames(received);
  stage.requireClean(received);
  requireCause(received.subarray(greeting), `${name}: answers cut at byte ${place}`);
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

async function lengthOfAnswers(hostile: HostileDatabase, name: string): Promise<number> {
  const splitter = new Splitter();
  hostile.next = splitter.hostility;
  const client = await WireClient.open(hostile.target);
  splitter.passed = 0;
  await answersTo(client, name, [bytesOf(name)]);
  client.close();
  return splitter.passed;
}

/** A client learns that its database is gone, unless that would have to be said in the middle of a row. */
function requireCause(received: Buffer, where: string): void {
  const last = received.lastIndexOf(0x45);
  const told = last >= 0 && received.subarray(last).includes('08006');
  if (told) return;
  // Rows and COPY data are passed on as they come.
  if (!received.includes(0x44) && !received.includes(0x64))
    throw new Error(`${where}: the client was not told`);
}

async function requireNoSessions(stage: Stage): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (let left = await stage.sessions(); left > 0; left = await stage.sessions()) {
    if (Date.now() > deadline) throw new Error(`${left} backends of sessions that have ended are left`);
    await sleep(50);
  }
  stage.requireHealth();
}

async function answersTo(client: WireClient, name: string, pieces: readonly Buffer[]): Promise<string[]> {
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await sleep(1);
    client.send(piece);
  }
  return (await client.untilReady(CONVERSATIONS[name]!.ends)).map(transcribe);
}

function requireSame(seen: readonly string[], expected: readonly string[], where: string): void {
  if (seen.join('\n') === expected.join('\n')) return;
  throw new Error(`${where}: expected\n${expected.join('\n')}\nbut got\n${seen.join('\n')}`);
}

async function inLanes(count: number, lanes: number, work: (place: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
