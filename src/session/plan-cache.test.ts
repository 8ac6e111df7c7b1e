import { describe, expect, it } from 'vitest';
import type { Plan } from './plan.ts';
import { PlanCache } from './plan-cache.ts';

const plan = (text: string): Plan =>
  ({ text, forwardText: text, statements: [], splices: [], generation: 'g' }) as unknown as Plan;
const text = (i: number, length: number): string => `${i} `.padEnd(length, 'x');

describe('a bucket', () => {
  it('holds so many characters of texts and of shapes, the latest first', () => {
    const bucket = new PlanCache().bucket('class', 'g');
    for (let i = 0; i < 1_000; i += 1) {
      bucket.addText(text(i, 4_000), plan(text(i, 4_000)));
      bucket.addShape({ key: text(i, 4_000), literals: [] }, plan(text(i, 4_000)));
    }
    expect(bucket.size).toBeLessThanOrEqual(2_000_000);
    expect(bucket.byText(text(999, 4_000))).toBeDefined();
    expect(bucket.byText(text(0, 4_000))).toBeUndefined();
    expect(bucket.byShape(text(999, 4_000), { key: text(999, 4_000), literals: [] })).toBeDefined();
    expect(bucket.byShape(text(0, 4_000), { key: text(0, 4_000), literals: [] })).toBeUndefined();
  });

  it('exchanges only literals that do not count', () => {
    const bucket = new PlanCache().bucket('class', 'g');
    const shape = (a: string, b: string) => ({
      key: 'key',
      literals: [0, a.length, a.length + 1, a.length + 1 + b.length],
    });
    const find = (a: string, b: string) => bucket.byShape(`${a} ${b}`, shape(a, b))?.statements;
    const variants = ['7', '11'].map((a) => ({ ...plan(`${a} 22`), statements: [] }));
    bucket.addShape(shape('7', '22'), variants[0]!, [0]);
    bucket.addShape(shape('11', '22'), variants[1]!, [0]);
    expect(find('7', '5')).toBe(variants[0]!.statements);
    expect(find('11', '666')).toBe(variants[1]!.statements);
    expect(find('1', '22')).toBeUndefined();
    expect(find('77', '2')).toBeUndefined();
    for (let i = 100; i < 200; i += 1) bucket.addShape(shape(`${i}`, '2'), plan(`${i} 2`), [0]);
    expect(find('199', '3')).toBeDefined();
    expect(find('7', '5')).toBeUndefined();
  });

  it('is a new one for another generation', () => {
    const cache = new PlanCache();
    const bucket = cache.bucket('class', 'g');
    expect(cache.bucket('class', 'g')).toBe(bucket);
    expect(cache.bucket('class', 'h')).not.toBe(bucket);
  });
});

it('all buckets together hold so many characters, the classes used last', () => {
  const cache = new PlanCache();
  const buckets = Array.from({ length: 60 }, (_, i) => {
    const bucket = cache.bucket(`class ${i}`, 'g');
    for (let j = 0; j < 60; j += 1) bucket.addText(text(j, 16_000), plan(text(j, 16_000)));
    return bucket;
  });
  expect(buckets.reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(40_000_000);
  const kept = buckets.filter((bucket, i) => cache.bucket(`class ${i}`, 'g') === bucket);
  expect(kept.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(34_000_000);
});
