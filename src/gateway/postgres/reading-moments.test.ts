import { expect, test } from 'vitest';
import type { Facts } from '../../model/facts.ts';
import type { Plan } from '../../session/plan.ts';
import { literalsReadAt, ReadingMoments, readEarlier } from './reading-moments.ts';

const facts = (more: Partial<Facts>): Facts =>
  ({ settings: [], opaque: [], actions: [], command: 'SELECT', transaction: 'none', ...more }) as Facts;
const set = (name: string) => facts({ settings: [{ name, value: 'x', local: false }] });
const uses = (readAt: number, own: Facts = facts({})): Plan =>
  ({ statements: [{ analyzed: { facts: own }, uses: [{ readAt }] }] }) as unknown as Plan;
const nothing = { statements: [] } as unknown as Plan;

test.each<[Partial<Facts> | string, boolean]>([
  ['datestyle', true],
  ['timezone', true],
  ['search_path', true],
  ['', true],
  ['all', true],
  ['statement_timeout', false],
  ['application_name', false],
  [{ opaque: [{ kind: 'function', what: 'f' }] }, true],
  [{ command: 'DISCARD ALL' }, true],
  [{ actions: ['Administer'] }, true],
  [{ command: 'UPDATE', actions: ['Update'] }, false],
  [{ transaction: 'commit' }, false],
])('%j begins another moment: %j', (what, begins) => {
  const moments = new ReadingMoments(() => false);
  const before = moments.now;
  moments.note(typeof what === 'string' ? set(what) : facts(what));
  expect(moments.now !== before).toBe(begins);
});

test('what a transaction may take back counts again at its end, until it is over', () => {
  let outside = false;
  const moments = new ReadingMoments(() => outside);
  const seen = new Set([moments.now]);
  moments.note(set('datestyle'));
  seen.add(moments.now);
  for (const transaction of ['rollback-to', 'commit'] as const) {
    moments.note(facts({ transaction }));
    seen.add(moments.now);
  }
  moments.transactionMayEnd();
  seen.add(moments.now);
  expect(seen.size).toBe(5);
  outside = true;
  const settled = moments.now;
  moments.transactionMayEnd();
  moments.note(facts({ transaction: 'commit' }));
  expect(moments.now).toBe(settled);
});

test.each([
  [`UPDATE t SET a = $1, b = 5 WHERE id = $2`, undefined],
  [`UPDATE t SET a = 'x'`, 3],
  [`UPDATE t SET a = $$x$$`, 3],
  [`UPDATE t SET a = $t$x$t$`, 3],
  [`DELETE FROM t WHERE a = NULL`, 3],
])('%s is read in some way at %j', (text, at) => {
  expect(literalsReadAt(text, 3)).toBe(at);
});

test('what was read at another moment is not shown as if it were read now', () => {
  const moments = new ReadingMoments(() => false);
  moments.note(set('datestyle'));
  const { now } = moments;
  expect(readEarlier(nothing, undefined, moments)).toBeUndefined();
  expect(readEarlier(nothing, now, moments)).toBeUndefined();
  expect(readEarlier(uses(now), undefined, moments)).toBeUndefined();
  for (const stale of [
    readEarlier(nothing, now - 1, moments),
    readEarlier(uses(now - 1), undefined, moments),
    // The database may read it anew behind that.
    readEarlier(uses(now, set('datestyle')), undefined, moments),
  ])
    expect(stale?.code).toBe('plan_stale');
});
