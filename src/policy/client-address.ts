/** The client's address as Cedar's `ipaddr` reads it. Pure. */
import { isIP } from 'node:net';

/**
 * `10.0.0.7:5432`, `::1:5432`, `[::1]:5432`, `::ffff:10.0.0.7:5432` → the address without the port; undefined for what is no
 * internet address. The port may be missing only from IPv4: without brackets, the last number of IPv6 is taken for one.
 */
export function clientAddressOf(text: string | undefined): string | undefined {
  const bare = text?.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
  const address = bare?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}
