/** Tokens in SQLite. The contract is `TokenStore`'s. */
import type { TokenFilter, TokenRecord, TokenStore } from '../identity/token.ts';
import type { Row, SqliteDatabase } from './sqlite-database.ts';

const COLUMNS =
  'id, principal, on_behalf_of, purpose, salt, iterations, stored_key, server_key, created_at, expires_at, revoked_at';

export class SqliteTokens implements TokenStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async insertToken(record: TokenRecord): Promise<void> {
    const { verifier } = record;
    this.#database.run(
      `INSERT INTO tokens (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      record.id,
      record.principal,
      JSON.stringify(record.onBehalfOf),
      record.purpose ?? null,
      verifier.salt,
      verifier.iterations,
      verifier.storedKey,
      verifier.serverKey,
      record.createdAt,
      record.expiresAt,
      record.revokedAt ?? null,
    );
  }

  async tokenById(id: string): Promise<TokenRecord | undefined> {
    const row = this.#database.first(`SELECT ${COLUMNS} FROM tokens WHERE id = ?`, id);
    return row === undefined ? undefined : tokenOf(row);
  }

  async listTokens({ principal, activeAt, limit }: TokenFilter): Promise<readonly TokenRecord[]> {
    // Conditions are left out rather than made void, so that the index of principals is used at each login.
    const conditions = [
      ...(principal === undefined ? [] : ['principal = ?']),
      ...(activeAt === undefined ? [] : ['revoked_at IS NULL AND expires_at > ?']),
    ];
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const values = [principal, activeAt].filter((value) => value !== undefined);
    const sql = `SELECT ${COLUMNS} FROM tokens ${where} ORDER BY created_at DESC, rowid DESC LIMIT ?`;
    return this.#database.all(sql, ...values, limit).map(tokenOf);
  }

  async revokeToken(id: string, at: number): Promise<boolean> {
    return (
      this.#database.run('UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', at, id) > 0
    );
  }

  async inactiveTokens(ids: readonly string[], now: number): Promise<readonly string[]> {
    const rows = this.#database.all(
      `SELECT value AS id FROM json_each(?) AS asked WHERE NOT EXISTS (
         SELECT 1 FROM tokens WHERE tokens.id = asked.value AND revoked_at IS NULL AND expires_at > ?)`,
      JSON.stringify(ids),
      now,
    );
    return rows.map((row) => row.id as string);
  }

  async pruneTokens(before: number): Promise<number> {
    return this.#database.run('DELETE FROM tokens WHERE expires_at < ?1 OR revoked_at < ?1', before);
  }
}

function tokenOf(row: Row): TokenRecord {
  return {
    id: row.id as string,
    principal: row.principal as string,
    onBehalfOf: JSON.parse(row.on_behalf_of as string) as string[],
    ...(row.purpose === null ? {} : { purpose: row.purpose as string }),
    createdAt: row.created_at as number,
    expiresAt: row.expires_at as number,
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at as number }),
    verifier: {
      salt: bytesOf(row.salt),
      iterations: row.iterations as number,
      storedKey: bytesOf(row.stored_key),
      serverKey: bytesOf(row.server_key),
    },
  };
}

function bytesOf(value: Row[string] | undefined): Buffer {
  const bytes = value as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
