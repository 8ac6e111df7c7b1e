import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Mask } from '../model/labels.ts';
import { formatMask, parseMask } from './mask-text.ts';

describe('parseMask', () => {
  test.each<[string, Mask]>([
    ['null', { kind: 'null' }],
    ['email', { kind: 'email' }],
    ['redact', { kind: 'redact' }],
    ['redact([gone])', { kind: 'redact', replacement: '[gone]' }],
    ['redact()', { kind: 'redact', replacement: '' }],
    [' last(4) ', { kind: 'last', n: 4 }],
    ['partial(64)', { kind: 'partial', n: 64 }],
    ['date(quarter)', { kind: 'date', unit: 'quarter' }],
    ['bucket(10000)', { kind: 'bucket', size: 10_000 }],
    ['bucket(0.5)', { kind: 'bucket', size: 0.5 }],
    ["constant(it's (x))", { kind: 'constant', value: "it's (x)" }],
  ])('%s', (text, mask) => {
    expect(parseMask(text)).toEqual(mask);
  });

  test.each([
    ['', /there is no mask/],
    ['lasst(4)', /there is no mask/],
    ['constructor', /there is no mask/],
    ['last', /malformed/],
    ['last(0)', /malformed/],
    ['last(65)', /malformed/],
    ['last(-1)', /malformed/],
    ['last(4', /there is no mask/],
    ['null(1)', /malformed/],
    ['date(day)', /malformed/],
    ['bucket(0)', /malformed/],
    ['bucket(1e9)', /malformed/],
    ['bucket(NaN)', /malformed/],
    ['constant', /malformed/],
    ['constant(a\u0000b)', /malformed/],
  ])('refuses %j and says what would be accepted', (text, message) => {
    let thrown: unknown;
    try {
      parseMask(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SluiceError);
    expect(thrown).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(message) });
    expect((thrown as SluiceError).hint).toMatch(/^(Use|Write) /);
  });
});

const text = fc.string({ maxLength: 40 }).filter((value) => !/[\u0000-\u001f\u007f]/.test(value));
const masks: fc.Arbitrary<Mask> = fc.oneof(
  fc.constant<Mask>({ kind: 'null' }),
  fc.constant<Mask>({ kind: 'email' }),
  fc.constant<Mask>({ kind: 'redact' }),
  text.map((replacement): Mask => ({ kind: 'redact', replacement })),
  text.map((value): Mask => ({ kind: 'constant', value })),
  fc.integer({ min: 1, max: 64 }).map((n): Mask => ({ kind: 'last', n })),
  fc.integer({ min: 1, max: 64 }).map((n): Mask => ({ kind: 'partial', n })),
  fc
    .constantFrom('month' as const, 'quarter' as const, 'year' as const)
    .map((unit): Mask => ({ kind: 'date', unit })),
  fc.integer({ min: 1, max: 1e9 }).map((size): Mask => ({ kind: 'bucket', size })),
);

test('what is formatted parses back', () => {
  fc.assert(
    fc.property(masks, (mask) => {
      expect(parseMask(formatMask(mask))).toEqual(mask);
    }),
  );
});

test('no text does anything but parse or throw config_invalid', () => {
  fc.assert(
    fc.property(fc.string(), (any) => {
      try {
        parseMask(any);
      } catch (error) {
        expect(error).toMatchObject({ code: 'config_invalid' });
      }
    }),
  );
});
