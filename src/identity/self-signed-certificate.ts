/**
 * Makes a self-signed server certificate: ECDSA on P-256 with SHA-256, no authority over others, valid for the names
 * given. Clients that want to verify it trust the certificate itself (`sslrootcert`).
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc5280#section-4
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { isIP } from 'node:net';
import type { KeyPair } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { bits, boolean, der, integer, objectId, octets, sequence, set, tagged, time, utf8 } from './der.ts';
import type { RandomBytes } from './token-text.ts';

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  subjectAltName: '2.5.29.17',
} as const;

const DAY_MS = 86_400_000;
const VALID_MS = 3650 * DAY_MS;
const CLOCK_SKEW_MS = DAY_MS;
const DNS_NAME_TAG = 0x82;
const IP_ADDRESS_TAG = 0x87;

/** Names and addresses the certificate is for; the first is its common name. At least one. */
export function makeSelfSignedCertificate(
  hosts: readonly string[],
  nowMs: number,
  randomBytes: RandomBytes,
): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = sequence(objectId(OID.ecdsaWithSha256));
  const body = certificateBody(hosts, nowMs, serialNumber(randomBytes), algorithm, spki);
  const certificate = sequence(body, algorithm, bits(sign('sha256', body, privateKey)));
  return {
    cert: pem('CERTIFICATE', certificate),
    key: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  };
}

function certificateBody(
  hosts: readonly string[],
  nowMs: number,
  serial: Uint8Array,
  algorithm: Buffer,
  spki: Buffer,
): Buffer {
  const version3 = tagged(0, integer(Buffer.from([2])));
  const name = sequence(set(sequence(objectId(OID.commonName), utf8(hosts[0]!.slice(0, 64)))));
  const validity = sequence(time(new Date(nowMs - CLOCK_SKEW_MS)), time(new Date(nowMs + VALID_MS)));
  const extensions = tagged(3, sequence(...extensionsFor(hosts)));
  return sequence(version3, integer(serial), algorithm, name, validity, name, spki, extensions);
}

function extensionsFor(hosts: readonly string[]): Buffer[] {
  const digitalSignature = der(0x03, Buffer.from([7, 0x80]));
  return [
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.keyUsage, true, digitalSignature),
    extension(OID.extendedKeyUsage, false, sequence(objectId(OID.serverAuth))),
    extension(OID.subjectAltName, false, sequence(...hosts.map(generalName))),
  ];
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function generalName(host: string): Buffer {
  if (isIP(host) === 0) return der(DNS_NAME_TAG, Buffer.from(host));
  return der(IP_ADDRESS_TAG, isIP(host) === 4 ? Buffer.from(host.split('.').map(Number)) : ipv6Bytes(host));
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes an address in its one canonical form; what remains is to fill the gap of `::`.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [left, right] = canonical.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const gap = right === undefined ? [] : Array<string>(8 - left!.length - right.length).fill('0');
  const groups = [...left!, ...gap, ...(right ?? [])].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** 16 random bytes that read as a positive number without leading zeros. */
function serialNumber(randomBytes: RandomBytes): Uint8Array {
  const serial = Buffer.from(randomBytes(16));
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

function pem(kind: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`;
}
