/**
 * Normal work stays unbroken under masks: what tools ask the catalogs and what people and programs ask all day runs through the
 * gate, as somebody who sees masks, wherever it runs on the database itself.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WireClient } from '../support/wire-client.ts';
import { errorOf, play, startTwins, type TwinGates } from './twin-gates.ts';
import { EVERYDAY } from './workload/everyday.ts';
import { INTROSPECTION } from './workload/introspection.ts';

/** What runs for others and is refused under masks, each for a reason. */
const REFUSED: Readonly<Record<string, string>> = {
  'pg_catalog.current_setting(s.name)': 'reads every setting by a computed name',
  'CREATE TEMP VIEW': 'the definitions of temporary views are not read',
  'INSERT INTO customers': 'whether it fails would tell which e-mail addresses there are',
};

let twins: TwinGates;
let raw: WireClient;
let gate: WireClient;
let customers: string;
const rates = new Map<string, { ran: number; all: number }>();

beforeAll(async () => {
  twins = await startTwins();
  raw = await twins.a.raw();
  gate = await twins.a.masked();
  const { rows } = await twins.a.database.query(`SELECT 'customers'::regclass::oid::text AS oid`);
  customers = rows[0]!.oid as string;
});

afterAll(async () => {
  raw?.close();
  gate?.close();
  await twins?.stop();
  const [ran, all] = [...rates.values()].reduce(([x, y], one) => [x + one.ran, y + one.all], [0, 0]);
  const each = [...rates].map(([name, one]) => `${name} ${one.ran}/${one.all}`).join(', ');
  console.log(`${ran} of ${all} ordinary statements run under masks: ${each}`);
});

const psql = JSON.parse(
  readFileSync(new URL('psql-queries.json', import.meta.url), 'utf8'),
) as readonly string[];
const WORK: Readonly<Record<string, readonly string[]>> = { psql, ...INTROSPECTION, everyday: EVERYDAY };

async function errorIn(client: WireClient, text: string): Promise<string | undefined> {
  // Before it is committed, a view cannot be seen through.
  const definesView = /^CREATE VIEW/.test(text);
  if (!definesView) await play(client, 'BEGIN');
  let error: string | undefined;
  // One after the other, as people and tools send them: a text that uses what it has just made is refused under masks.
  for (const statement of text.split(/;\s+(?=[A-Z])/)) error ??= errorOf(await play(client, statement));
  if (!definesView) await play(client, 'ROLLBACK');
  return error;
}

describe.each(Object.entries(WORK))('%s', (name, statements) => {
  it.each(statements.map((text) => [text.replace(/\s+/g, ' ').slice(0, 120), text]))(
    '%s',
    async (_, written) => {
      const text = written.replaceAll('{oid}', customers);
      const error = await errorIn(raw, text);
      // Not of this server's version: nothing to be broken.
      if (error !== undefined && name === 'psql') return;
      expect(error, 'it must run on the database itself').toBeUndefined();
      const rate = rates.get(name) ?? { ran: 0, all: 0 };
      rates.set(name, rate);
      rate.all += 1;
      const masked = await errorIn(gate, text);
      if (Object.keys(REFUSED).some((part) => text.includes(part))) {
        expect(masked).toMatch(/^SL/);
        return;
      }
      expect(masked).toBeUndefined();
      rate.ran += 1;
    },
  );
});
