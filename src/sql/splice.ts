/**
 * Splices: replacing parts of a statement's text while the rest stays verbatim, and mapping positions back.
 *
 * Dialect neutral. All offsets are JavaScript string offsets (UTF-16 code units) unless said otherwise.
 */
import type { Rewrite, Splice } from '../model/dialect.ts';

/**
 * Applies splices to a text.
 * @param splices sorted by `start`, without overlaps (an insertion is a splice with `start === end`)
 * @throws {RangeError} if they overlap or leave the text: a defect of the caller
 */
export function applySplices(text: string, splices: readonly Splice[]): string {
  let result = '';
  let from = 0;
  for (const { start, end, text: replacement } of splices) {
    if (start < from || end < start || end > text.length) throw new RangeError('splices overlap');
    result += text.slice(from, start) + replacement;
    from = end;
  }
  return splices.length === 0 ? text : result + text.slice(from);
}

/**
 * Maps an error position of the rewritten text to the original. Inside a replacement it becomes the replacement's start.
 * @param position 1-based, in *characters* (code points) of `rewrite.text`, as PostgreSQL's error field `P` counts them
 * @returns 1-based, in characters of `original`
 */
export function mapPosition(original: string, rewrite: Rewrite, position: number): number {
  if (rewrite.splices.length === 0) return position;
  return charactersBefore(original, mapOffset(rewrite, offsetOf(rewrite.text, position - 1))) + 1;
}

/** Maps an offset of the rewritten text to the original. */
export function mapOffset(rewrite: Rewrite, offset: number): number {
  let grown = 0;
  for (const { start, end, text } of rewrite.splices) {
    const from = start + grown;
    if (offset < from) break;
    if (offset < from + text.length) return start;
    grown += text.length - (end - start);
  }
  return offset - grown;
}

/**
 * Moves splices from one text to another of the same shape: both texts are equal but for the spans in `from` and `to`.
 * @param from start, end, start, end, … of the literals of the text the splices were made for
 * @param to the same literals in the text they are wanted for
 * @returns undefined if a splice touches a literal, as then its replacement may hold that literal's value
 */
export function transferSplices(
  splices: readonly Splice[],
  from: readonly number[],
  to: readonly number[],
): Splice[] | undefined {
  const moved: Splice[] = [];
  let literal = 0;
  let shift = 0;
  for (const { start, end, text } of splices) {
    while (literal < from.length && from[literal + 1]! <= start) {
      shift = to[literal + 1]! - from[literal + 1]!;
      literal += 2;
    }
    if (literal < from.length && from[literal]! < end) return undefined;
    moved.push({ start: start + shift, end: end + shift, text });
  }
  return moved;
}

function offsetOf(text: string, characters: number): number {
  let offset = 0;
  for (let n = 0; n < characters && offset < text.length; n++) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

function charactersBefore(text: string, offset: number): number {
  let characters = 0;
  for (let at = 0; at < offset && at < text.length; characters++) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return characters;
}
