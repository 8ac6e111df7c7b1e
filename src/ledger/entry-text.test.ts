import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { canonicalJson } from './canonical-json.ts';
import { entryText, parseEntryText } from './entry-text.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constant('"\\\n\u2028\0'),
);
const texts = fc.array(text, { maxLength: 4 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });

const statement = fc.record(
  {
    kind: fc.constant('statement' as const),
    session: text,
    statement: count,
    text,
    parameters: fc.array(fc.option(text), { maxLength: 4 }),
    command: text,
    actions: texts,
    relations: texts,
    decision: fc.constantFrom('allow', 'hold', 'deny'),
    policies: texts,
    policyVersion: text,
    reason: text,
    masked: texts,
    approval: text,
  },
  {
    requiredKeys: [
      'kind',
      'session',
      'statement',
      'text',
      'command',
      'actions',
      'relations',
      'decision',
      'policies',
      'policyVersion',
    ],
  },
);

const outcome = fc.record(
  {
    kind: fc.constant('outcome' as const),
    session: text,
    statement: count,
    tag: text,
    rows: count,
    bytes: count,
    sqlstate: text,
    durationUs: fc.oneof(count, fc.double({ min: 0, max: 1e12, noNaN: true }), fc.constant(-0)),
  },
  { requiredKeys: ['kind', 'session', 'statement', 'rows', 'bytes', 'durationUs'] },
);

const other = fc.record({
  kind: fc.constant('session-closed' as const),
  session: text,
  reason: text,
  statements: count,
});

it('equals the canonical JSON of the entry, whatever the kind', () => {
  fc.assert(
    fc.property(count, count, fc.oneof(statement, outcome, other), (seq, at, event) => {
      const expected = canonicalJson({ lane: 3, seq, at, event });
      expect(entryText(3, seq, at, event as LedgerEvent)).toBe(expected);
      expect(canonicalJson(parseEntryText(expected))).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

it('never spans lines', () => {
  fc.assert(
    fc.property(statement, (event) => {
      expect(entryText(0, 0, 0, event as LedgerEvent)).not.toMatch(/[\n\r\0]/);
    }),
  );
});

it('records what is no Unicode as U+FFFD', () => {
  const closed: LedgerEvent = { kind: 'session-closed', session: 'a\ud800', reason: '\udfff', statements: 0 };
  expect(parseEntryText(entryText(0, 1, 2, closed)).event).toEqual({
    ...closed,
    session: 'a\ufffd',
    reason: '\ufffd',
  });
  const held = {
    kind: 'outcome',
    session: 's\udc00',
    statement: 1,
    rows: 0,
    bytes: 0,
    durationUs: 0,
  } as const;
  expect(parseEntryText(entryText(0, 1, 2, held)).event).toEqual({ ...held, session: 's\ufffd' });
});

it('refuses numbers that JSON does not have', () => {
  const event = {
    kind: 'outcome',
    session: 's',
    statement: 1,
    rows: Number.NaN,
    bytes: 0,
    durationUs: 0,
  } as const;
  expect(() => entryText(0, 0, 0, event)).toThrow(TypeError);
});
