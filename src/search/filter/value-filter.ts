/** One value of a field → what it asks for. Pure. */
import { BlockList, isIP } from 'node:net';
import { nearestName } from '../../config/nearest-name.ts';
import type { FieldRow } from './fields.ts';
import { ALL, type Filter, fold, type TermField, wordsOf } from './filter.ts';
import type { Value } from './lexer.ts';
import { NUMBER_FORMS, rangeOf, type Unit } from './number-text.ts';
import {
  DAY_MS,
  lastTime,
  midnight,
  nextTime,
  TIME_FORMS,
  type TimeOfDay,
  type TimeSpan,
  timeOf,
} from './time-text.ts';

/** A time whose meaning depends on what stands beside it. */
export interface TimePoint {
  readonly edge: 'since' | 'until' | 'on';
  /** @param since where the same filter begins, if it says so */
  span(now: number, since?: number): TimeSpan;
}

export type Valued =
  | { readonly filter: Filter; readonly time?: TimePoint }
  | { readonly problem: string; readonly hint: string };

export function valueFilter({ name, kind, example }: FieldRow, value: Value, now: number): Valued {
  switch (kind.type) {
    case 'term':
      return termFilter(kind.field, kind.values, value, name);
    case 'words':
      return wordsFilter(kind.field, value);
    case 'number':
      return numberFilter(value.text, kind.unit, (from, to) => ({
        op: 'number',
        field: kind.field,
        from,
        to,
      }));
    case 'client':
      return clientFilter(value, example);
    case 'time':
      return timeFilter(kind.edge, value, now);
  }
}

function termFilter(
  field: TermField,
  values: readonly string[] | undefined,
  { text, quoted }: Value,
  name: string,
): Valued {
  const value = fold(text);
  if (values !== undefined && !values.includes(value)) {
    const nearest = nearestName(value, values);
    const hint =
      nearest === undefined ? `Write one of ${values.join(', ')}.` : `Did you mean ${name}:${nearest}?`;
    return { problem: `${name}: knows no "${text.slice(0, 40)}"`, hint };
  }
  return { filter: { op: 'term', field, value, pattern: !quoted && value.includes('*') } };
}

function wordsFilter(field: 'word' | 'purpose', { text, quoted }: Value): Valued {
  const pattern = !quoted && text.includes('*');
  if (pattern) return { filter: { op: 'term', field, value: fold(text), pattern } };
  const words = wordsOf(text);
  if (words.length === 0) return { filter: ALL };
  if (field === 'word' && words.length > 1) return { filter: { op: 'phrase', words } };
  const terms = words.map((value): Filter => ({ op: 'term', field, value, pattern: false }));
  return { filter: terms.length === 1 ? (terms[0] as Filter) : { op: 'and', of: terms } };
}

function numberFilter(text: string, unit: Unit, make: (from: number, to: number) => Filter): Valued {
  const range = rangeOf(text, unit);
  if (range !== undefined) return { filter: make(range.from, range.to) };
  return {
    problem: `"${text.slice(0, 40)}" is no number`,
    hint: `Write it like ${NUMBER_FORMS[unit ?? 'plain']}.`,
  };
}

function clientFilter({ text, quoted }: Value, example: string): Valued {
  const [network = '', bits, rest] = text.split('/');
  if (bits === undefined)
    return {
      filter: { op: 'term', field: 'client', value: fold(text), pattern: !quoted && text.includes('*') },
    };
  const family = isIP(network);
  const length = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (family === 0 || rest !== undefined || !(length <= (family === 4 ? 32 : 128)))
    return { problem: `"${text.slice(0, 50)}" is no network`, hint: `Write it like ${example}.` };
  return { filter: { op: 'network', network, bits: length } };
}

/** Whether an address is in a network. */
export function networkTest(network: string, bits: number): (address: string) => boolean {
  const list = new BlockList();
  list.addSubnet(network, bits, isIP(network) === 4 ? 'ipv4' : 'ipv6');
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function timeFilter(edge: TimePoint['edge'], { text }: Value, now: number): Valued {
  const time = timeOf(text, now);
  if (time === undefined)
    return { problem: `"${text.slice(0, 40)}" is no time`, hint: `Write it like ${TIME_FORMS}.` };
  return { filter: ALL, time: { edge, span: (at, since) => spanOf(edge, time, at, since) } };
}

const FOREVER = Number.MAX_SAFE_INTEGER;

function spanOf(edge: TimePoint['edge'], time: TimeSpan | TimeOfDay, now: number, since?: number): TimeSpan {
  const span =
    'timeOfDay' in time
      ? moment(edge === 'until' && since !== undefined ? nextTime(time, since) : lastTime(time, now))
      : time;
  switch (edge) {
    case 'since':
      return { from: span.from, to: FOREVER };
    case 'until':
      return { from: 0, to: span.to };
    case 'on':
      return span.to > span.from ? span : { from: midnight(span.from), to: midnight(span.from) + DAY_MS };
  }
}

const moment = (at: number): TimeSpan => ({ from: at, to: at });
