/**
 * Writes the few kinds of ASN.1 values that a certificate needs, in DER. Never reads any.
 *
 * Spec: https://www.itu.int/rec/T-REC-X.690
 */

/** A value with its tag and length. Lengths up to 65535 bytes. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length > 0xffff) throw new RangeError('DER value too long');
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
export const set = (...items: readonly Uint8Array[]): Buffer => der(0x31, ...items);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
export const octets = (content: Uint8Array): Buffer => der(0x04, content);
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]));
/** Whole bytes: no unused bits. */
export const bits = (content: Uint8Array): Buffer => der(0x03, Buffer.from([0]), content);
/** A constructed, context-specific value such as `[0]`. */
export const tagged = (number: number, content: Uint8Array): Buffer => der(0xa0 | number, content);

/** A positive whole number, given big-endian; must not start with a zero byte. */
export function integer(bytes: Uint8Array): Buffer {
  return (bytes[0] ?? 0) >= 0x80 ? der(0x02, Buffer.from([0]), bytes) : der(0x02, bytes);
}

/** `1.2.840.10045.4.3.2` */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** GeneralizedTime to the second, for years from 2050 on; UTCTime before, as RFC 5280 §4.1.2.5 asks. */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return at.getUTCFullYear() >= 2050
    ? der(0x18, Buffer.from(digits))
    : der(0x17, Buffer.from(digits.slice(2)));
}

function base128(value: number): number[] {
  const septets = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) septets.unshift((rest & 0x7f) | 0x80);
  return septets;
}
