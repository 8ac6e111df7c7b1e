import { describe, expect, test } from 'vitest';
import { type Expectation, Expectations } from './expectations.ts';

const kinds = (items: readonly Expectation[]) => items.map((item) => item.kind);
const bare = (kind: 'describe' | 'sync'): Expectation => ({ kind });
const execute = { kind: 'execute', plan: {}, ticket: undefined } as unknown as Expectation;

function queueOf(...items: Expectation[]): Expectations {
  const queue = new Expectations();
  for (const item of items) queue.push(item);
  return queue;
}

describe('after an error', () => {
  test('everything up to the next Sync is skipped, and no further', () => {
    const queue = queueOf(bare('describe'), execute, bare('sync'), execute, bare('sync'));
    expect(kinds(queue.skipToSync())).toEqual(['describe', 'execute']);
    expect(queue.head()?.kind).toBe('sync');
    expect(queue.size).toBe(3);
  });

  test('without a Sync, all is skipped', () => {
    const queue = queueOf(bare('describe'), execute);
    expect(kinds(queue.skipToSync())).toEqual(['describe', 'execute']);
    expect(queue.size).toBe(0);
  });
});

test('stays in order over many messages', () => {
  const queue = new Expectations();
  let seen = 0;
  for (let sent = 0; sent < 2_000; sent += 1) {
    queue.push({ kind: 'query', tickets: [], next: sent, inPipeline: false });
    if (sent % 3 === 2) {
      const item = queue.shift();
      expect(item).toMatchObject({ next: seen });
      seen += 1;
    }
  }
  expect(queue.size).toBe(2_000 - seen);
  expect(queue.drain()[0]).toMatchObject({ next: seen });
});

test('whoever waits is released when the database waits for the client', async () => {
  const queue = queueOf(execute);
  const waiting = queue.whenEmpty();
  queue.release();
  await waiting;
  expect(queue.size).toBe(1);
});

test('whenEmpty waits for the last answer', async () => {
  const queue = queueOf(bare('sync'), bare('sync'));
  let empty = false;
  const waiting = queue.whenEmpty().then(() => {
    empty = true;
  });
  queue.shift();
  await Promise.resolve();
  expect(empty).toBe(false);
  queue.shift();
  await waiting;
  await expect(new Expectations().whenEmpty()).resolves.toBeUndefined();
});
