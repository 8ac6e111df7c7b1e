import { describe, expect, test } from 'vitest';
import type { ColumnMask, LabelSet } from '../model/labels.ts';
import { createMaskSet } from './mask-set.ts';

const column = (relation: string, name: string, label: string): ColumnMask => ({
  relation,
  column: name,
  label,
  mask: { kind: 'last', n: 2 },
});
const NO_LOOKUPS = () => undefined;
const columns = [
  column('public.a', 'x', 'email'),
  column('public.a', 'x', 'phone'),
  column('public.a', 'y', 'email'),
  column('public.b', 'x', 'phone'),
];
const labels: LabelSet = {
  version: 'v',
  labels: ['email', 'phone'],
  columns,
  ofRelation: (relation) => columns.filter((one) => one.relation === relation),
  labelsOf: () => [],
};

const shown = (set: { columns: readonly ColumnMask[] }) =>
  set.columns.map((one) => `${one.relation}.${one.column} ${one.label} ${one.mask.kind}`);

describe('createMaskSet', () => {
  test('hides nothing from who may see all', () => {
    const set = createMaskSet(labels, () => true, NO_LOOKUPS);
    expect({ restricted: set.restricted, columns: set.columns }).toEqual({ restricted: false, columns: [] });
    expect(set.ofRelation('public.a')).toEqual([]);
  });

  test('hides a column if one of its labels is hidden, under the mask of that label', () => {
    const set = createMaskSet(labels, ({ label }) => label === 'email', NO_LOOKUPS);
    expect(set.restricted).toBe(true);
    expect(shown(set)).toEqual(['public.a.x phone last', 'public.b.x phone last']);
    expect(set.ofRelation('public.b')).toEqual([columns[3]]);
  });

  test('redacts a column once if several of its labels are hidden', () => {
    const set = createMaskSet(labels, () => false, NO_LOOKUPS);
    expect(shown(set)).toEqual(['public.a.x email redact', 'public.a.y email last', 'public.b.x phone last']);
    expect(set.ofRelation('public.a')).toEqual(set.columns.slice(0, 2));
  });

  test('lets values be looked up in hidden columns that hold one thing as a whole', () => {
    const path = { ...column('public.c', 'x', 'email'), path: ['mail'] };
    const more = { ...labels, columns: [...columns, path] };
    const set = createMaskSet(
      more,
      () => false,
      ({ label }) => (label === 'email' ? [7] : undefined),
    );
    expect(
      set.columns.map(({ relation, column: name, lookupsPerHour }) => [relation, name, lookupsPerHour]),
    ).toEqual([
      ['public.a', 'x', undefined],
      ['public.a', 'y', [7]],
      ['public.b', 'x', undefined],
      ['public.c', 'x', undefined],
    ]);
  });
});
