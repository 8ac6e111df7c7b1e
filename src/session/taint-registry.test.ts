import { describe, expect, test } from 'vitest';
import { actor, BOB, REPORT_BOT } from '../../tests/support/sample-facts.ts';
import type { Actor } from '../model/principal.ts';
import { type TaintNews, TaintRegistry } from './taint-registry.ts';

const BODY = 'public.reviews.body';
const MAIL = 'public.mails.text';
const BOT = actor(REPORT_BOT, BOB);

function makeRegistry({ rememberMs = 10_000, per = 'principal' as 'principal' | 'token' } = {}) {
  const told: TaintNews[] = [];
  const clock = { now: 1_000_000 };
  const registry = new TaintRegistry({
    ...{ rememberMs, per, now: () => clock.now },
    tell: (news) => {
      told.push(news);
      return undefined;
    },
  });
  /** A session, and what it was tainted by. */
  const join = (who: Actor = BOT) => {
    const taints = new Set<string>();
    const seat = registry.join(who, {
      onTainted: (met) => {
        for (const one of met) taints.add(one);
      },
      onCleared: () => taints.clear(),
    });
    return { ...seat, taints };
  };
  return { registry, clock, told, join };
}

describe('who has met untrusted text', () => {
  test('is cleared in all sessions of the reader, those to come and those elsewhere, and may read anew', () => {
    const { join, told } = makeRegistry();
    const [one, two, other] = [join(), join(), join(actor(BOB))];
    one.reads([BODY]);
    other.reads([BODY]);
    one.clear();
    expect([one.taints.size, two.taints.size, join().taints.size]).toEqual([0, 0, 0]);
    expect([...join(actor(BOB)).taints]).toEqual([BODY]);
    expect(told.at(-1)).toMatchObject({ taints: [], until: 0 });
    two.reads([BODY]);
    expect([...one.taints]).toEqual([BODY]);
    expect(told.at(-1)).toMatchObject({ taints: [BODY] });
  });

  test('is the same in sessions that are open and in those to come', () => {
    const { join } = makeRegistry();
    const [one, two] = [join(), join()];
    one.reads([BODY]);
    expect([...two.taints]).toEqual([BODY]);
    expect([...join().taints]).toEqual([BODY]);
    expect([...join(actor(REPORT_BOT)).taints]).toEqual([]);
    expect([...join(actor(BOB)).taints]).toEqual([]);
  });

  test('is clean again after the time set, counted from the last reading', () => {
    const { clock, join } = makeRegistry();
    const one = join();
    one.reads([BODY]);
    clock.now += 9_000;
    one.reads([BODY]);
    clock.now += 10_000;
    expect([...join().taints]).toEqual([BODY]);
    clock.now += 1_000;
    expect([...join().taints]).toEqual([]);
  });

  test('others are told of what is news, and from time to time that it goes on', () => {
    const { clock, told, join } = makeRegistry();
    const one = join();
    one.reads([BODY]);
    one.reads([BODY]);
    expect(told.map(({ taints }) => taints)).toEqual([[BODY]]);
    one.reads([MAIL]);
    expect(told.at(-1)?.taints).toEqual([BODY, MAIL].sort());
    clock.now += 600;
    one.reads([BODY]);
    expect(told).toHaveLength(3);
  });

  test('what others tell counts, and never shortens what is known', () => {
    const { registry, clock, told, join } = makeRegistry();
    const { reads, taints } = join();
    reads([BODY]);
    const [{ reader }] = told as [TaintNews];
    registry.learn({ reader, taints: [MAIL], until: clock.now + 1 });
    expect([...taints]).toEqual([BODY, MAIL]);
    clock.now += 10_000;
    expect([...join().taints]).toEqual([BODY, MAIL].sort());
  });

  test('by token, each token is a reader of its own', () => {
    const { join } = makeRegistry({ per: 'token' });
    join({ ...BOT, tokenId: 't1' }).reads([BODY]);
    expect([...join({ ...BOT, tokenId: 't2' }).taints]).toEqual([]);
    expect([...join({ ...BOT, tokenId: 't1' }).taints]).toEqual([BODY]);
  });

  test('nothing is shared if nothing is remembered; and who has left is not told', () => {
    const alone = makeRegistry({ rememberMs: 0 });
    const [one, two] = [alone.join(), alone.join()];
    one.reads([BODY]);
    expect([...two.taints, ...alone.join().taints, ...alone.told]).toEqual([]);
    const { join } = makeRegistry();
    const gone = join();
    gone.leave();
    join().reads([BODY]);
    expect([...gone.taints]).toEqual([]);
  });
});
