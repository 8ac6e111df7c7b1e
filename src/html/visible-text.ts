/**
 * Makes text of others safe to show. A statement under review is written by whoever wants it approved: escape sequences
 * could repaint the terminal, and characters that turn the direction of writing, or that nobody sees, could hide what it says.
 *
 * Spec: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
 */

/**
 * Controls other than line feed and tab; what changes the direction; what has no assigned look; and what has none at all, letters (a filler is one)
 * and the empty braille cell included, of which names can be made that look like others.
 */
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{DI}\u2800]/gu;

/** The text with every character that cannot be seen written as an escape. Line feeds and tabs stay; a line's end is one line feed. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNPRINTABLE, visibleEscape);
}

/** The same in one line, cut to `maxLength` characters. */
export function printableLine(text: string, maxLength = Number.POSITIVE_INFINITY): string {
  const line = printable(text.slice(0, Math.min(text.length, maxLength * 2)))
    .replace(/\s+/g, ' ')
    .trim();
  return line.length <= maxLength && text.length <= maxLength * 2 ? line : `${line.slice(0, maxLength - 1)}…`;
}

/** JSON that is safe on a terminal and means the same to a program. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(UNPRINTABLE, jsonEscape);
}

/** JSON in one line, also for those who end lines wherever Unicode may; means the same to a program. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\u0085\u2028\u2029]/g, jsonEscape);
}

function visibleEscape(character: string): string {
  const code = character.codePointAt(0)!;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

function jsonEscape(character: string): string {
  return [...Array(character.length).keys()]
    .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
    .join('');
}
