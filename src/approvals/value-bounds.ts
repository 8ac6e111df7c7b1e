/**
 * Bounds of values, as approvers write them and as they hold. Fail closed: a value that is not plainly within a bound is outside of it.
 *
 *     1..500      a number between, ends included      paid|open   one of these texts
 *     *           anything, NULL included
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { ValueBound } from '../model/grant.ts';
import type { ParameterValue } from '../model/session.ts';

const MAX_BOUND_LENGTH = 1000;
const NUMBER = /^-?\d{1,40}(\.\d{1,40})?$/;

/** @throws {SluiceError} bad_request */
export function readBound(text: string): ValueBound {
  if (text.length > MAX_BOUND_LENGTH) throw badBound('a bound is too long');
  if (text === '*') return { any: true };
  const range = /^(.*[^.])\.\.([^.].*)$/.exec(text);
  if (range === null) return { oneOf: text.split('|') };
  const [, from = '', to = ''] = range;
  if (!NUMBER.test(from) || !NUMBER.test(to))
    throw badBound(`${JSON.stringify(text)} is no range of numbers`);
  if (compareDecimals(from, to) > 0) throw badBound(`the range ${from}..${to} is empty`);
  return { from, to };
}

export function isWithin(bound: ValueBound, value: ParameterValue): boolean {
  if ('any' in bound) return true;
  if ('is' in bound) return bound.is === value;
  if (value === null) return false;
  if ('oneOf' in bound) return bound.oneOf.includes(value);
  return (
    NUMBER.test(value) && compareDecimals(bound.from, value) <= 0 && compareDecimals(value, bound.to) <= 0
  );
}

/** As an approver would write it; what must be exactly so, with `=` before. */
export function boundText(bound: ValueBound): string {
  if ('any' in bound) return '*';
  if ('is' in bound) return bound.is === null ? '= NULL' : `= ${bound.is}`;
  return 'oneOf' in bound ? bound.oneOf.join('|') : `${bound.from}..${bound.to}`;
}

/** Exact, whatever the number of digits. */
function compareDecimals(a: string, b: string): number {
  const digits = Math.max(fractionOf(a).length, fractionOf(b).length);
  const [x, y] = [scaled(a, digits), scaled(b, digits)];
  return x < y ? -1 : x > y ? 1 : 0;
}

const fractionOf = (text: string): string => text.split('.')[1] ?? '';

function scaled(text: string, digits: number): bigint {
  return BigInt(text.split('.')[0] + fractionOf(text).padEnd(digits, '0'));
}

function badBound(message: string): SluiceError {
  return new SluiceError('bad_request', message, {
    hint: 'Write 1..500 for numbers between, a|b for one of several texts, * for anything.',
  });
}
