/** The examples are valid, and their policies do what their comments say. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig, SYSTEM_DEPS } from '../../src/config/load-config.ts';
import { readPolicyTexts } from '../../src/config/policy-files.ts';
import { PolicyEngine } from '../../src/policy/engine.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { ALICE, actor, BOB, database, facts, labelled, use } from '../support/sample-facts.ts';

const config = loadConfig(fileURLToPath(new URL('../../examples/sluice.yaml', import.meta.url)), {
  ...SYSTEM_DEPS,
  env: { SHOP_DATABASE_PASSWORD: 'a', STAGING_DATABASE_PASSWORD: 'b' },
});
const engine = new PolicyEngine(loadPolicies(readPolicyTexts(config)));

const labels = labelled({
  'public.customers.email': 'email',
  'public.customers.birth_date': 'birth_date',
});
const read = facts('SELECT', {
  relations: [use('Read', 'public.customers', { reads: ['birth_date', 'email'] })],
});
const update = facts('UPDATE', {
  relations: [use('Update', 'public.orders', { reads: ['id'], filters: ['id'], writes: ['status'] })],
  writes: true,
});
const noon = { now: new Date('2026-11-20T12:00:00Z') };
const night = { now: new Date('2026-11-20T23:00:00Z') };

test('the configuration is valid and raises no warnings', () => {
  expect(config.warnings).toEqual([]);
  expect([...config.databases.keys()]).toEqual(['shop', 'shop-staging']);
});

describe('support-tickets.cedar', () => {
  const maskedFor = (purpose?: string): string[] =>
    engine
      .decide({
        actor: { ...actor(BOB), ...(purpose === undefined ? {} : { purpose }) },
        database: database('prod'),
        facts: read,
        labels,
        context: noon,
      })
      .masks.map(({ column }) => column)
      .sort();

  test('shows contact data for a ticket only', () => {
    expect(maskedFor()).toEqual(['birth_date', 'email']);
    expect(maskedFor('just looking')).toEqual(['birth_date', 'email']);
    expect(maskedFor('TICKET-1234: parcel lost')).toEqual(['birth_date']);
  });
});

describe('quiet-hours.cedar', () => {
  const outcome = (who: typeof ALICE, environment: string, context: typeof noon): string =>
    engine.decide({ actor: actor(who), database: database(environment), facts: update, labels, context })
      .outcome;

  test('holds changes of production at night', () => {
    expect(outcome(ALICE, 'prod', noon)).toBe('allow');
    expect(outcome(ALICE, 'prod', night)).toBe('hold');
    expect(outcome(ALICE, 'staging', night)).toBe('allow');
  });
});
