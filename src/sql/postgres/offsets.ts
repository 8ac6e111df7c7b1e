/**
 * UTF-8 byte offsets, as the parser gives them, to JavaScript string offsets.
 *
 * Pure ASCII texts, nearly all there are, cost one scan and no table.
 */

/** Every how many bytes the table has an entry. */
const STRIDE = 256;

/** Turns byte offsets of one text into string offsets. */
export interface Offsets {
  /** @param bytes a byte offset at the start of a character; one past the end is cut to the end */
  toUtf16(bytes: number): number;
}

const ASCII: Offsets = { toUtf16: (bytes) => bytes };

/** True if every character is below 0x80. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** @param text without lone surrogates */
export function createOffsets(text: string): Offsets {
  return isAscii(text) ? ASCII : new TableOffsets(text);
}

class TableOffsets implements Offsets {
  readonly #text: string;
  /** Byte offset of the first character at or after each multiple of STRIDE, and its string offset. */
  readonly #bytes: number[] = [];
  readonly #units: number[] = [];

  constructor(text: string) {
    this.#text = text;
    let bytes = 0;
    for (let unit = 0; unit < text.length; ) {
      if (bytes >= this.#bytes.length * STRIDE) {
        this.#bytes.push(bytes);
        this.#units.push(unit);
      }
      const code = text.charCodeAt(unit);
      bytes += byteLengthAt(code);
      unit += isHighSurrogate(code) ? 2 : 1;
    }
  }

  toUtf16(wanted: number): number {
    let entry = Math.min(Math.floor(wanted / STRIDE), this.#bytes.length - 1);
    while (entry > 0 && this.#bytes[entry]! > wanted) entry--;
    let bytes = this.#bytes[entry] ?? 0;
    let unit = this.#units[entry] ?? 0;
    while (bytes < wanted && unit < this.#text.length) {
      const code = this.#text.charCodeAt(unit);
      bytes += byteLengthAt(code);
      unit += isHighSurrogate(code) ? 2 : 1;
    }
    return unit;
  }
}

function isHighSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xd800;
}

function byteLengthAt(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return isHighSurrogate(code) ? 4 : 3;
}
