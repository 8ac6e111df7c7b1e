/**
 * Where things stand in a policy file: cuts it into its policies and turns Cedar's byte offsets into lines and columns. Never
 * judges: the text has been parsed by Cedar before it is cut.
 *
 * https://docs.cedarpolicy.com/policies/syntax-grammar.html: a policy ends with a semicolon; strings are in double quotes with
 * backslash escapes; comments run from two slashes to the end of the line.
 */

/** One policy's text as it stands in its file. */
export interface PolicyText {
  /** From the first annotation to the semicolon. */
  readonly text: string;
  /** Offset of `text` in the file, in UTF-16 code units. */
  readonly start: number;
}

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Whitespace and comments, then strings and anything else: each match is one thing that cannot be cut. */
const TOKEN = /(\s+|\/\/[^\n]*)|"(?:[^"\\]|\\[\s\S])*"|[^"\s/;]+|[\s\S]/y;

/** Cuts a text that Cedar has accepted. Linear; comments between policies belong to none. */
export function splitPolicies(text: string): PolicyText[] {
  const policies: PolicyText[] = [];
  let start = -1;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const token = TOKEN.exec(text);
    if (token === null) break;
    if (start < 0 && token[1] === undefined) start = at;
    if (token[0] === ';') {
      policies.push({ text: text.slice(start, TOKEN.lastIndex), start });
      start = -1;
    }
  }
  if (start >= 0) policies.push({ text: text.slice(start), start });
  return policies;
}

/** The UTF-16 offset of a byte offset into the UTF-8 form of `text`. */
export function offsetOfByte(text: string, byte: number): number {
  return Buffer.from(text, 'utf8').subarray(0, byte).toString('utf8').length;
}

/** Line and column of a UTF-16 offset. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}
