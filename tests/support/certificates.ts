/**
 * Certificate authorities of the tests' own: certificates of servers and clients, and revocation lists, made of DER in some
 * milliseconds. ECDSA on P-256 with SHA-256.
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc5280 (section 4: certificates, section 5: revocation lists)
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bits,
  boolean,
  der,
  integer,
  objectId,
  octets,
  sequence,
  set,
  tagged,
  time,
  utf8,
} from '../../src/identity/der.ts';

const ATTRIBUTES = { CN: '2.5.4.3', O: '2.5.4.10', OU: '2.5.4.11' } as const;
const ALGORITHM = sequence(objectId('1.2.840.10045.4.3.2'));
const DAY_MS = 86_400_000;

/** `{ CN: 'alice' }`; several values of one kind as a list. In the order of the certificate. */
export type Name = Partial<Record<keyof typeof ATTRIBUTES, string | readonly string[]>>;

export interface CertificateRequest {
  readonly subject: Name;
  /** DNS names and IP addresses. */
  readonly hosts?: readonly string[];
  readonly emails?: readonly string[];
  readonly uris?: readonly string[];
  /** From now; a day by default, negative for one that has expired. */
  readonly validForMs?: number;
}

export interface IssuedCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly serial: Buffer;
}

export interface Authority {
  readonly cert: string;
  issue(request: CertificateRequest): IssuedCertificate;
  /** A list of what is revoked, valid for a day unless told. */
  revoke(certificates: readonly IssuedCertificate[], validForMs?: number): string;
}

export function createAuthority(commonName: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = nameOf({ CN: commonName });
  const signed = (body: Buffer): Buffer => sequence(body, ALGORITHM, bits(sign('sha256', body, privateKey)));
  const certificate = (
    subject: Buffer,
    key: KeyObject,
    serial: Buffer,
    validForMs: number,
    extensions: Buffer[],
  ) =>
    signed(
      sequence(
        ...[tagged(0, integer(Buffer.from([2]))), integer(serial), ALGORITHM, issuer],
        sequence(time(new Date(Date.now() - 2 * DAY_MS)), time(new Date(Date.now() + validForMs))),
        ...[subject, key.export({ type: 'spki', format: 'der' }), tagged(3, sequence(...extensions))],
      ),
    );
  const authorityExtensions = [
    extension('2.5.29.19', sequence(boolean(true))),
    // keyCertSign, cRLSign
    extension('2.5.29.15', der(0x03, Buffer.from([1, 0x06]))),
  ];
  const own = certificate(issuer, publicKey, newSerial(), DAY_MS, authorityExtensions);
  return {
    cert: pem('CERTIFICATE', own),
    issue: ({ subject, validForMs = DAY_MS, ...names }) => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const serial = newSerial();
      const alternatives = alternativeNames(names);
      const body = certificate(nameOf(subject), pair.publicKey, serial, validForMs, [
        extension('2.5.29.19', sequence()),
        ...(alternatives.length === 0 ? [] : [extension('2.5.29.17', sequence(...alternatives))]),
      ]);
      const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      return { cert: pem('CERTIFICATE', body), key, serial };
    },
    revoke: (certificates, validForMs = DAY_MS) => {
      const at = time(new Date(Date.now() - DAY_MS));
      const entries = certificates.map(({ serial }) => sequence(integer(serial), at));
      const next = time(new Date(Date.now() + validForMs));
      const list = entries.length === 0 ? [] : [sequence(...entries)];
      return pem(
        'X509 CRL',
        signed(sequence(integer(Buffer.from([1])), ALGORITHM, issuer, at, next, ...list)),
      );
    },
  };
}

function nameOf(name: Name): Buffer {
  const parts = Object.entries(name).flatMap(([kind, values]) =>
    [values]
      .flat()
      .map((value) => set(sequence(objectId(ATTRIBUTES[kind as keyof typeof ATTRIBUTES]), utf8(value)))),
  );
  return sequence(...parts);
}

function alternativeNames({
  hosts = [],
  emails = [],
  uris = [],
}: Omit<CertificateRequest, 'subject'>): Buffer[] {
  return [
    ...hosts.map((host) => {
      if (isIP(host) === 0) return der(0x82, Buffer.from(host));
      if (isIP(host) === 4) return der(0x87, Buffer.from(host.split('.').map(Number)));
      if (host === '::1') return der(0x87, Buffer.from([...Array(15).fill(0), 1]));
      throw new RangeError('no IPv6 but ::1 is needed here');
    }),
    ...emails.map((email) => der(0x81, Buffer.from(email))),
    ...uris.map((uri) => der(0x86, Buffer.from(uri))),
  ];
}

const extension = (id: string, value: Buffer): Buffer => sequence(objectId(id), octets(value));

function newSerial(): Buffer {
  const serial = randomBytes(12);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

function pem(kind: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`;
}
