/**
 * What psql asks the catalogs for its backslash commands (`psql -E`, version 15) still works for who sees masked values: the
 * same rows, or the same error of the database.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MaskedDatabase, type Observation, seedOf } from './masked-database.ts';

const QUERIES = JSON.parse(readFileSync(new URL('psql-queries.json', import.meta.url), 'utf8')) as string[];

/** Without the sizes of relations: catalogs grow beneath the test, by autovacuum and by other tests' roles and databases. */
const comparable = ({ rows, error, ...rest }: Observation) => ({
  ...rest,
  error: error?.slice(0, 5),
  rows: JSON.stringify(rows).replace(/"\d+ (bytes|kB|MB)"/g, '"a size"'),
});

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
      else expect(comparable(masked)).toEqual(comparable(raw));
    },
  );
});
