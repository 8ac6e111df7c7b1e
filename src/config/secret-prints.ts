/**
 * Salted, slow digests of a configuration's secrets, for a file that only the gateway reads: they tell whether a secret is another one since
 * the last start. Nothing of them ever reaches the ledger.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { FlatConfig } from './config-changes.ts';
import { Secret } from './secret.ts';

/** By path: salt and digest, in base64url, with a dot between them. */
export type SecretPrints = Readonly<Record<string, string>>;

const SALT_BYTES = 16;
const PRINT_BYTES = 32;
/** Some 10 ms and 4 MiB each: a start has a handful. */
const COST = { N: 4096, r: 8, p: 1 } as const;

const digest = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt);

/**
 * What to keep of these secrets, and which of them are not those that were kept before. One that was not kept before counts as unchanged.
 */
export async function comparePrints(
  kept: SecretPrints,
  flat: FlatConfig,
): Promise<{ readonly prints: SecretPrints; readonly changed: readonly string[] }> {
  const prints: [string, string][] = [];
  const changed: string[] = [];
  for (const [path, value] of flat) {
    if (!(value instanceof Secret)) continue;
    const known = kept[path];
    const isSame = known !== undefined && (await fits(known, value));
    if (known !== undefined && !isSame) changed.push(path);
    prints.push([path, isSame ? known : await printOf(value, randomBytes(SALT_BYTES))]);
  }
  return { prints: Object.fromEntries(prints), changed };
}

async function printOf(secret: Secret, salt: Buffer): Promise<string> {
  const print = await digest(secret.reveal(), salt, PRINT_BYTES, COST);
  return `${salt.toString('base64url')}.${print.toString('base64url')}`;
}

async function fits(kept: string, secret: Secret): Promise<boolean> {
  const salt = Buffer.from(kept.split('.', 1)[0] ?? '', 'base64url');
  const [own, known] = [Buffer.from(await printOf(secret, salt)), Buffer.from(kept)];
  return own.length === known.length && timingSafeEqual(own, known);
}
