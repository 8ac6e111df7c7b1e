/** A filter's text → words, parentheses, and `field:` with its values; each knows where it stands. Pure, total up to an open quote. */
import { FilterError } from './filter-error.ts';

export interface Place {
  /** Of the text, in UTF-16 code units; `to` is excluded. */
  readonly from: number;
  readonly to: number;
}

export interface Value extends Place {
  readonly text: string;
  readonly quoted: boolean;
}

export type Token =
  | ({ readonly type: '(' | ')' | '-' | 'end' } & Place)
  /** `a`, `"a b"`. */
  | ({ readonly type: 'word'; readonly value: Value } & Place)
  /** `field:a,b`: `name` is where the field stands. */
  | ({ readonly type: 'field'; readonly name: Value; readonly values: readonly Value[] } & Place);

/** The longest filter, in UTF-16 code units. */
export const MAX_FILTER_LENGTH = 4000;

const SPACE = /\s/;

/** @throws {FilterError} */
export function tokensOf(text: string): Token[] {
  if (text.length > MAX_FILTER_LENGTH)
    throw new FilterError(
      text.slice(0, 60),
      { from: 0, to: 0 },
      `the filter is longer than ${MAX_FILTER_LENGTH} characters`,
    );
  return new Lexer(text).tokens();
}

class Lexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  tokens(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      while (this.#at < this.#text.length && SPACE.test(this.#text[this.#at] as string)) this.#at++;
      const token = this.#next();
      tokens.push(token);
      if (token.type === 'end') return tokens;
    }
  }

  #next(): Token {
    const from = this.#at;
    const character = this.#text[from];
    if (character === undefined) return { type: 'end', from, to: from };
    if (character === '(' || character === ')' || (character === '-' && this.#isSign())) {
      this.#at++;
      return { type: character as '(', from, to: this.#at };
    }
    const name = this.#value(/[\s():"]/);
    if (this.#text[this.#at] !== ':' || name.quoted || name.text === '') {
      const value = name.text === '' && !name.quoted ? this.#value(/[\s()]/) : name;
      return { type: 'word', value, from, to: this.#at };
    }
    this.#at++;
    return { type: 'field', name, values: this.#values(), from, to: this.#at };
  }

  /** A minus before something, not one that stands alone or within a word. */
  #isSign(): boolean {
    const next = this.#text[this.#at + 1];
    return next !== undefined && !SPACE.test(next) && next !== ')';
  }

  #values(): Value[] {
    const values = [this.#value(/[\s(),"]/)];
    while (this.#text[this.#at] === ',') {
      this.#at++;
      values.push(this.#value(/[\s(),"]/));
    }
    return values;
  }

  /** What stands here, up to one of the characters of `end`, or up to the closing quote. */
  #value(end: RegExp): Value {
    const from = this.#at;
    if (this.#text[from] === '"') return this.#quoted(from);
    while (this.#at < this.#text.length && !end.test(this.#text[this.#at] as string)) this.#at++;
    return { text: this.#text.slice(from, this.#at), quoted: false, from, to: this.#at };
  }

  #quoted(from: number): Value {
    let text = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] as string;
      if (character === '"') {
        this.#at++;
        return { text, quoted: true, from, to: this.#at };
      }
      if (character === '\\' && this.#at + 1 < this.#text.length) this.#at++;
      text += this.#text[this.#at] as string;
    }
    throw new FilterError(
      this.#text,
      { from, to: this.#text.length },
      'the quote is never closed',
      'Close it with ".',
    );
  }
}
