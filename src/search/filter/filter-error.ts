/** A filter that says nothing: with its text, the place marked in a second line, and what may have been meant. */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Place } from './lexer.ts';

/** Characters of the filter shown before and behind the place. */
const AROUND = 60;

export class FilterError extends SluiceError {
  constructor(text: string, place: Place, message: string, hint?: string) {
    super('bad_request', message, {
      detail: marked(text, place),
      position: place.from + 1,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function marked(text: string, { from, to }: Place): string {
  const start = Math.max(0, from - AROUND);
  const line = text
    .slice(start, Math.max(to, from) + AROUND)
    .replace(/\s/g, ' ')
    .toWellFormed();
  const width = Math.max(1, Math.min(to, text.length) - from);
  return `${line}\n${' '.repeat(from - start)}${'^'.repeat(Math.min(width, 200))}`;
}
