/**
 * What statements over masked relations come to: each is answered as a database would that holds the masked values, or
 * refused, as the table says.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MaskedDatabase, type Observation, seedOf } from './masked-database.ts';
import { OUTCOMES, type Outcome } from './outcomes.ts';

let real: MaskedDatabase;
let copy: MaskedDatabase;

const LEADS = `
CREATE TABLE leads (id int PRIMARY KEY, ssn text, note text, mail text UNIQUE);
INSERT INTO leads VALUES (1, '987654321', 'first', 'a@example.com'), (2, '876543219', 'second', 'b@example.com');`;

beforeAll(async () => {
  real = await MaskedDatabase.create(`${seedOf('a')}${LEADS}`);
  copy = await MaskedDatabase.create(`${seedOf('a')}${LEADS}`);
  for (const table of ['customers', 'leads']) await fill(copy, table);
});

/** Puts masked values into the place of the real ones. */
async function fill(database: MaskedDatabase, table: string): Promise<void> {
  const masked = await database.rewritten(`SELECT * FROM ${table}`);
  await database.database.query(`
    CREATE TEMP TABLE masked AS ${masked};
    ALTER TABLE customers DROP CONSTRAINT IF EXISTS customers_email_key CASCADE, ALTER COLUMN exact DROP EXPRESSION IF EXISTS;
    ALTER TABLE leads DROP CONSTRAINT IF EXISTS leads_mail_key;
    DO $$ DECLARE col text; BEGIN
      FOR col IN SELECT attname FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped
      LOOP EXECUTE format('UPDATE ${table} t SET %1$I = m.%1$I FROM masked m WHERE m.id = t.id', col); END LOOP;
    END $$;`);
}

afterAll(async () => {
  await real?.drop();
  await copy?.drop();
});

function kindOf({ refused, error }: Observation): Outcome {
  if (refused !== undefined) return 'refused';
  return error === undefined ? 'answered' : 'fails';
}

async function run(database: MaskedDatabase, text: string, way: 'raw' | 'masked'): Promise<Observation> {
  await database.raw('BEGIN');
  const seen = await database[way](text);
  await database.raw('ROLLBACK');
  return seen;
}

describe.each(Object.entries(OUTCOMES))('%s', (_, table) => {
  it.each(table)('%s: %s', async (text, outcome) => {
    const seen = await run(real, text, 'masked');
    expect(kindOf(seen), seen.refused ?? seen.error).toBe(outcome === 'hidden' ? 'answered' : outcome);
    if (outcome !== 'answered') return;
    const expected = await run(copy, text, 'raw');
    expect(seen.rows).toEqual(expected.rows);
  });
});
