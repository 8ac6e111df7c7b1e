import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CertificateRequest, createAuthority } from '../../tests/support/certificates.ts';
import type { CertificateRule } from '../config/config.ts';
import { applyRule, principalsOf, readClientCertificate } from './client-certificate.ts';
import { readElements } from './der-reading.ts';
import { RevocationLists, splitRevocationLists } from './revocation-list.ts';

const authority = createAuthority('ca, "x"\nCN=y');
const certificateOf = (request: CertificateRequest) => new X509Certificate(authority.issue(request).cert);
const rule = (from: CertificateRule['from'], match = '*', principal = '*'): CertificateRule => ({
  from,
  match,
  principal,
});

describe('a rule', () => {
  test.each<[match: string, principal: string, value: string, outcome: string | undefined]>([
    ['*', '*', 'alice', 'alice'],
    ['alice', 'alice', 'alice', 'alice'],
    ['alice', 'alice', 'alice2', undefined],
    ['*@x', '*', 'alice@x', 'alice'],
    ['*@x', '*', 'alice@x.y', undefined],
    ['ab*ba', '*', 'aba', undefined],
    ['ab*ba', '*', 'abba', ''],
    ['a/*', 'svc-*', 'a/b', 'svc-b'],
    ['a/*', 'all', 'a/b', 'all'],
    ['*', 'x-*', '$&*', 'x-$&*'],
  ])('%s → %s takes %s to %s', (match, principal, value, outcome) => {
    expect(applyRule(rule('cn', match, principal), value)).toBe(outcome);
  });

  test('yields what its star stood for, whatever that is', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.stringMatching(/^[^*]*$/),
        fc.stringMatching(/^[^*]*$/),
        (middle, before, after) => {
          expect(applyRule(rule('cn', `${before}*${after}`), `${before}${middle}${after}`)).toBe(middle);
        },
      ),
    );
  });
});

describe('a certificate', () => {
  test.each<[CertificateRequest, CertificateRule[], string[]]>([
    [{ subject: { CN: 'alice' } }, [rule('cn')], ['alice']],
    [{ subject: { CN: ['alice', 'bob'] } }, [rule('cn')], []],
    [{ subject: { O: 'alice' } }, [rule('cn')], []],
    [{ subject: { CN: 'al\nice' } }, [rule('cn')], ['al\nice']],
    [{ subject: { O: 'A, B', CN: 'x\ny' } }, [rule('subject')], ['CN=x\\0Ay,O=A\\, B']],
    [{ subject: {}, emails: ['a@x', 'b@x'] }, [rule('email', '*@x')], ['a', 'b']],
    [{ subject: {}, hosts: ['a.x', '1.2.3.4'] }, [rule('dns')], ['a.x']],
    [{ subject: {}, emails: ['a@x, DNS:b.x'] }, [rule('dns')], []],
    [{ subject: {}, uris: ['spiffe://x/y?a=1,b="2"'] }, [rule('uri')], ['spiffe://x/y?a=1,b="2"']],
    [{ subject: { CN: 'a' }, emails: ['b@x'] }, [rule('cn'), rule('email', '*@x')], ['a', 'b']],
  ])('%j with %j stands for %j', (request, rules, principals) => {
    expect([...principalsOf(certificateOf(request), rules)]).toEqual(principals);
  });

  test('whatever its names hold, each is one name', () => {
    const name = fc.string({
      minLength: 1,
      maxLength: 30,
      unit: fc.constantFrom('a', ',', ' ', '"', ':', '\\', 'DNS:', 'email:', '@'),
    });
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (emails) => {
        const certificate = certificateOf({ subject: { CN: 'x' }, emails });
        expect([...principalsOf(certificate, [rule('email')])]).toEqual([...new Set(emails)]);
        expect([...principalsOf(certificate, [rule('dns')])]).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('revocation lists', () => {
  const issued = Array.from({ length: 4 }, (_, i) => authority.issue({ subject: { CN: `c${i}` } }));
  const read = (pem: string) => readClientCertificate(new X509Certificate(pem), []);

  test('revoke what is on them, and of their own authority only', () => {
    const other = createAuthority('other');
    const lists = new RevocationLists(
      `${other.revoke([issued[0]!])}text\n${authority.revoke([issued[1]!, issued[2]!])}`,
    );
    expect(issued.map(({ cert }) => lists.revokes(read(cert)))).toEqual([false, true, true, false]);
  });

  test('are parted, and what is none is left to be refused', () => {
    const [one, two] = [authority.revoke([]), createAuthority('other').revoke([])];
    expect(splitRevocationLists(`${one}# text\n${two}`)).toEqual([one.trim(), two.trim()]);
    expect(splitRevocationLists('')).toEqual([]);
    expect(splitRevocationLists('-----BEGIN X509 CRL-----')).toEqual(['-----BEGIN X509 CRL-----']);
  });

  test('may be empty', () => {
    expect(new RevocationLists(authority.revoke([])).revokes(read(issued[0]!.cert))).toBe(false);
    expect(new RevocationLists('').revokes(read(issued[0]!.cert))).toBe(false);
  });

  test('no bytes make the reader throw or loop', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const der = Buffer.from(bytes);
        expect(readElements(der).length).toBeLessThanOrEqual(100);
        const pem = `-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----`;
        expect(new RevocationLists(pem).revokes(read(issued[0]!.cert))).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
