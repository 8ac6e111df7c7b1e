/**
 * Takes DER apart, one level at a time. Reads no further than it understands and never throws.
 *
 * Spec: https://www.itu.int/rec/T-REC-X.690
 */

/** A value; views of the bytes given. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly bytes: Buffer;
}

const SEQUENCE = 0x30;
/** `[0]`, where a certificate has its version. */
const CONTEXT_0 = 0xa0;

/** The values side by side in `der`, up to the first that is broken. */
export function readElements(der: Buffer): DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; at + 2 <= der.length; ) {
    const first = der[at + 1]!;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + lengthBytes;
    if (lengthBytes > 4 || start > der.length) break;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    const end = start + length;
    if (end > der.length) break;
    found.push({ tag: der[at]!, content: der.subarray(start, end), bytes: der.subarray(at, end) });
    at = end;
  }
  return found;
}

/** The issuer of a certificate, as it has it; a copy. Empty if the bytes are no certificate. */
export function issuerOf(certificate: Buffer): Buffer {
  const [outer] = readElements(certificate);
  const [body] = readElements(outer?.content ?? Buffer.alloc(0));
  const fields = readElements(body?.content ?? Buffer.alloc(0));
  // version (optional), serialNumber, signature, issuer
  const issuer = fields[fields[0]?.tag === CONTEXT_0 ? 3 : 2];
  return Buffer.from(issuer?.tag === SEQUENCE ? issuer.bytes : []);
}
