/**
 * The certificate the gateway shows to clients: the configured one, or a self-signed one that is made on first start,
 * kept in the data directory and used from then on, so that clients may pin it.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Config, KeyPair, Listener } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { writePrivateFile } from './private-file.ts';
import { makeSelfSignedCertificate } from './self-signed-certificate.ts';
import type { RandomBytes } from './token-text.ts';

/** In the data directory. */
export const GENERATED_CERTIFICATE_NAME = 'server.crt';
const GENERATED_KEY_NAME = 'server.key';

export interface CertificateDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
}

/** A certificate with its key, and where it is from. */
export interface ServerCertificate extends KeyPair {
  readonly origin: 'configured' | 'kept' | 'made';
}

/**
 * The certificate for a listener. Makes one if none is configured and none is kept, or the kept one expired or is not
 * for the address the listener now has. The caller holds the lock of the data directory.
 * @throws {SluiceError} config_invalid if the configured pair does not fit together
 */
export function loadServerCertificate(
  config: Pick<Config, 'dataDir' | 'listen'>,
  listener: Listener,
  deps: CertificateDeps,
): ServerCertificate {
  const { keyPair } = listener.tls;
  if (keyPair !== undefined) return checkPair({ ...keyPair, origin: 'configured' });
  const hosts = hostsOf(config);
  const kept = readKept(config.dataDir);
  if (kept !== undefined && isFit(kept, hosts, deps.now())) return { ...kept, origin: 'kept' };
  const made = makeSelfSignedCertificate([...new Set([...hosts, hostname()])], deps.now(), deps.randomBytes);
  // The key first: a certificate without its key would be worse than none.
  writePrivateFile(join(config.dataDir, GENERATED_KEY_NAME), made.key.reveal());
  writePrivateFile(join(config.dataDir, GENERATED_CERTIFICATE_NAME), made.cert);
  return { ...made, origin: 'made' };
}

/**
 * What the certificate must be for. The machine's name goes into a new one too, but a container's changes with every
 * start and is no reason to make another.
 */
function hostsOf(config: Pick<Config, 'listen'>): string[] {
  const listened = [config.listen.postgres.host, config.listen.http.host].filter((host) => !isWildcard(host));
  return [...new Set(['localhost', '127.0.0.1', '::1', ...listened])];
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function readKept(dataDir: string): KeyPair | undefined {
  try {
    const pair = {
      cert: readFileSync(join(dataDir, GENERATED_CERTIFICATE_NAME), 'utf8'),
      key: new Secret(readFileSync(join(dataDir, GENERATED_KEY_NAME), 'utf8')),
    };
    createSecureContext({ cert: pair.cert, key: pair.key.reveal() });
    return pair;
  } catch {
    return undefined;
  }
}

function isFit(pair: KeyPair, hosts: readonly string[], nowMs: number): boolean {
  const certificate = new X509Certificate(pair.cert);
  if (certificate.validToDate.getTime() <= nowMs) return false;
  return hosts.every((host) => {
    const match = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
    return match !== undefined;
  });
}

function checkPair(pair: ServerCertificate): ServerCertificate {
  try {
    createSecureContext({ cert: pair.cert, key: pair.key.reveal() });
    return pair;
  } catch (cause) {
    throw new SluiceError('config_invalid', 'the configured TLS certificate and key do not fit together', {
      hint: 'Check tls.cert and tls.key of the listener: both PEM, the key unencrypted and of that certificate.',
      cause,
    });
  }
}
