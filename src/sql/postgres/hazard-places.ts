/**
 * Where in a text a hazard stands. Places are counted in tokens, which white space and the length of literals leave alone: so they hold for
 * every text of one shape, and for one that is laid out. For the eye only.
 */
import type { TokenSpan } from '../../model/facts.ts';
import { type Token, tokenize } from './lexer.ts';
import type { Offsets } from './offsets.ts';

/**
 * Where it was found in the tree: at a node (its byte offset), from the word before it on that says what is done to it, or in one of the parts that commas part, behind the name that stands at
 * `behind`, if there is one.
 */
export type Spot =
  | { readonly location: number | undefined; readonly verb?: string | undefined }
  | { readonly part: number; readonly of: number; readonly behind?: number | undefined };

/** `DELETE FROM ONLY (`: what may stand between a verb and the name. */
const MAX_BETWEEN = 4;

/** Finds the place of a spot; of none, that of the words which say what the statement is. */
export type Locate = (spot: Spot | undefined) => TokenSpan | undefined;

export interface Extent {
  readonly start: number;
  readonly end: number;
  /** The statement's tag. */
  readonly command: string;
}

/** Places in one text. It is cut into tokens when the first is asked for. */
export class TokenPlaces {
  readonly #text: string;
  readonly #offsets: Offsets;
  #tokens: readonly Token[] | undefined;

  constructor(text: string, offsets: Offsets) {
    this.#text = text;
    this.#offsets = offsets;
  }

  /** For one statement of the text. */
  within({ start, end, command }: Extent): Locate {
    return (spot) => {
      this.#tokens ??= tokenize(this.#text);
      const from = this.#indexAt(start);
      const last = this.#tokens.findLastIndex((token) => token.start < end);
      if (from === undefined || last < from) return undefined;
      const whole: TokenSpan = { from, to: last + 1 };
      if (spot === undefined) return leadOf(this.#tokens, whole, command);
      if ('location' in spot)
        return this.#doneAt(spot.location, spot.verb, whole) ?? leadOf(this.#tokens, whole, command);
      const behind = this.#nameAt(spot.behind, whole);
      const parts = partsOf(this.#tokens, { from: behind?.to ?? from, to: whole.to });
      return parts.length === spot.of ? parts[spot.part] : whole;
    };
  }

  #indexAt(offset: number): number | undefined {
    const tokens = this.#tokens ?? [];
    let [low, high] = [0, tokens.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tokens[middle]!.start < offset) low = middle + 1;
      else high = middle;
    }
    return tokens[low]?.start === offset ? low : undefined;
  }

  #doneAt(location: number | undefined, verb: string | undefined, whole: TokenSpan): TokenSpan | undefined {
    const name = this.#nameAt(location, whole);
    if (name === undefined || verb === undefined) return name;
    const { from, to } = name;
    for (let at = from - 1; at >= Math.max(whole.from, from - MAX_BETWEEN); at -= 1)
      if (this.#tokens?.[at]?.word === verb) return { from: at, to };
    return name;
  }

  /** The name, qualified or not, that begins at a byte offset. */
  #nameAt(location: number | undefined, whole: TokenSpan): TokenSpan | undefined {
    const from = location === undefined ? undefined : this.#indexAt(this.#offsets.toUtf16(location));
    if (from === undefined || from < whole.from || from >= whole.to) return undefined;
    const tokens = this.#tokens ?? [];
    let to = from + 1;
    while (to + 1 < whole.to && tokens[to]?.word === '.') to += 2;
    return { from, to };
  }
}

function leadOf(tokens: readonly Token[], { from, to }: TokenSpan, command: string): TokenSpan {
  const words = command.split(' ').length;
  let end = from + 1;
  while (end < Math.min(to, from + words) && tokens[end]?.kind === 'word') end += 1;
  return { from, to: end };
}

function partsOf(tokens: readonly Token[], { from, to }: TokenSpan): readonly TokenSpan[] {
  const parts: TokenSpan[] = [];
  let [begin, depth] = [from, 0];
  for (let i = from; i < to; i += 1) {
    const { word } = tokens[i]!;
    if (word === '(' || word === '[') depth += 1;
    else if (word === ')' || word === ']') depth -= 1;
    else if (word === ',' && depth === 0) {
      parts.push({ from: begin, to: i });
      begin = i + 1;
    }
  }
  parts.push({ from: begin, to });
  return parts.filter((part) => part.to > part.from);
}

/** A span as offsets, [start, end), into the text whose tokens these are; undefined if it has no such tokens. */
export function offsetsOf(
  tokens: readonly Token[],
  { from, to }: TokenSpan,
): { readonly start: number; readonly end: number } | undefined {
  const [first, last] = [tokens[from], tokens[to - 1]];
  return first && last && { start: first.start, end: last.end };
}
