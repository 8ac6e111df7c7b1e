import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AskedEvent, LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import { canonicalJson } from './canonical-json.ts';
import { MAX_ENTRY_BYTES } from './entry-bundle.ts';
import { EntryDecoder, type RawEntry } from './entry-decoder.ts';
import { type EncodedEntry, EntryEncoder } from './entry-encoder.ts';
import { FORM_REACH } from './form-shelf.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constant('"\\\n\u2028\0'),
);
const texts = fc.array(text, { maxLength: 4 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
/** Up to the last moment that a `Date` knows. */
const time = fc.nat({ max: 8.64e15 });

const form: fc.Arbitrary<StatementForm> = fc.record(
  {
    text: fc.array(text, { minLength: 1, maxLength: 3 }),
    command: text,
    actions: fc.constant([]),
    relations: texts,
    functions: texts,
    decision: fc.constantFrom('allow' as const, 'hold' as const, 'deny' as const),
    policies: texts,
    policyVersion: text,
    reason: text,
    masked: texts,
    unmasked: texts,
    lookups: texts,
    bounded: fc.constant(false as const),
    rewritten: fc.constant(true as const),
  },
  { requiredKeys: ['text', 'command', 'actions', 'relations', 'decision', 'policies', 'policyVersion'] },
);

const asked: fc.Arbitrary<AskedEvent> = form.chain((one) =>
  fc.record(
    {
      kind: fc.constant('asked' as const),
      session: text,
      statement: count,
      form: fc.constant(one),
      literals: fc.array(text, { minLength: one.text.length - 1, maxLength: one.text.length - 1 }),
      parameters: fc.array(fc.option(text), { maxLength: 4 }),
      approval: text,
    },
    { requiredKeys: ['kind', 'session', 'statement', 'form', 'literals'] },
  ),
);

const outcome: fc.Arbitrary<LedgerEvent> = fc.record(
  {
    kind: fc.constant('outcome' as const),
    session: text,
    statement: count,
    tag: text,
    rows: count,
    bytes: count,
    sqlstate: text,
    durationUs: fc.oneof(count, fc.double({ min: 0, max: 1e12, noNaN: true })),
    labels: fc.dictionary(
      fc.string({ unit: 'grapheme-ascii', minLength: 1 }).filter((key) => key !== '__proto__'),
      fc.record({ masked: count }),
    ),
  },
  { requiredKeys: ['kind', 'session', 'statement', 'rows', 'bytes', 'durationUs'] },
);

const other: fc.Arbitrary<LedgerEvent> = fc.record({
  kind: fc.constant('session-closed' as const),
  session: text,
  reason: text,
  statements: count,
});

const decoder = () => new EntryDecoder({ name: 'none', read: async () => undefined }, async function* () {});

async function decoded(entries: readonly EncodedEntry[], from = 0) {
  const reader = decoder();
  const read = [];
  for (const [index, { text: written, part }] of entries.entries()) {
    const raw: RawEntry = {
      seq: from + index,
      bytes: Buffer.from(written),
      sequenced: true,
      ...(part === undefined ? {} : { part: Buffer.from(part.json) }),
    };
    const entry = await reader.decode(raw);
    if (entry !== undefined) read.push(entry);
  }
  return read;
}

const wellFormed = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, member) =>
    typeof member === 'string' ? member.toWellFormed() : member,
  );

it('writes every event canonically, and reads it back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(asked, outcome, other), time, async (event, at) => {
      const entries = new EntryEncoder(3, undefined).encode(7, at, event);
      for (const { text: written } of entries) {
        expect(written).toBe(canonicalJson(JSON.parse(written)));
        expect(written).not.toMatch(/[\n\r\0]/);
      }
      const [entry, ...more] = await decoded(entries, 7);
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ seq: 6 + entries.length, id: `3.${6 + entries.length}`, at });
      if (event.kind !== 'asked') {
        expect(entry?.event).toEqual(wellFormed(event));
        return;
      }
      const { form: shared, kind: _, literals = [], parameters = [], ...own } = event;
      const { text: pieces, ...facts } = shared;
      expect(entry?.event).toEqual({
        ...(wellFormed({ ...own, ...facts }) as object),
        kind: 'statement',
        of: expect.stringMatching(/^[\w-]{43}$/),
        text: pieces
          .map(
            (piece, index) =>
              `${index === 0 ? '' : literals[index - 1]?.toWellFormed()}${piece.toWellFormed()}`,
          )
          .join(''),
        ...(literals.length === 0 ? {} : { literals: wellFormed(literals) }),
        ...(parameters.length === 0 ? {} : { parameters: wellFormed(parameters) }),
      });
    }),
    { numRuns: 300 },
  );
});

