/**
 * A configuration on its way to a worker, over a pipe that only the two processes have. Secrets travel in the clear and are wrapped
 * again on the other side; where the configuration came from is left behind, because a worker reads no files of it.
 */
import type { Config, ListenerCertificates, ServedConfig } from '../config/config.ts';
import { pack, unpack } from '../config/packing.ts';

/** Opaque: to be made by `packConfig` and opened by `unpackConfig`. */
export interface PackedConfig {
  readonly packed: unknown;
}

/** @param workers among how many processes the connections that are kept ready are divided */
export function packConfig({ source: _, warnings: __, ...config }: Config, workers: number): PackedConfig {
  const databases = [...config.databases].map(([name, { upstream, ...database }]) => {
    const warmConnections = Math.ceil(upstream.warmConnections / workers);
    return [name, { ...database, upstream: { ...upstream, warmConnections } }] as const;
  });
  // Only the primary process sends messages and hands entries on; their keys stay with it.
  const { slack: _s, teams: _t, email: _e, ...asked } = config.approvals;
  const approvals = { ...asked, webhooks: [], reviewers: [] };
  return { packed: pack({ ...config, approvals, exports: [], databases: new Map(databases) }) };
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
