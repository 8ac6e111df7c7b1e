/**
 * What psql asks the catalogs for its backslash commands (`psql -E`, version 15) still works for who sees masked values: the
 * same rows, or the same error of the database.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MaskedDatabase, seedOf } from './masked-database.ts';

const QUERIES = JSON.parse(readFileSync(new URL('psql-queries.json', import.meta.url), 'utf8')) as string[];

/** Reads every setting by a computed name. */
const REFUSED = 'pg_catalog.current_setting(s.name)';

let database: MaskedDatabase;
let oid: string;

beforeAll(async () => {
  database = await MaskedDatabase.create(seedOf('a'));
  const { rows } = await database.database.query(`SELECT 'customers'::regclass::oid AS oid`);
  oid = String(rows[0]!.oid);
});

afterAll(() => database?.drop());

describe('psql', () => {
  it.each(QUERIES.map((query) => [query.replace(/\s+/g, ' ').slice(0, 100), query]))(
    '%s',
    async (_, query) => {
      const text = query.replaceAll('{oid}', oid);
      const [raw, masked] = [await database.raw(text), await database.masked(text)];
      if (text.includes(REFUSED)) expect(masked.refused).toContain('current_setting');
      else
        expect({ ...masked, error: masked.error?.slice(0, 5) }).toEqual({
          ...raw,
          error: raw.error?.slice(0, 5),
        });
    },
  );
});
