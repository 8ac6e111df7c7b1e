/**
 * HTML that nothing in it can break. `html` is a tag of template literals: what is put in is text, unless `html` itself made it, and what nobody
 * can see of it, or what turns the direction of writing, is spelled out.
 * Put values only where text stands, or into attributes in double quotes that are not scripts, styles or addresses.
 */
import { printable } from './visible-text.ts';

/** Markup that `html` made. */
export class Html {
  readonly #markup: string;

  /** Only for `html`, and for constants of the program. */
  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/** What can be put in: text and numbers, markup, nothing, or several of these. */
export type HtmlValue = string | number | Html | undefined | readonly HtmlValue[];

export function html(pieces: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(pieces.map((piece, index) => piece + markupOf(values[index])).join(''));
}

/** Text whose markup characters are written as entities: it can stand in an element or in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
    .replace(/\0/g, '\ufffd');
}

function markupOf(value: HtmlValue): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.toString();
  return typeof value === 'object' ? value.map(markupOf).join('') : escapeHtml(printable(String(value)));
}
