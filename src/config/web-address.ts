/** Addresses of HTTP that the configuration names. */
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { isLoopback } from './listen-section.ts';

/** An address that is encrypted on every network, unless `insecure`. */
export function readUrl(
  reading: ConfigReading,
  path: ConfigPath,
  text: string,
  insecure: boolean,
): URL | undefined {
  const url = URL.parse(text);
  const fix = 'Write an address such as https://hooks.example.com/sluice.';
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    return reading.error(path, `${path.at(-1)} is no address of HTTP`, fix);
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    return reading.error(path, `${path.at(-1)} holds a user, a password or a fragment`, 'Remove it.');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol === 'http:' && !insecure && !isLoopback(host)) {
    return reading.error(
      path,
      `${path.at(-1)} would send in clear`,
      'Write https://, or set insecure: true beside it.',
    );
  }
  return url;
}
