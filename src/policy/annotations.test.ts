import { describe, expect, test } from 'vitest';
import { readApproval } from '../config/approval-text.ts';
import { readAnnotations } from './annotations.ts';

describe('what @approval leaves out', () => {
  const defaults = { groups: ['ops', 'dba'], quorum: 2, expiresMs: 60_000 };
  test.each([
    ['', { groups: ['dba', 'ops'], quorum: 2, expiresMs: 60_000 }],
    ['quorum=1', { groups: ['dba', 'ops'], quorum: 1, expiresMs: 60_000 }],
    ['groups=sec; expires=1h', { groups: ['sec'], quorum: 2, expiresMs: 3_600_000 }],
  ])('%j', (text, rule) => {
    expect(readApproval(text, defaults)).toEqual(rule);
    expect(readAnnotations('forbid', { approval: text === '' ? null : text }, defaults)).toEqual({
      approval: rule,
    });
  });
});

describe('annotations', () => {
  test('are read', () => {
    expect(
      readAnnotations('forbid', { id: 'a/b.c-1', reason: ' Because. ', hint: 'Do.', approval: 'groups=dba' }),
    ).toEqual({
      id: 'a/b.c-1',
      reason: 'Because.',
      hint: 'Do.',
      approval: { groups: ['dba'], quorum: 1, expiresMs: 900_000 },
    });
    expect(readAnnotations('permit', {})).toEqual({});
  });

  test.each([
    ['forbid', { aproval: 'groups=dba' }, /no annotation @aproval/],
    ['forbid', { toString: 'x' }, /no annotation @toString/],
    ['permit', { approval: 'groups=dba' }, /no effect on a permit/],
    ['permit', { reason: 'x' }, /no effect on a permit/],
    ['forbid', { approval: null }, /must name the groups/],
    ['forbid', { id: null }, /@id must be/],
    ['forbid', { id: 'sluice:x' }, /@id must be/],
    ['forbid', { id: 'a b' }, /@id must be/],
    ['forbid', { id: 'x'.repeat(81) }, /@id must be/],
    ['forbid', { reason: ' ' }, /@reason must be/],
    ['forbid', { reason: null }, /@reason must be/],
    ['forbid', { hint: 'a\nb' }, /@hint must be/],
    ['forbid', { hint: 'x'.repeat(501) }, /@hint must be/],
  ] as const)('%s %j is refused', (effect, annotations, message) => {
    expect(() => readAnnotations(effect, annotations as Record<string, string | null>)).toThrow(message);
  });
});
