import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnLabel } from '../model/labels.ts';
import { DEFAULT_MASKS } from './default-masks.ts';
import { createLabelSet } from './label-set.ts';
import { formatMask, parseMask } from './mask-text.ts';

const column = (relation: string, name: string, label: string): ColumnLabel => ({
  relation,
  column: name,
  label,
});

describe('createLabelSet', () => {
  const labels = createLabelSet({
    columns: [
      column('public.customers', 'email', 'email'),
      column('public.customers', 'name', 'name'),
      column('public.employees', 'salary', 'salary'),
      column('public.customers', 'email', 'email'),
      column('public.v', 'contact', 'phone'),
      column('public.v', 'contact', 'email'),
      column('public.t', 'x', 'shoe_size'),
      column('public.t', 'constructor', '__proto__'),
    ],
    masks: { salary: { kind: 'null' } },
    defaultMask: { kind: 'constant', value: '?' },
  });

  test('finds columns by relation, each once', () => {
    expect(labels.ofRelation('public.customers').map((found) => found.column)).toEqual(['email', 'name']);
    expect(labels.ofRelation('public.orders')).toEqual([]);
  });

  test('finds the labels of a column', () => {
    expect(labels.labelsOf('public.customers', 'email')).toEqual(['email']);
    expect(labels.labelsOf('public.v', 'contact')).toEqual(['email', 'phone']);
    expect(labels.labelsOf('public.customers', 'id')).toEqual([]);
    expect(labels.labelsOf('constructor', 'id')).toEqual([]);
  });

  test('takes the mask of the configuration, else the well-known one, else the default', () => {
    const masks = Object.fromEntries(labels.columns.map((found) => [found.label, found.mask]));
    expect(masks.salary).toEqual({ kind: 'null' });
    expect(masks.email).toEqual({ kind: 'email' });
    expect(masks.shoe_size).toEqual({ kind: 'constant', value: '?' });
    expect(labels.ofRelation('public.t').map((found) => found.mask.kind)).toEqual(['constant', 'constant']);
  });

  test('lists the labels sorted', () => {
    expect(labels.labels).toEqual(['__proto__', 'email', 'name', 'phone', 'salary', 'shoe_size']);
  });

  test('a label without any mask shows nothing', () => {
    expect(createLabelSet({ columns: [column('a.b', 'c', 'unheard_of')] }).columns[0]?.mask).toEqual({
      kind: 'redact',
    });
  });
});

test('the version depends on the content and on nothing else', () => {
  const name = fc.constantFrom('a', 'b', 'c.d', 'e"f');
  const columns = fc.array(fc.tuple(name, name, name), { maxLength: 8 });
  const build = (all: readonly (readonly [string, string, string])[]) =>
    createLabelSet({ columns: all.map(([relation, one, label]) => column(relation, one, label)) });
  const content = (all: readonly (readonly [string, string, string])[]) =>
    JSON.stringify([...new Set(all.map((one) => JSON.stringify(one)))].sort());
  fc.assert(
    fc.property(columns, columns, (one, other) => {
      expect(build(one).version).toBe(build([...one].reverse()).version);
      expect(build(one).version === build(other).version).toBe(content(one) === content(other));
    }),
  );
});

test('every well-known mask can be written in a configuration', () => {
  for (const mask of Object.values(DEFAULT_MASKS)) expect(parseMask(formatMask(mask))).toEqual(mask);
});
