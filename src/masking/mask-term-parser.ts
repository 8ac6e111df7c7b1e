/**
 * Reads the language of custom masks: the part of SQL's expressions that `mask-terms.ts` can judge, spelled as PostgreSQL spells it. There
 * is no way in it to name a column, a schema, a type or a query.
 *
 *     term    = and { OR and }             and = not { AND not }          not = [ NOT ] test
 *     test    = sum [ ( = | <> | != | < | <= | > | >= | [NOT] LIKE ) sum | IS [NOT] NULL ]
 *     sum     = primary { ( || | + | - ) primary }
 *     primary = value | 'text' | [-] number | NULL | name "(" [ term { , term } ] ")" | "(" term ")"
 *             | CASE { WHEN term THEN term } [ ELSE term ] END
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { MaskOperator, MaskTerm } from '../model/mask-term.ts';

const MAX_TOKENS = 500;
const MAX_DEPTH = 40;
const NULL: MaskTerm = { op: 'null' };

type Token =
  | { readonly kind: 'word' | 'string' | 'sign'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string };

/** @throws {SluiceError} config_invalid, with what would be accepted */
export function parseMaskTerm(text: string): MaskTerm {
  const reader = new Reader(tokensOf(text));
  const term = reader.term();
  reader.end();
  return term;
}

export function maskTermError(message: string, hint: string): SluiceError {
  return new SluiceError('config_invalid', message, { hint });
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);
const SIGN = /^(\|\||<>|!=|<=|>=|[-+=<>(),])/;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let rest = text.trimStart();
  while (rest !== '') {
    const token = firstToken(rest);
    tokens.push(token.token);
    if (tokens.length > MAX_TOKENS)
      throw maskTermError(
        'the expression of a mask is too long',
        `Use at most ${MAX_TOKENS} words and signs.`,
      );
    rest = rest.slice(token.length).trimStart();
  }
  return tokens;
}

function firstToken(text: string): { token: Token; length: number } {
  const string = /^'((?:[^']|'')*)'/.exec(text);
  if (string)
    return { token: { kind: 'string', text: string[1]!.replaceAll("''", "'") }, length: string[0].length };
  const number = /^\d+(?![\w.])/.exec(text);
  if (number) return { token: { kind: 'number', text: number[0] }, length: number[0].length };
  const word = /^[a-z_][a-z0-9_]*(?!['"])/i.exec(text);
  if (word) return { token: { kind: 'word', text: word[0].toLowerCase() }, length: word[0].length };
  const sign = SIGN.exec(text);
  if (sign) {
    const normal = sign[0] === '!=' ? '<>' : sign[0];
    return { token: { kind: 'sign', text: normal }, length: sign[0].length };
  }
  throw maskTermError(
    `the expression of a mask cannot be read from ${JSON.stringify(text.slice(0, 20))} on`,
    "Write value, 'texts', whole numbers, functions, CASE, ||, + and - and comparisons; casts, columns and subqueries have no place in a mask.",
  );
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  term(): MaskTerm {
    if (++this.#depth > MAX_DEPTH)
      throw maskTermError(
        'the expression of a mask is nested too deeply',
        `Nest at most ${MAX_DEPTH} levels.`,
      );
    let left = this.#and();
    while (this.#takes('word', 'or')) left = { op: 'or', left, right: this.#and() };
    this.#depth -= 1;
    return left;
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw this.#unexpected();
  }

  #and(): MaskTerm {
    let left = this.#not();
    while (this.#takes('word', 'and')) left = { op: 'and', left, right: this.#not() };
    return left;
  }

  #not(): MaskTerm {
    let negated = false;
    while (this.#takes('word', 'not')) negated = !negated;
    const arg = this.#test();
    return negated ? { op: 'not', arg } : arg;
  }

  #test(): MaskTerm {
    const left = this.#sum();
    const next = this.#tokens[this.#at];
    if (next?.kind === 'sign' && COMPARISONS.has(next.text)) {
      this.#at += 1;
      return { op: 'binary', operator: next.text as MaskOperator, left, right: this.#sum() };
    }
    if (this.#takes('word', 'is')) {
      const negated = this.#takes('word', 'not');
      this.#require('word', 'null');
      return { op: 'is-null', arg: left, negated };
    }
    const isNegated = next?.text === 'not' && next.kind === 'word';
    if (isNegated) this.#at += 1;
    if (this.#takes('word', 'like'))
      return { op: 'binary', operator: isNegated ? 'not like' : 'like', left, right: this.#sum() };
    if (isNegated) throw this.#unexpected();
    return left;
  }

  #sum(): MaskTerm {
    let left = this.#primary();
    for (;;) {
      const next = this.#tokens[this.#at];
      if (next?.kind !== 'sign' || !['||', '+', '-'].includes(next.text)) return left;
      this.#at += 1;
      left = { op: 'binary', operator: next.text as MaskOperator, left, right: this.#primary() };
    }
  }

  #primary(): MaskTerm {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    switch (token?.kind) {
      case 'string':
        return { op: 'string', value: token.text };
      case 'number':
        return integer(token.text);
      case 'sign':
        if (token.text === '(') return this.#inParentheses();
        if (token.text === '-') return integer(`-${this.#number()}`);
        break;
      case 'word':
        return this.#named(token.text);
    }
    this.#at -= 1;
    throw this.#unexpected();
  }

  #named(name: string): MaskTerm {
    if (name === 'value') return { op: 'value' };
    if (name === 'null') return NULL;
    if (name === 'case') return this.#case();
    if (!this.#takes('sign', '('))
      throw maskTermError(
        `${JSON.stringify(name)} means nothing in a mask`,
        'A mask sees nothing but the value it masks: write value.',
      );
    const args: MaskTerm[] = [];
    if (this.#takes('sign', ')')) return { op: 'call', name, args };
    do args.push(this.term());
    while (this.#takes('sign', ','));
    this.#require('sign', ')');
    return { op: 'call', name, args };
  }

  #case(): MaskTerm {
    const whens: [MaskTerm, MaskTerm][] = [];
    while (this.#takes('word', 'when')) {
      const condition = this.term();
      this.#require('word', 'then');
      whens.push([condition, this.term()]);
    }
    const otherwise = this.#takes('word', 'else') ? this.term() : NULL;
    this.#require('word', 'end');
    if (whens.length === 0)
      throw maskTermError('a CASE of a mask has no WHEN', 'Write CASE WHEN … THEN … END.');
    return { op: 'case', whens, otherwise };
  }

  #inParentheses(): MaskTerm {
    const term = this.term();
    this.#require('sign', ')');
    return term;
  }

  #number(): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'number') throw this.#unexpected();
    this.#at += 1;
    return token.text;
  }

  #takes(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#at += 1;
    return true;
  }

  #require(kind: Token['kind'], text: string): void {
    if (!this.#takes(kind, text)) throw this.#unexpected(text);
  }

  #unexpected(wanted?: string): SluiceError {
    const found = this.#tokens[this.#at];
    const what =
      found === undefined ? 'ends too early' : `is not understood at ${JSON.stringify(found.text)}`;
    return maskTermError(
      `the expression of a mask ${what}`,
      wanted === undefined
        ? "Write an expression over value, such as left(value, 2) || '…'."
        : `Write ${wanted.toUpperCase()} there.`,
    );
  }
}

function integer(text: string): MaskTerm {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return { op: 'integer', value };
  throw maskTermError(
    `the number ${text.slice(0, 40)} is too large for a mask`,
    'Use whole numbers of at most 15 digits.',
  );
}
