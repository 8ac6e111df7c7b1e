/** Keys that sign what is sent, as https://www.standardwebhooks.com describes them. */
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import type { RawSecret } from './raw-config.ts';
import type { Secret } from './secret.ts';

/** A key shorter than this can be guessed. The specification of the signature asks for as much. */
const MIN_KEY_BYTES = 24;

/** A secret that signs. */
export function readSigningKey(reading: ConfigReading, path: ConfigPath, raw: RawSecret): Secret | undefined {
  const secret = reading.secret(path, raw);
  const text = secret?.reveal();
  if (text === undefined) return undefined;
  const isEncoded = text.startsWith('whsec_');
  const bytes = isEncoded ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text);
  const isBase64 = !isEncoded || /^[A-Za-z0-9+/]+={0,2}$/.test(text.slice(6));
  if (isBase64 && bytes.length >= MIN_KEY_BYTES) return secret;
  return reading.error(
    path,
    `the secret is not a key of ${MIN_KEY_BYTES} bytes or more`,
    'Make one with: echo "whsec_$(openssl rand -base64 32)".',
  );
}
