/** Arrays as PostgreSQL reads them: one parameter for a column of many rows. */

export function numberArray(values: readonly (number | null)[]): string {
  let text = '{';
  for (let at = 0; at < values.length; at++) text += `${at === 0 ? '' : ','}${values[at] ?? 'NULL'}`;
  return `${text}}`;
}

/** Of names that need no quoting but for signs in front. */
export function nameArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value}"`).join()}}`;
}

/** Bytes, or texts as UTF-8: a text of PostgreSQL could not hold every text of the ledger. */
export function bytesArray(values: readonly (Uint8Array | string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"\\\\x${hexOf(value)}"`)).join()}}`;
}

export function hexOf(value: Uint8Array | string): string {
  return typeof value === 'string'
    ? Buffer.from(value).toString('hex')
    : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
}
