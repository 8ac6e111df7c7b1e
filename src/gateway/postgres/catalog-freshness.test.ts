import { expect, test } from 'vitest';
import { CatalogFreshness, REFRESH_INTERVAL_MS } from './catalog-freshness.ts';

const MINUTE = 60_000;

function freshness() {
  const clock = { now: 0 };
  return { clock, fresh: new CatalogFreshness(() => clock.now) };
}

test('the first session has the catalog read', () => {
  const { fresh } = freshness();
  expect(fresh.isKept).toBe(false);
  expect(fresh.begin()).toBe(true);
  expect(fresh.isKept).toBe(true);
});

test('it is kept fresh for five minutes after the last session', () => {
  const { clock, fresh } = freshness();
  fresh.begin();
  clock.now = 20 * MINUTE;
  expect(fresh.isKept).toBe(true);
  fresh.end();
  clock.now += 5 * MINUTE - 1;
  expect(fresh.isKept).toBe(true);
  clock.now += 1;
  expect(fresh.isKept).toBe(false);
});

test.each([
  ['while it is kept, one that is being read need not be waited for', 1, REFRESH_INTERVAL_MS + 500, false],
  ['while it is kept, one that could not be read is', 1, 2 * REFRESH_INTERVAL_MS + 1, true],
  ['later, what is older than the interval is read', 10 * MINUTE, REFRESH_INTERVAL_MS + 1, true],
  ['later, what is not older is not', 10 * MINUTE, REFRESH_INTERVAL_MS, false],
])('%s', (_, silentMs, age, isRead) => {
  const { clock, fresh } = freshness();
  fresh.begin();
  fresh.end();
  clock.now = silentMs;
  fresh.loadedAt = clock.now - age;
  expect(fresh.begin()).toBe(isRead);
});
