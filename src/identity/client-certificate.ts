/**
 * A client's certificate, once TLS has verified it: which principals it stands for, and what is kept of it. Verifies no signature.
 *
 * The alternative names are read as Node.js writes them: `KIND:value`, separated by `, `, with a value as a JSON string where it
 * holds anything that could be mistaken for more (https://nodejs.org/api/crypto.html#x509subjectaltname).
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc5280#section-4, https://www.rfc-editor.org/rfc/rfc4514 (the text of a subject)
 */
import type { X509Certificate } from 'node:crypto';
import type { CertificateField, CertificateRule } from '../config/config.ts';
import { issuerOf } from './der-reading.ts';

/** What is kept of a certificate for as long as a session lasts. */
export interface ClientCertificate {
  /** SHA-256 of its DER, in lower-case hex. */
  readonly fingerprint: string;
  /** As RFC 4514 writes it, the most specific part first; cut to 500 characters. */
  readonly subject: string;
  /** In upper-case hex, as Node.js has it. */
  readonly serial: string;
  /** DER, as the certificate has it. */
  readonly issuer: Buffer;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
  /** The ids of all principals that it stands for, configured or not. */
  readonly principals: ReadonlySet<string>;
}

const MAX_SUBJECT_LENGTH = 500;

/** What a verified certificate says. */
export function readClientCertificate(
  certificate: X509Certificate,
  rules: readonly CertificateRule[],
): ClientCertificate {
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: subjectText(certificate).slice(0, MAX_SUBJECT_LENGTH),
    serial: certificate.serialNumber,
    issuer: issuerOf(certificate.raw),
    validUntil: certificate.validToDate.getTime(),
    principals: principalsOf(certificate, rules),
  };
}

/** All principals that any of the rules yields for the certificate. */
export function principalsOf(
  certificate: X509Certificate,
  rules: readonly CertificateRule[],
): ReadonlySet<string> {
  return new Set(
    rules.flatMap((rule) =>
      valuesOf(certificate, rule.from).flatMap((value) => {
        const principal = applyRule(rule, value);
        return principal === undefined ? [] : [principal];
      }),
    ),
  );
}

/** The principal that a rule yields for a value, or undefined if it does not match. */
export function applyRule({ match, principal }: CertificateRule, value: string): string | undefined {
  const [before, after] = match.split('*') as [string, string?];
  if (after === undefined) return value === match ? principal : undefined;
  const fits =
    value.length >= before.length + after.length && value.startsWith(before) && value.endsWith(after);
  // A function, so that `$` in a value means nothing.
  return fits
    ? principal.replace('*', () => value.slice(before.length, value.length - after.length))
    : undefined;
}

function valuesOf(certificate: X509Certificate, from: CertificateField): readonly string[] {
  switch (from) {
    case 'subject':
      return [subjectText(certificate)];
    case 'cn':
      return commonNames(certificate);
    case 'email':
      return alternativeNames(certificate, 'email');
    case 'dns':
      return alternativeNames(certificate, 'DNS');
    case 'uri':
      return alternativeNames(certificate, 'URI');
  }
}

/** None if there are several: then none of them is the name. */
function commonNames(certificate: X509Certificate): readonly string[] {
  const name: unknown = (certificate.toLegacyObject().subject as { CN?: unknown } | undefined)?.CN;
  return typeof name === 'string' ? [name] : [];
}

/** Node.js writes a part in each line, the most general one first, with line breaks inside of values escaped. */
function subjectText(certificate: X509Certificate): string {
  return (certificate.subject ?? '').split('\n').reverse().join(',');
}

function alternativeNames(certificate: X509Certificate, kind: string): string[] {
  const names: string[] = [];
  const part = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;
  const text = certificate.subjectAltName ?? '';
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    // Whatever cannot be read for certain names nobody.
    if (found === null) return [];
    const [, foundKind, value = ''] = found;
    if (foundKind === kind) names.push(value.startsWith('"') ? JSON.parse(value) : value);
  }
  return names;
}
