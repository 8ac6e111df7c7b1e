/**
 * Byte strings: text of which the protocol says neither encoding nor meaning, as a JavaScript string with one character
 * (U+0000 to U+00FF) for each byte. Lossless whatever the client's encoding is, cheap, and usable as a map key; ASCII reads
 * as itself. Statement texts and values are never byte strings but `Buffer`s.
 */

/** One character a byte. */
export type ByteString = string;

/** The bytes of UTF-8 text as a byte string. */
export function byteString(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** What a byte string says if its bytes are UTF-8; bytes that are not become U+FFFD. For showing only. */
export function byteStringText(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
