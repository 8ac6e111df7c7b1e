/** `listen.postgres.tls.clientCertificates`: who vouches for clients, and whom their certificates stand for. */
import type { CertificateRule, ClientCertificateConfig, ListenerTlsMode } from './config.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { didYouMean } from './nearest-name.ts';
import type { RawClientCertificates } from './raw-config.ts';

const PATH: ConfigPath = ['listen', 'postgres', 'tls', 'clientCertificates'];

/** @param principals the ids that are configured */
export function readClientCertificates(
  reading: ConfigReading,
  raw: RawClientCertificates,
  mode: ListenerTlsMode,
  principals: readonly string[],
): ClientCertificateConfig | undefined {
  const { required = false, suffices = false } = raw;
  checkMode(reading, mode, required);
  const rules = (raw.principals ?? [{ from: 'cn' as const }]).map((rule, index) =>
    readRule(reading, [...PATH, 'principals', index], rule, principals),
  );
  const ca = reading.pem([...PATH, 'ca'], raw.ca, 'CERTIFICATE');
  const crl = raw.crl === undefined ? undefined : reading.pem([...PATH, 'crl'], raw.crl, 'X509 CRL');
  if (ca === undefined) return undefined;
  return { ca, ...(crl === undefined ? {} : { crl }), required, suffices, rules };
}

function checkMode(reading: ConfigReading, mode: ListenerTlsMode, required: boolean): void {
  if (mode === 'disable') {
    reading.error(PATH, 'there are no certificates without TLS', 'Set tls.mode to require or prefer.', 'key');
  } else if (required && mode !== 'require') {
    const message = 'clients that do not use TLS show no certificate';
    reading.error([...PATH, 'required'], message, 'Set tls.mode to require, too.');
  }
}

function readRule(
  reading: ConfigReading,
  path: ConfigPath,
  {
    from,
    match = '*',
    principal = match.includes('*') ? '*' : match,
  }: Partial<CertificateRule> & Pick<CertificateRule, 'from'>,
  principals: readonly string[],
): CertificateRule {
  const stars = (text: string): number => text.split('*').length - 1;
  if (stars(match) > 1) reading.error([...path, 'match'], 'match holds more than one *', 'Keep one.');
  if (stars(principal) > stars(match)) {
    reading.error(
      [...path, 'principal'],
      'its * stands for nothing',
      'Put one * into match, or remove it here.',
    );
  } else if (stars(principal) === 0 && !principals.includes(principal)) {
    const fix = didYouMean(principal, principals, 'Add it to principals, or correct it.');
    reading.error([...path, 'principal'], `there is no principal "${principal}"`, fix);
  }
  return { from, match, principal };
}
