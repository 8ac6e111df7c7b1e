/**
 * Looks at cells of results as they pass: only for what proves itself by a checksum or an unmistakable format, for nobody looks at it again.
 */
import type { Label } from '../../model/labels.ts';
import { isPhone, valueDetectors } from './value-detectors.ts';

const CERTAIN: ReadonlySet<Label> = new Set(['email', 'card_number', 'iban', 'token', 'secret', 'password']);
const DETECTORS = valueDetectors().filter(({ label }) => CERTAIN.has(label));

/** Shorter ones hold nothing that is recognised, longer ones are no single value. */
export const MIN_CELL_BYTES = 6;
export const MAX_CELL_BYTES = 200;
const MAX_TOKEN_BYTES = 4_096;

/** What each of them has at least one of: most cells are told by their bytes. */
const AT = 0x40;
const [ZERO, NINE, PLUS, DOLLAR] = [0x30, 0x39, 0x2b, 0x24];

/** What a cell holds, if anything personal. @param bytes text in a superset of ASCII */
export function labelOfCell(bytes: Buffer, start: number, end: number): Label | undefined {
  const length = end - start;
  const isToken = length <= MAX_TOKEN_BYTES && bytes[start] === 0x65 && bytes[start + 1] === 0x79;
  if (length < MIN_CELL_BYTES || (length > MAX_CELL_BYTES && !isToken)) return undefined;
  if (!mayMatch(bytes, start, end)) return undefined;
  const text = bytes.toString('latin1', start, end).trim();
  const found = DETECTORS.find((detector) => detector.matches(text))?.label;
  return found ?? (text.startsWith('+') && isPhone(text) ? 'phone' : undefined);
}

/** False for what surely is nothing: no `@`, no `$`, and fewer digits than any number or key has. */
function mayMatch(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start]!;
  if (first === PLUS || first === DOLLAR) return true;
  let digits = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === AT) return true;
    if (byte >= ZERO && byte <= NINE) digits += 1;
  }
  // Keys begin with letters and hold an underscore, a dash or many characters.
  return digits >= 12 || (end - start >= 20 && first > NINE && bytes.indexOf(0x20, start) < 0);
}
