/** What filters mean, and what is said of those that mean nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../errors/sluice-error.ts';
import { FIELDS } from './fields.ts';
import type { Filter } from './filter.ts';
import { parseFilter } from './parse-filter.ts';

const NOW = Date.UTC(2026, 10, 28, 3, 30);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = Date.UTC(2026, 10, 28);
const FOREVER = Number.MAX_SAFE_INTEGER;

const parse = (text: string): Filter => parseFilter(text, NOW);
const term = (field: string, value: string, pattern = false) => ({ op: 'term', field, value, pattern });
const time = (from: number, to: number) => ({ op: 'time', from, to });

describe('a filter', () => {
  it.each<[string, unknown]>([
    ['', { op: 'all' }],
    ['principal:Bob', term('principal', 'bob')],
    ['PRINCIPAL:bob', term('principal', 'bob')],
    ['user:bob', term('principal', 'bob')],
    ['principal:bob database:shop', { op: 'and', of: [term('principal', 'bob'), term('database', 'shop')] }],
    [
      'principal:bob and database:shop',
      { op: 'and', of: [term('principal', 'bob'), term('database', 'shop')] },
    ],
    ['principal:alice,bob', { op: 'or', of: [term('principal', 'alice'), term('principal', 'bob')] }],
    ['for:a or for:b', { op: 'or', of: [term('for', 'a'), term('for', 'b')] }],
    ['-for:a', { op: 'not', of: term('for', 'a') }],
    ['not for:a', { op: 'not', of: term('for', 'a') }],
    ['-(for:a or for:b)', { op: 'not', of: { op: 'or', of: [term('for', 'a'), term('for', 'b')] } }],
    [
      'a b or c',
      { op: 'or', of: [{ op: 'and', of: [term('word', 'a'), term('word', 'b')] }, term('word', 'c')] },
    ],
    ['agent:report-*', term('agent', 'report-*', true)],
    ['agent:"report-*"', term('agent', 'report-*')],
    ['chain:"report-bot for bob"', term('chain', 'report-bot for bob')],
    ['chain:"a \\"b\\" c"', term('chain', 'a "b" c')],
    ['"order by"', { op: 'phrase', words: ['order', 'by'] }],
    ['customers.balance', { op: 'phrase', words: ['customers', 'balance'] }],
    ['text:Drop', term('word', 'drop')],
    ['"write"', term('word', 'write')],
    ['write', term('is', 'write')],
    ['column:t.c write', { op: 'and', of: [term('writes', 't.c'), term('is', 'write')] }],
    [
      'read relation:a,b',
      { op: 'and', of: [term('is', 'read'), { op: 'or', of: [term('reads', 'a'), term('reads', 'b')] }] },
    ],
    [
      'column:t.c (write or x)',
      { op: 'and', of: [term('column', 't.c'), { op: 'or', of: [term('is', 'write'), term('word', 'x')] }] },
    ],
    ['purpose:OPS-12', { op: 'and', of: [term('purpose', 'ops'), term('purpose', '12')] }],
    ['client:10.0.0.1', term('client', '10.0.0.1')],
    ['client:10.0.0.0/8', { op: 'network', network: '10.0.0.0', bits: 8 }],
    ['client:"fd00::/8"', { op: 'network', network: 'fd00::', bits: 8 }],
    ['rows:7', { op: 'number', field: 'rows', from: 7, to: 7 }],
    ['rows:>10k', { op: 'number', field: 'rows', from: 10_001, to: Number.POSITIVE_INFINITY }],
    ['rows:10..20', { op: 'number', field: 'rows', from: 10, to: 20 }],
    ['bytes:<=1.5KiB', { op: 'number', field: 'bytes', from: 0, to: 1536 }],
    ['duration:>=2s', { op: 'number', field: 'us', from: 2_000_000, to: Number.POSITIVE_INFINITY }],
    ['duration:<1m', { op: 'number', field: 'us', from: 0, to: 59_999_999 }],
    ['since:2h', time(NOW - 2 * HOUR, FOREVER)],
    ['since:02:00', time(TODAY + 2 * HOUR, FOREVER)],
    ['since:22:00', time(TODAY - 2 * HOUR, FOREVER)],
    [
      'since:22:00 until:04:00',
      { op: 'and', of: [time(TODAY - 2 * HOUR, FOREVER), time(0, TODAY + 4 * HOUR)] },
    ],
    ['on:yesterday', time(TODAY - DAY, TODAY)],
    ['until:2026-11-27', time(0, TODAY)],
    ['since:2026-11-27T02:00+01:00', time(TODAY - DAY + HOUR, FOREVER)],
    ['since:"2026-11-27 02:00:30"', time(TODAY - DAY + 2 * HOUR + 30_000, FOREVER)],
    ['-since:1h', { op: 'not', of: time(NOW - HOUR, FOREVER) }],
  ])('%s', (text, filter) => {
    expect(parse(text)).toEqual(filter);
  });

  it.each(FIELDS.map(({ example }) => [example]))('may be the example %s', (example) => {
    expect(parse(example)).not.toEqual({ op: 'all' });
  });
});

describe('a mistake', () => {
  it.each<[string, string, string, string]>([
    ['a principle:bob', 'there is no field "principle"', '  ^^^^^^^^^', 'Did you mean principal:?'],
    ['zzz:1', 'there is no field "zzz"', '^^^', 'To look for the text, put it in quotes: "zzz:1".'],
    ['decision:denny', 'decision: knows no "denny"', '         ^^^^^', 'Did you mean decision:deny?'],
    ['is:evil', 'is: knows no "evil"', '   ^^^^', 'Write one of write, read'],
    ['principal:', 'principal: needs a value', '          ^', 'Write it like principal:report-bot.'],
    ['principal:a,,b', 'principal: needs a value', '            ^', 'Write it like'],
    ['since:soon', '"soon" is no time', '      ^^^^', 'Write it like 2h'],
    ['since:2026-02-30', '"2026-02-30" is no time', '      ^^^^^^^^^^', 'Write it like'],
    ['since:25:00', '"25:00" is no time', '      ^^^^^', 'Write it like'],
    ['rows:many', '"many" is no number', '     ^^^^', 'Write it like 100'],
    ['client:10.0.0.0/99', '"10.0.0.0/99" is no network', '       ^^^^^^^^^^^', 'Write it like'],
    ['(a', 'this parenthesis is never closed', '^', 'Close it'],
    ['a)', 'this parenthesis closes nothing', ' ^', 'Remove it'],
    ['"a', 'the quote is never closed', '^^', 'Close it'],
    ['a or', 'the filter ends where something is expected', '    ^', 'Write a filter'],
    ['or a', 'something is missing here', '^^', 'Write a filter'],
    ['since:1h,2h', 'since: takes one time', '^^^^^^^^^^^', 'Join several'],
  ])('%s', (text, message, mark, hint) => {
    const error = failureOf(text);
    expect([error.code, error.message, error.detail]).toEqual(['bad_request', message, `${text}\n${mark}`]);
    expect(error.hint).toContain(hint);
  });

  it('is never anything but an error with a place', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc
        .array(
          fc.constantFrom(
            '(',
            ')',
            '-',
            'not',
            'or',
            'and',
            '"',
            ':',
            ',',
            'a',
            'since:',
            'rows:',
            '..',
            '>',
            '*',
            ' ',
          ),
          { maxLength: 40 },
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (one) => {
        try {
          parse(one);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'bad_request', position: expect.any(Number) });
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is to ask for too much', () => {
    expect(failureOf('('.repeat(100)).message).toBe('the filter is nested too deep');
    expect(failureOf(`${'-'.repeat(100)}a`).message).toBe('the filter is nested too deep');
    expect(failureOf('a '.repeat(300)).message).toBe('the filter asks for more than 200 things');
    expect(failureOf('a'.repeat(5000)).message).toBe('the filter is longer than 4000 characters');
  });
});

function failureOf(text: string): SluiceError {
  try {
    parse(text);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown;
    throw thrown;
  }
  throw new Error(`${text} is no mistake`);
}
