/** The client's address as Cedar's `ipaddr` reads it. Pure; Cedar itself judges whether the digits make sense. */

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const IPV6 = /^[\da-f]*:[\da-f:]*$/i;

/**
 * `10.0.0.7:5432`, `::1:5432`, `[::1]:5432`, `::ffff:10.0.0.7:5432` → the address without the port; undefined for what is no
 * internet address. The port may be missing only from IPv4: without brackets, the last number of IPv6 is taken for one.
 */
export function clientAddressOf(text: string | undefined): string | undefined {
  const bare = text?.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
  const address = bare?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (address === undefined) return undefined;
  return IPV4.test(address) || IPV6.test(address) ? address : undefined;
}
