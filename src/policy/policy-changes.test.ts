import { describe, expect, it } from 'vitest';
import { policyChanges } from './policy-changes.ts';

const policy = (id: string, text: string, file = 'a.cedar') => ({ id, file, text });

describe('what changed in the policies', () => {
  it.each([
    ['nothing', [policy('p', '1')], [policy('p', '1')], []],
    ['the order', [policy('p', '1'), policy('q', '2')], [policy('q', '2'), policy('p', '1')], []],
    ['a new one', [], [policy('p', '1')], [{ id: 'p', file: 'a.cedar', after: '1' }]],
    ['one gone', [policy('p', '1')], [], [{ id: 'p', file: 'a.cedar', before: '1' }]],
    [
      'another text',
      [policy('p', '1')],
      [policy('p', '2')],
      [{ id: 'p', file: 'a.cedar', before: '1', after: '2' }],
    ],
    [
      'another name',
      [policy('p', '1')],
      [policy('q', '1')],
      [
        { id: 'q', file: 'a.cedar', after: '1' },
        { id: 'p', file: 'a.cedar', before: '1' },
      ],
    ],
    [
      'an unnamed one before others',
      [policy('a.cedar#1', '1'), policy('a.cedar#2', '2')],
      [policy('a.cedar#1', '0'), policy('a.cedar#2', '1'), policy('a.cedar#3', '2')],
      [{ id: 'a.cedar#1', file: 'a.cedar', after: '0' }],
    ],
    [
      'one of two equal ones gone',
      [policy('a.cedar#1', '1'), policy('a.cedar#2', '1')],
      [policy('a.cedar#1', '1')],
      [{ id: 'a.cedar#1', file: 'a.cedar', before: '1' }],
    ],
  ])('%s', (_what, before, after, changes) => {
    expect(policyChanges(before, after)).toEqual(changes);
  });
});
