import { describe, expect, it } from 'vitest';
import type { ColumnMask } from '../model/labels.ts';
import { demandsOf, LocalLookupMeter, type LookupDemand } from './lookup-meter.ts';

const MINUTE = 60_000;
const emails = (count: number, ...perHour: number[]): LookupDemand => ({ label: 'email', count, perHour });

function meterAt() {
  const clock = { now: 0 };
  return { clock, meter: new LocalLookupMeter(() => clock.now) };
}

describe('LocalLookupMeter', () => {
  it('counts principals, databases and labels apart', () => {
    const { meter } = meterAt();
    expect(meter.take(['bob'], 'shop', [emails(3, 3)])).toBeUndefined();
    expect(meter.take(['bob'], 'shop', [emails(1, 3)])).toBe('email');
    expect(meter.take(['carol'], 'shop', [emails(1, 3)])).toBeUndefined();
    expect(meter.take(['bob'], 'crm', [emails(1, 3)])).toBeUndefined();
    expect(meter.take(['bob'], 'shop', [{ ...emails(1, 3), label: 'phone' }])).toBeUndefined();
  });

  it('takes all or nothing', () => {
    const { meter } = meterAt();
    const phones = { ...emails(2, 1), label: 'phone' };
    expect(meter.take(['bob'], 'shop', [emails(3, 3), phones])).toBe('phone');
    expect(meter.take(['bob'], 'shop', [emails(3, 3)])).toBeUndefined();
  });

  it('holds each of a chain to a limit of its own', () => {
    const { meter } = meterAt();
    expect(meter.take(['bob'], 'shop', [emails(8, 10)])).toBeUndefined();
    expect(meter.take(['bot', 'bob'], 'shop', [emails(2, 5, 10)])).toBeUndefined();
    expect(meter.take(['bot', 'bob'], 'shop', [emails(1, 5, 10)])).toBe('email');
    expect(meter.take(['bot', 'carol'], 'shop', [emails(3, 5, 10)])).toBeUndefined();
    expect(meter.take(['bot', 'carol'], 'shop', [emails(1, 5, 10)])).toBe('email');
    // A limit that nobody has named is none at all.
    expect(meter.take(['bot', 'dora'], 'shop', [emails(1, 50)])).toBe('email');
  });

  it('never allows more than the limit within any hour', () => {
    const { clock, meter } = meterAt();
    const taken: number[] = [];
    for (; clock.now < 5 * 60 * MINUTE; clock.now += 7_000) {
      if (meter.take(['bob'], 'shop', [emails(1, 9)]) === undefined) taken.push(clock.now);
    }
    expect(taken.length).toBeGreaterThan(36);
    for (const from of taken)
      expect(taken.filter((at) => at >= from && at < from + 60 * MINUTE).length).toBeLessThanOrEqual(9);
  });
});

describe('demandsOf', () => {
  it('adds lookups up by label, under the strictest limits', () => {
    const column = (label: string, ...lookupsPerHour: number[]): ColumnMask => ({
      relation: 'public.people',
      column: label,
      label,
      mask: { kind: 'null' },
      lookupsPerHour,
    });
    expect(demandsOf([column('email', 9, 4), column('phone', 1, 1), column('email', 5, 7)])).toEqual([
      { label: 'email', count: 2, perHour: [5, 4] },
      { label: 'phone', count: 1, perHour: [1, 1] },
    ]);
  });
});
