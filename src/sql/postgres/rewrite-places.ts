/**
 * Where in the text the things stand that are replaced: a relation with ONLY and `*`, its TABLESAMPLE, the TABLE in front of
 * it, the columns behind it.
 */

import { type Token, tokenize } from './lexer.ts';
import type { Offsets } from './offsets.ts';
import { rewriteFailed } from './refusal.ts';
import type { ColumnRef, Node, RangeTableSample, RangeVar, ResTarget } from './tree.ts';

export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** The tokens of a text, found by the byte offsets of its tree. */
export class Places {
  readonly #text: string;
  readonly #offsets: Offsets;
  #tokens: readonly Token[] | undefined;
  #byStart: ReadonlyMap<number, number> | undefined;

  constructor(text: string, offsets: Offsets) {
    this.#text = text;
    this.#offsets = offsets;
  }

  /** The name alone: `public.customers`. */
  name(node: RangeVar): Extent {
    const first = this.#indexAt(node.location);
    return { start: this.#token(first).start, end: this.#token(this.#lastOfName(first, node)).end };
  }

  /** The name with the ONLY in front of it or the `*` behind, and TABLE in front of it all. */
  relation(node: RangeVar): Extent & { readonly isTableCommand: boolean } {
    let first = this.#indexAt(node.location);
    let last = this.#lastOfName(first, node);
    if (this.#word(first - 1) === '(' && this.#word(first - 2) === 'only' && this.#word(last + 1) === ')') {
      first -= 2;
      last += 1;
    } else if (this.#word(first - 1) === 'only') first -= 1;
    if (this.#word(last + 1) === '*') last += 1;
    const isTableCommand = this.#word(first - 1) === 'table';
    if (isTableCommand) first -= 1;
    return { start: this.#token(first).start, end: this.#token(last).end, isTableCommand };
  }

  /** `TABLESAMPLE method (…) [REPEATABLE (…)]` */
  sample(node: RangeTableSample): Extent {
    const method = this.#indexAt(node.location);
    if (this.#word(method - 1) !== 'tablesample') throw rewriteFailed('TABLESAMPLE was not found');
    let last = this.#closing(this.#next(method, '('));
    if (this.#word(last + 1) === 'repeatable') last = this.#closing(last + 2);
    return { start: this.#token(method - 1).start, end: this.#token(last).end };
  }

  /** A relation's name in COPY with the column list behind it. */
  copied(node: RangeVar, hasColumns: boolean): Extent {
    const first = this.#indexAt(node.location);
    const last = this.#lastOfName(first, node);
    const end = hasColumns ? this.#closing(last + 1) : last;
    return { start: this.#token(first).start, end: this.#token(end).end };
  }

  /** A column reference, its star included. */
  column(node: ColumnRef): Extent {
    const first = this.#indexAt(node.location);
    const last = first + 2 * ((node.fields?.length ?? 1) - 1);
    for (let i = first + 1; i < last; i += 2) {
      if (this.#word(i) !== '.') throw rewriteFailed('a column in the statement was not found');
    }
    return { start: this.#token(first).start, end: this.#token(last).end };
  }

  /** An entry of a RETURNING: up to the next comma, or to where the statement ends. */
  target({ location }: ResTarget): Extent {
    const first = this.#indexAt(location);
    let depth = 0;
    let last = first;
    for (let i = first; ; i++) {
      const word = this.#word(i);
      if (word === '(' || word === '[') depth++;
      if (word === ')' || word === ']') depth--;
      const isEnd = word === undefined || word === ';' || (word === ',' && depth === 0) || depth < 0;
      if (isEnd) return { start: this.#token(first).start, end: this.#token(last).end };
      last = i;
    }
  }

  /** Where the first key of a GROUP BY may be put. */
  groupKeys(keys: readonly Node[]): number {
    const start = leftmost(keys);
    let at = this.#indexAt(Number.isFinite(start) ? start : undefined);
    while (at > 0 && !(this.#word(at - 1) === 'by' && this.#word(at - 2) === 'group')) at--;
    if (this.#word(at) === 'all' || this.#word(at) === 'distinct') at++;
    return this.#token(at).start;
  }

  /** What stands in front of the last two parts of a column reference. */
  qualification(node: ColumnRef): Extent {
    const first = this.#indexAt(node.location);
    const parts = (node.fields?.length ?? 0) - 2;
    return { start: this.#token(first).start, end: this.#token(first + 2 * parts).start };
  }

  slice({ start, end }: Extent): string {
    return this.#text.slice(start, end);
  }

  #indexAt(location: number | undefined): number {
    if (location === undefined || location < 0) throw rewriteFailed('a place in the statement is not known');
    this.#tokens ??= tokenize(this.#text);
    this.#byStart ??= new Map(this.#tokens.map(({ start }, i) => [start, i]));
    const index = this.#byStart.get(this.#offsets.toUtf16(location));
    if (index === undefined) throw rewriteFailed('a place in the statement was not found');
    return index;
  }

  #lastOfName(first: number, { schemaname, catalogname }: RangeVar): number {
    const dots = (schemaname === undefined ? 0 : 1) + (catalogname === undefined ? 0 : 1);
    for (let i = 0; i < dots; i++) {
      if (this.#word(first + 2 * i + 1) !== '.') throw rewriteFailed('a name in the statement was not found');
    }
    return first + 2 * dots;
  }

  /** The parenthesis that closes the one at `open`. */
  #closing(open: number): number {
    let depth = 0;
    for (let i = open; ; i++) {
      const word = this.#word(i);
      if (word === undefined || (i === open && word !== '('))
        throw rewriteFailed('a parenthesis was not found');
      if (word === '(') depth++;
      if (word === ')') depth--;
      if (depth === 0) return i;
    }
  }

  #next(from: number, word: string): number {
    for (let i = from; this.#word(i) !== undefined; i++) if (this.#word(i) === word) return i;
    throw rewriteFailed('a token was not found');
  }

  #word(index: number): string | undefined {
    return this.#tokens?.[index]?.word;
  }

  #token(index: number): Token {
    const token = this.#tokens?.[index];
    if (token === undefined) throw rewriteFailed('a token was not found');
    return token;
  }
}

/** The first place that anything below has. */
function leftmost(value: unknown): number {
  if (typeof value !== 'object' || value === null) return Number.POSITIVE_INFINITY;
  let first = Number.POSITIVE_INFINITY;
  for (const [field, inner] of Object.entries(value)) {
    const place = field === 'location' && typeof inner === 'number' ? inner : leftmost(inner);
    if (place >= 0) first = Math.min(first, place);
  }
  return first;
}
