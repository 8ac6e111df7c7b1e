/**
 * A configuration on its way to a worker, over a pipe that only the two processes have. Secrets travel in the clear and are wrapped
 * again on the other side; where the configuration came from is left behind, because a worker reads no files of it.
 */
import type { Config, ListenerCertificates, ServedConfig } from '../config/config.ts';
import { Secret } from '../config/secret.ts';

/** Opaque: to be made by `packConfig` and opened by `unpackConfig`. */
export interface PackedConfig {
  readonly packed: unknown;
}

const SECRET = 'sluice:secret';

/** @param workers among how many processes the connections that are kept ready are divided */
export function packConfig({ source: _, warnings: __, ...config }: Config, workers: number): PackedConfig {
  const databases = [...config.databases].map(([name, { upstream, ...database }]) => {
    const warmConnections = Math.ceil(upstream.warmConnections / workers);
    return [name, { ...database, upstream: { ...upstream, warmConnections } }] as const;
  });
  // Only the primary process sends messages; their keys stay with it.
  const { slack: _s, email: _e, ...asked } = config.approvals;
  const approvals = { ...asked, webhooks: [] };
  return { packed: pack({ ...config, approvals, databases: new Map(databases) }) };
}

export function unpackConfig({ packed }: PackedConfig): ServedConfig {
  return unpack(packed) as ServedConfig;
}

/** Certificates on the same way. */
export type PackedCertificates = { readonly packedCertificates: unknown };

export function packCertificates(certificates: ListenerCertificates): PackedCertificates {
  return { packedCertificates: pack(certificates) };
}

export function unpackCertificates({ packedCertificates }: PackedCertificates): ListenerCertificates {
  return unpack(packedCertificates) as ListenerCertificates;
}

/** @throws {TypeError} for anything but plain data, maps and secrets: it would arrive as something else */
function pack(value: unknown): unknown {
  if (value instanceof Secret) return { [SECRET]: value.reveal() };
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, pack(one)]));
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value === 'function') throw new TypeError('a function cannot be sent to a worker');
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    throw new TypeError(`a ${value.constructor.name} cannot be sent to a worker`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, pack(one)]));
}

function unpack(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, unpack(one)]));
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.hasOwn(value, SECRET)) return new Secret((value as Record<string, string>)[SECRET]!);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unpack(one)]));
}
