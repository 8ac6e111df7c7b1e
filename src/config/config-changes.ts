/**
 * What differs between two configurations, value by value. Never shows a secret, and never a digest of one: whoever reads the ledger could
 * guess at it.
 */
import { hash } from 'node:crypto';
import type { Config } from './config.ts';
import { dotted } from './config-source.ts';
import { Secret } from './secret.ts';

/** A value as it is shown: a scalar of JSON. */
export type ShownValue = string | number | boolean | null;

/** By path, such as `databases.shop.upstream.port`. */
export type ShownConfig = Readonly<Record<string, ShownValue>>;

/** One value that changed: `before` is absent for a new one, `after` for one that is gone. */
export interface ConfigChange {
  readonly path: string;
  readonly before?: ShownValue;
  readonly after?: ShownValue;
}

const SECRET = '\u2039secret\u203a';
const CHANGED_SECRET = '\u2039secret, changed\u203a';
/** Longer texts are certificates and the like: their size and hash say enough. */
const MAX_TEXT_LENGTH = 500;

/** Every value of a configuration by its path; secrets as they are wrapped. */
export type FlatConfig = ReadonlyMap<string, ShownValue | Secret>;

export function flattenConfig({ source: _, warnings: __, ...config }: Config): FlatConfig {
  const flat = new Map<string, ShownValue | Secret>();
  flatten(config, [], flat);
  return flat;
}

export function showConfig(flat: FlatConfig): ShownConfig {
  return Object.fromEntries([...flat].map(([path, value]) => [path, shown(value)]));
}

/** A short name for what a configuration says: equal for equal ones. */
export function configVersion(config: ShownConfig): string {
  const sorted = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(sorted), 'hex').slice(0, 16);
}

/**
 * What changed, in the order of paths.
 * @param before what was shown of the former one, or the former one itself: only then is a changed secret noticed
 */
export function configChanges(before: ShownConfig | FlatConfig, after: FlatConfig): ConfigChange[] {
  const former = before instanceof Map ? (before as FlatConfig) : new Map(Object.entries(before));
  const paths = [...new Set([...former.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => changeAt(path, former.get(path), after.get(path)) ?? []);
}

export function changedSecret(path: string): ConfigChange {
  return { path, before: SECRET, after: CHANGED_SECRET };
}

function changeAt(
  path: string,
  before: ShownValue | Secret | undefined,
  after: ShownValue | Secret | undefined,
): ConfigChange | undefined {
  if (before instanceof Secret && after instanceof Secret) {
    return before.reveal() === after.reveal() ? undefined : changedSecret(path);
  }
  const [old, now] = [before, after].map((value) => (value === undefined ? undefined : shown(value)));
  if (old === now) return undefined;
  return {
    path,
    ...(old === undefined ? {} : { before: old }),
    ...(now === undefined ? {} : { after: now }),
  };
}

function flatten(value: unknown, path: readonly string[], flat: Map<string, ShownValue | Secret>): void {
  if (value === undefined || typeof value === 'function') return;
  if (value === null || typeof value !== 'object' || value instanceof Secret) {
    flat.set(dotted(path), value as ShownValue | Secret);
    return;
  }
  const members = value instanceof Map ? [...value] : Object.entries(value);
  for (const [name, member] of members) flatten(member, [...path, String(name)], flat);
}

function shown(value: ShownValue | Secret): ShownValue {
  if (value instanceof Secret) return SECRET;
  if (typeof value !== 'string') return value;
  if (value.length > MAX_TEXT_LENGTH) {
    return `\u2039${Buffer.byteLength(value)} bytes, SHA-256 ${hash('sha256', value, 'hex')}\u203a`;
  }
  return withoutCredentials(value);
}

/** An address may carry a password, or a key in its query. */
function withoutCredentials(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === '' && url.password === '' && url.search === '') return text;
  const user = url.username === '' && url.password === '' ? '' : `${SECRET}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}${url.search === '' ? '' : `?${SECRET}`}`;
}
