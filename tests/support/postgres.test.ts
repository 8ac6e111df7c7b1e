import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from './postgres.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase('support');
});
afterAll(() => database.drop());

describe('the database of a test', () => {
  test('is PostgreSQL 18 with what the change stream needs, UTF-8 and SCRAM', async () => {
    const { rows } = await database.query(
      `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('wal_level') AS wal,
              current_setting('server_encoding') AS encoding, current_setting('password_encryption') AS passwords`,
    );
    expect(rows).toEqual([{ major: 18, wal: 'logical', encoding: 'UTF8', passwords: 'scram-sha-256' }]);
  });

  test('asks for the right password', async () => {
    await expect(database.client({ password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });

  test('can be reached by its URL', async () => {
    const client = await database.client({ connectionString: database.url });
    const { rows } = await client.query('SELECT current_database() AS name, current_user AS user');
    expect(rows).toEqual([{ name: database.name, user: 'postgres' }]);
  });

  test('is gone after drop, with clients still connected', async () => {
    const other = await createDatabase('gone');
    await other.client();
    await other.drop();
    await other.drop();
    const { rowCount } = await database.query('SELECT FROM pg_database WHERE datname = $1', [other.name]);
    expect(rowCount).toBe(0);
  });
});