describe('a statement that is asked again', () => {
  const FORM: StatementForm = {
    text: ['SELECT id, status FROM orders WHERE id = ', ' AND total > ', ''],
    command: 'SELECT',
    actions: ['Read'],
    relations: ['Read public.orders(id,status,total)'],
    decision: 'allow',
    policies: ['default:read'],
    policyVersion: '0123456789abcdef',
  };
  const SESSION = '01JD6X0T8ZQ4Y5W3V2R1P0N9M8';
  const ask = (statement: number): AskedEvent => ({ kind: 'asked', session: SESSION, statement, form: FORM });

  it('is one entry of at most 200 bytes on disk, and so is its outcome', () => {
    const encoder = new EntryEncoder(9, undefined);
    expect(encoder.encode(0, 1_763_720_304_123, ask(1))).toHaveLength(2);
    // The length in front, the hash in the tile, and its share of the tiles above.
    const onDisk = (entries: readonly EncodedEntry[]) =>
      entries.reduce((sum, { text: written }) => sum + 2 + Buffer.byteLength(written) + 32 * (256 / 255), 0);
    const again = encoder.encode(12_345_678 % FORM_REACH, 1_763_720_304_123, ask(1234));
    expect(again).toHaveLength(1);
    expect(onDisk(again)).toBeLessThanOrEqual(200);
    const ended = encoder.encode(9_999_999, 1_763_720_304_123, {
      ...{
        kind: 'outcome',
        session: SESSION,
        statement: 1234,
        tag: 'SELECT 1',
        rows: 1,
        bytes: 99,
        durationUs: 1234,
      },
    } as LedgerEvent);
    expect(onDisk(ended)).toBeLessThanOrEqual(200);
  });

  it('has its form written out again before it is too far back', () => {
    const encoder = new EntryEncoder(0, undefined);
    expect(encoder.encode(0, 0, ask(1))).toHaveLength(2);
    expect(encoder.encode(FORM_REACH - 1, 0, ask(2))).toHaveLength(1);
    expect(encoder.encode(FORM_REACH, 0, ask(3))).toHaveLength(2);
    // Another object with the same content is the same form.
    expect(encoder.encode(FORM_REACH + 5, 0, { ...ask(4), form: { ...FORM } })).toHaveLength(1);
  });
});

it.each([
  ['a text', { ...({} as AskedEvent), literals: [], size: 200_000 }],
  ['a parameter', { parameters: ['p'.repeat(200_000)], size: 10 }],
])('gives %s that is too large for the log to a part', async (_name, { size, ...more }) => {
  const encoder = new EntryEncoder(0, undefined);
  const event: AskedEvent = {
    kind: 'asked',
    session: 's',
    statement: 1,
    form: {
      text: ['é'.repeat(size)],
      command: '',
      actions: [],
      relations: [],
      decision: 'allow',
      policies: [],
      policyVersion: '',
    },
    ...more,
  };
  const entries = encoder.encode(0, 5, event);
  for (const { text: written } of entries) expect(Buffer.byteLength(written)).toBeLessThan(MAX_ENTRY_BYTES);
  expect(entries.filter(({ part }) => part !== undefined)).toHaveLength(1);
  expect((await decoded(entries))[0]?.event).toMatchObject({
    kind: 'statement',
    text: 'é'.repeat(size),
    session: 's',
  });
});

it('refuses numbers that JSON does not have', () => {
  const event: LedgerEvent = {
    kind: 'outcome',
    session: 's',
    statement: 1,
    rows: Number.NaN,
    bytes: 0,
    durationUs: 0,
  };
  expect(() => new EntryEncoder(0, undefined).encode(0, 0, event)).toThrow(TypeError);
});
