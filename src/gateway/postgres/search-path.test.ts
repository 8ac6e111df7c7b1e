import { expect, test } from 'vitest';
import { parseSearchPath } from './search-path.ts';

test.each([
  ['"$user", public', ['$user', 'public']],
  ['public', ['public']],
  ['A, "A", "a""b", "x,y"', ['a', 'A', 'a"b', 'x,y']],
  ['', []],
  ['""', ['']],
  ['"broken', []],
])('%j', (value, names) => {
  expect(parseSearchPath(value)).toEqual(names);
});
