import { expect, it } from 'vitest';
import type { Preview } from '../model/preview.ts';
import { previewRows, previewTable } from './preview-text.ts';

const PREVIEW: Preview = {
  ...{ request: 'apr_x', at: 0, place: 'preview', durationMs: 3, relation: 'public.t', parameterTypes: [] },
  affected: { count: 23, digest: 'ab' },
  tables: [{ relation: 'public.t', inserted: 0, updated: 23, deleted: 1 }],
  triggers: [{ name: 'noted', relation: 't', calls: 23 }],
  ...{ columns: ['id', 'what'], masked: ['what'], notes: ['Something else.'] },
  rows: [
    { before: ['1', 'a'], after: ['1', null] },
    { before: ['2', 'b\u001b[31m'] },
    { after: ['3', 'new'] },
  ],
};

it('says what a statement did, and where', () => {
  expect(previewRows(PREVIEW)).toEqual([
    ['rows', '23 of public.t'],
    ['table', 'public.t: 23 updated, 1 deleted'],
    ['trigger', 'noted on t, 23 times'],
    ['took', '3 ms, on the copy for previews; rolled back'],
    ['masked', 'what'],
    ['note', 'Something else.'],
  ]);
});

it('shows each row as it was and becomes, and no escape sequence', () => {
  const lines = previewTable(PREVIEW, undefined);
  expect(lines).toHaveLength(5);
  expect(lines[1]).toContain('a → NULL');
  expect(lines[2]).not.toContain('\u001b');
  expect(lines[3]).toContain('+ 3');
  expect(lines[4]).toBe('… and 20 more');
});
