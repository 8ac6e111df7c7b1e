/**
 * Revocation lists, as far as sessions that are open need them: who of them shows a certificate that is on a list now. TLS itself
 * checks signatures, dates and lists for every new connection; this reads serial numbers and verifies nothing.
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc5280#section-5.1
 */
import type { ClientCertificate } from './client-certificate.ts';
import { type DerElement, readElements } from './der-reading.ts';

const INTEGER = 0x02;
const SEQUENCE = 0x30;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

/** The lists of a file one by one, as PEM: Node.js and OpenSSL read but the first of several. */
export function splitRevocationLists(pem: string): string[] {
  const lists = [...pem.matchAll(/-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g)].map(
    ([list]) => list,
  );
  // What is no list must not pass for none: OpenSSL refuses it.
  return lists.length === 0 && pem !== '' ? [pem] : lists;
}

/** What a file of lists revokes. */
export class RevocationLists {
  /** Issuer and serial number, in hex. */
  readonly #revoked = new Set<string>();

  /** @param pem any number of lists; what is no list is passed over: TLS has refused the file before */
  constructor(pem: string) {
    for (const list of splitRevocationLists(pem))
      this.#read(Buffer.from(list.replaceAll(/-----[^-]*-----/g, ''), 'base64'));
  }

  revokes({ issuer, serial }: Pick<ClientCertificate, 'issuer' | 'serial'>): boolean {
    return this.#revoked.has(keyOf(issuer, Buffer.from(serial, 'hex')));
  }

  #read(der: Buffer): void {
    const [list] = readElements(der);
    const [body] = readElements(contentOf(list));
    const fields = readElements(contentOf(body));
    // version (optional), signature, issuer, thisUpdate, nextUpdate (optional), revokedCertificates (optional)
    if (fields[0]?.tag === INTEGER) fields.shift();
    const issuer = fields[1]?.bytes ?? Buffer.alloc(0);
    const rest = fields.slice(2).filter(({ tag }) => tag !== UTC_TIME && tag !== GENERALIZED_TIME);
    if (rest[0]?.tag !== SEQUENCE) return;
    for (const entry of readElements(rest[0].content)) {
      const [serial] = readElements(entry.content);
      if (serial?.tag === INTEGER) this.#revoked.add(keyOf(issuer, serial.content));
    }
  }
}

function contentOf(element: DerElement | undefined): Buffer {
  return element?.tag === SEQUENCE ? element.content : Buffer.alloc(0);
}

/** Serial numbers are positive: a leading zero byte is only for the sign. */
function keyOf(issuer: Buffer, serial: Buffer): string {
  return `${issuer.toString('hex')} ${serial.toString('hex').replace(/^(00)+(?=.)/, '')}`;
}
