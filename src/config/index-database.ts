/** What the configuration says of the database that holds the index of the ledger. */
import type { KeyPair } from './config.ts';
import type { Secret } from './secret.ts';

export interface IndexDatabaseTls {
  /** `require` does not verify the certificate; `verify-ca` verifies the chain, `verify-full` the name too. */
  readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM; without it, the system's roots count. */
  readonly ca?: string;
  /** What the gateway shows to the database. */
  readonly keyPair?: KeyPair;
}

/** A PostgreSQL database that holds the index of the ledger. */
export interface IndexDatabase {
  /** A name, an address, or the absolute directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: Secret;
  readonly schema: string;
  readonly tls: IndexDatabaseTls;
}
