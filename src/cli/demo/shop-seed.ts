/**
 * Builds the demo's databases on a fresh server: `shop` with thousands of made-up rows, the empty `scratch`, and the
 * one role the gateway logs in with. It owns both and is no superuser.
 */
import type pg from 'pg';
import { DEMO_SIZE, type ShopSize, shopRows } from './shop-rows.ts';
import { SHOP_INDEXES, SHOP_SCHEMA } from './shop-schema.ts';

/** Rows of one INSERT: keeps each parameter below a few megabytes. */
const ROWS_PER_INSERT = 5_000;

/** What runs on a database as a client: connects, works, ends. */
export type OnDatabase = (database: string, work: (client: pg.Client) => Promise<void>) => Promise<void>;

/**
 * Creates role and databases and fills them.
 * @param role name and password of the login role; both are quoted here
 */
export async function createShop(
  onDatabase: OnDatabase,
  role: { readonly name: string; readonly password: string },
  size: ShopSize = DEMO_SIZE,
): Promise<void> {
  await onDatabase('postgres', async (client) => {
    const [name, password] = [client.escapeIdentifier(role.name), client.escapeLiteral(role.password)];
    await client.query(`CREATE ROLE ${name} LOGIN PASSWORD ${password}`);
    for (const database of ['shop', 'scratch']) {
      await client.query(`CREATE DATABASE ${database} OWNER ${name} TEMPLATE template0`);
    }
  });
  await onDatabase('shop', async (client) => {
    await client.query(`SET ROLE ${client.escapeIdentifier(role.name)}`);
    await fillShop(client, size);
  });
}

/** Creates and fills the shop's tables in the current schema of `client`, in one transaction. */
export async function fillShop(client: pg.Client, size: ShopSize = DEMO_SIZE): Promise<void> {
  await client.query('BEGIN');
  await client.query(SHOP_SCHEMA);
  for (const [table, rows] of shopRows(size)) {
    for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
      const batch = JSON.stringify(rows.slice(from, from + ROWS_PER_INSERT));
      await client.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [
        batch,
      ]);
    }
    if (rows[0] !== undefined && 'id' in rows[0]) await continueIdentity(client, table);
  }
  await client.query(SHOP_INDEXES);
  await client.query('COMMIT');
  await client.query('ANALYZE');
}

async function continueIdentity(client: pg.Client, table: string): Promise<void> {
  await client.query(
    `SELECT setval(sequence, (SELECT max(id) FROM ${table}))
     FROM pg_get_serial_sequence('${table}', 'id') AS sequence WHERE sequence IS NOT NULL`,
  );
}
