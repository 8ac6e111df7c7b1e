/**
 * The channel-binding data of a TLS server's certificate, for SCRAM-SHA-256-PLUS. It reads no more of the certificate than
 * which hash its signature uses, and verifies nothing.
 *
 * https://www.rfc-editor.org/rfc/rfc5929#section-4.1 (tls-server-end-point),
 * https://www.rfc-editor.org/rfc/rfc5280#section-4.1 (certificates), https://www.rfc-editor.org/rfc/rfc4055 (RSA-PSS)
 */
import { createHash } from 'node:crypto';
import type { ChannelBinding } from './scram.ts';

/** Hashes by the DER of the signature's or the hash's OID, in hex. The RFC replaces MD5 and SHA-1 by SHA-256. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'sha256'], // md5WithRSAEncryption
  ['2a864886f70d010105', 'sha256'], // sha1WithRSAEncryption
  ['2a864886f70d01010e', 'sha224'], // sha224WithRSAEncryption
  ['2a864886f70d01010b', 'sha256'], // sha256WithRSAEncryption
  ['2a864886f70d01010c', 'sha384'], // sha384WithRSAEncryption
  ['2a864886f70d01010d', 'sha512'], // sha512WithRSAEncryption
  ['2a8648ce3d0401', 'sha256'], // ecdsa-with-SHA1
  ['2a8648ce3d040301', 'sha224'], // ecdsa-with-SHA224
  ['2a8648ce3d040302', 'sha256'], // ecdsa-with-SHA256
  ['2a8648ce3d040303', 'sha384'], // ecdsa-with-SHA384
  ['2a8648ce3d040304', 'sha512'], // ecdsa-with-SHA512
  ['2b0e03021a', 'sha256'], // id-sha1
  ['608648016503040204', 'sha224'], // id-sha224
  ['608648016503040201', 'sha256'], // id-sha256
  ['608648016503040202', 'sha384'], // id-sha384
  ['608648016503040203', 'sha512'], // id-sha512
]);
const RSASSA_PSS = '2a864886f70d01010a';

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const CONTEXT_0 = 0xa0;

/**
 * `tls-server-end-point` of a certificate, or undefined if it is signed without a hash of its own (Ed25519), for which the
 * RFC defines none, or is no certificate: offer no channel binding then.
 */
export function tlsServerEndPoint(certificateDer: Buffer): ChannelBinding | undefined {
  const hashName = signatureHash(certificateDer);
  if (hashName === undefined) return undefined;
  return { type: 'tls-server-end-point', data: createHash(hashName).update(certificateDer).digest() };
}

function signatureHash(certificateDer: Buffer): string | undefined {
  const [certificate] = elements(certificateDer);
  const [, algorithm] = elements(contents(certificate, SEQUENCE));
  const [oid, parameters] = elements(contents(algorithm, SEQUENCE));
  const name = contents(oid, OBJECT_IDENTIFIER).toString('hex');
  if (name !== RSASSA_PSS) return HASHES.get(name);
  const hash = elements(contents(parameters, SEQUENCE)).find((element) => element.tag === CONTEXT_0);
  if (hash === undefined) return 'sha256'; // RSA-PSS defaults to SHA-1.
  const [hashAlgorithm] = elements(hash.contents);
  const [hashOid] = elements(contents(hashAlgorithm, SEQUENCE));
  return HASHES.get(contents(hashOid, OBJECT_IDENTIFIER).toString('hex'));
}

interface Element {
  readonly tag: number;
  readonly contents: Buffer;
}

function contents(element: Element | undefined, tag: number): Buffer {
  return element?.tag === tag ? element.contents : Buffer.alloc(0);
}

/** The DER elements side by side in `der`, up to the first that is broken. */
function elements(der: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= der.length; ) {
    const tag = der[at]!;
    const first = der[at + 1]!;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + lengthBytes;
    if (lengthBytes > 4 || start > der.length) break;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    if (start + length > der.length) break;
    found.push({ tag, contents: der.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
