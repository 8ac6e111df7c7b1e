/**
 * A filter's text → what it asks for. Things side by side must all hold; `or`, `not` (or `-`) and parentheses join them otherwise.
 *
 *   either  = both { "or" both }
 *   both    = one { [ "and" ] one }
 *   one     = ( "not" | "-" ) one | "(" either ")" | field ":" value { "," value } | word
 *
 * Pure: the time comes with the text.
 */
import { didYouMean } from '../../config/nearest-name.ts';
import { FIELD_NAMES, type FieldRow, fieldOf } from './fields.ts';
import { ALL, all, any, type Filter } from './filter.ts';
import { FilterError } from './filter-error.ts';
import { type Place, type Token, tokensOf } from './lexer.ts';
import { type TimePoint, valueFilter } from './value-filter.ts';

/** How deep parentheses and negations may stand, and how many things one filter may ask for. */
const MAX_DEPTH = 40;
const MAX_PARTS = 200;

/**
 * @param now milliseconds since the epoch, which relative times count from
 * @throws {FilterError} bad_request, with the place and a suggestion
 */
export function parseFilter(text: string, now: number): Filter {
  return new Parser(text, tokensOf(text), now).filter();
}

/** A part with what its neighbours have to know of it. */
interface Part {
  readonly filter: Filter;
  /** Present for `write` and `read` as bare words: they say how columns and relations beside them are used. */
  readonly use?: 'writes' | 'reads';
  readonly time?: TimePoint;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #now: number;
  #at = 0;
  #depth = 0;
  #parts = 0;

  constructor(text: string, tokens: readonly Token[], now: number) {
    this.#text = text;
    this.#tokens = tokens;
    this.#now = now;
  }

  filter(): Filter {
    if (this.#peek().type === 'end') return ALL;
    const filter = this.#either();
    const left = this.#peek();
    if (left.type !== 'end')
      throw this.#error(left, 'this parenthesis closes nothing', 'Remove it, or open one before.');
    return filter;
  }

  #either(): Filter {
    if (++this.#depth > MAX_DEPTH) throw this.#error(this.#peek(), 'the filter is nested too deep');
    const choices = [this.#both()];
    while (this.#isWord('or')) {
      this.#at++;
      choices.push(this.#both());
    }
    this.#depth--;
    return any(choices);
  }

  #both(): Filter {
    const parts: Part[] = [this.#one()];
    for (;;) {
      if (this.#isWord('and')) this.#at++;
      else if (this.#ends()) break;
      parts.push(this.#one());
    }
    return together(parts, this.#now);
  }

  #one(): Part {
    const token = this.#peek();
    this.#count(token);
    if (token.type === '-' || this.#isWord('not')) {
      this.#at++;
      return this.#negated();
    }
    if (token.type === '(') return { filter: this.#parenthesis(token) };
    if (token.type === 'word' && !this.#isWord('or') && !this.#isWord('and')) {
      this.#at++;
      return wordPart(token.value.text, token.value.quoted);
    }
    if (token.type === 'field') {
      this.#at++;
      return this.#field(token);
    }
    const what =
      token.type === 'end' ? 'the filter ends where something is expected' : 'something is missing here';
    throw this.#error(token, what, 'Write a filter such as principal:bob, or a word of the statement.');
  }

  #negated(): Part {
    if (++this.#depth > MAX_DEPTH) throw this.#error(this.#peek(), 'the filter is nested too deep');
    const filter = together([this.#one()], this.#now);
    this.#depth--;
    return { filter: { op: 'not', of: filter } };
  }

  #parenthesis(open: Token): Filter {
    this.#at++;
    const filter = this.#either();
    if (this.#peek().type !== ')')
      throw this.#error(open, 'this parenthesis is never closed', 'Close it with ).');
    this.#at++;
    return filter;
  }

  #field(token: Token & { type: 'field' }): Part {
    const row = fieldOf(token.name.text);
    if (row === undefined) throw this.#unknownField(token);
    const parts = token.values.map((value, index): Part => {
      if (index > 0) this.#count(value);
      if (value.text === '')
        throw this.#error(value, `${row.name}: needs a value`, `Write it like ${row.example}.`);
      const found = valueFilter(row, value, this.#now);
      if ('problem' in found) throw this.#error(value, found.problem, found.hint);
      return found;
    });
    const time = parts[0]?.time;
    if (time !== undefined && parts.length > 1)
      throw this.#error(token, `${row.name}: takes one time`, 'Join several with or.');
    return time === undefined ? { filter: any(parts.map(({ filter }) => filter)) } : (parts[0] as Part);
  }

  #count(place: Place): void {
    if (++this.#parts > MAX_PARTS)
      throw this.#error(place, `the filter asks for more than ${MAX_PARTS} things`);
  }

  #unknownField({ name, values }: Token & { type: 'field' }): FilterError {
    const near = didYouMean(name.text, FIELD_NAMES, '').replace(
      /^Did you mean "(.*)"\?$/,
      'Did you mean $1:?',
    );
    const quoted = `To look for the text, put it in quotes: "${name.text}:${values.map(({ text }) => text).join(',')}".`;
    return this.#error(name, `there is no field "${name.text.slice(0, 40)}"`, near === '' ? quoted : near);
  }

  #peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #isWord(text: string): boolean {
    const token = this.#peek();
    return token.type === 'word' && !token.value.quoted && token.value.text.toLowerCase() === text;
  }

  #ends(): boolean {
    const { type } = this.#peek();
    return type === 'end' || type === ')' || this.#isWord('or');
  }

  #error(place: Place, message: string, hint?: string): FilterError {
    return new FilterError(this.#text, place, message, hint);
  }
}

/** A word without a field. */
function wordPart(text: string, quoted: boolean): Part {
  const word = text.toLowerCase();
  if (!quoted && (word === 'write' || word === 'read')) {
    const filter: Filter = { op: 'term', field: 'is', value: word, pattern: false };
    return { filter, use: word === 'write' ? 'writes' : 'reads' };
  }
  const row = fieldOf('text') as FieldRow;
  const found = valueFilter(row, { text, quoted, from: 0, to: 0 }, 0);
  return 'problem' in found ? { filter: ALL } : found;
}

/** All parts; `write` and `read` tell what is meant by the columns and relations beside them, `since` which `until` is meant. */
function together(parts: readonly Part[], now: number): Filter {
  const uses = new Set(parts.flatMap(({ use }) => (use === undefined ? [] : [use])));
  const [use] = uses.size === 1 ? uses : [];
  const since = parts.find(({ time }) => time?.edge === 'since')?.time?.span(now);
  return all(
    parts.map(({ filter, time }) => {
      if (time === undefined) return use === undefined ? filter : usedAs(filter, use);
      return { op: 'time', ...time.span(now, since?.from) };
    }),
  );
}

function usedAs(filter: Filter, use: 'writes' | 'reads'): Filter {
  if (filter.op === 'or') return { op: 'or', of: filter.of.map((one) => usedAs(one, use)) };
  const isUse = filter.op === 'term' && (filter.field === 'column' || filter.field === 'relation');
  return isUse ? { ...filter, field: use } : filter;
}
