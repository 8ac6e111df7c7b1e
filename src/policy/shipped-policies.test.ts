/** What the shipped policies decide: one row a demand. */
import { describe, expect, test } from 'vitest';
import {
  ALICE,
  actor,
  BILLING,
  BOB,
  database,
  facts,
  labelled,
  MIGRATOR,
  object,
  REPORT_BOT,
  shippedPolicies,
  use,
} from '../../tests/support/sample-facts.ts';
import type { Facts } from '../model/facts.ts';
import type { Principal } from '../model/principal.ts';
import { PolicyEngine } from './engine.ts';

const policies = shippedPolicies();
const engine = new PolicyEngine(policies);
const context = { now: new Date('2026-11-21T10:00:00Z') };
const labels = labelled({
  'public.customers.email': 'email',
  'public.customers.name': 'name',
  'public.employees.salary': 'salary',
  'pg_catalog.pg_stats.most_common_vals': 'statistics',
});
const unlabelled = labelled({});

const CUSTOMERS = 'public.customers';
const ORDERS = 'public.orders';

const select = facts('SELECT', {
  relations: [use('Read', CUSTOMERS, { reads: ['email', 'id'], filters: ['id'] })],
});
const constant = facts('SELECT', { actions: ['Read'] });
const nothing = facts('SELECT');
const begin = facts('BEGIN', { actions: ['Transaction'], transaction: 'begin' });
const catalog = facts('SELECT', {
  relations: [
    use('Read', 'pg_catalog.pg_class', { system: true, reads: ['relname'] }),
    use('Read', 'pg_catalog.pg_stats', { system: true, reads: ['most_common_vals'] }),
  ],
  functions: [{ name: 'pg_catalog.pg_table_is_visible', transparent: true }],
});
const copyOut = facts('COPY', { relations: [use('Export', CUSTOMERS, { reads: ['email', 'id'] })] });
const insert = facts('INSERT', { relations: [use('Insert', ORDERS, { writes: ['id'] })], writes: true });
const update = facts('UPDATE', {
  relations: [use('Update', ORDERS, { reads: ['id'], filters: ['id'], writes: ['status'] })],
  writes: true,
});
const unboundedUpdate: Facts = { ...update, bounded: false };
const unboundedDelete = facts('DELETE', { relations: [use('Delete', ORDERS)], writes: true, bounded: false });
const ddl = (
  action: 'Create' | 'Alter' | 'Drop' | 'Truncate' | 'Maintain' | 'Lock' | 'Grant',
  relation = ORDERS,
) =>
  facts(`${action.toUpperCase()} TABLE`, {
    relations: [use(action, relation)],
    writes: true,
    changesCatalog: true,
  });
const create = (name: string) =>
  facts('CREATE TABLE', { objects: [object('Create', 'table', name)], writes: true, changesCatalog: true });
const temporary = (action: 'Insert' | 'Update' | 'Delete' | 'Drop' | 'Truncate' | 'Alter') =>
  facts(action, {
    relations: [use(action, 'pg_temp_3.scratch', { temporary: true })],
    writes: true,
    bounded: false,
  });
const createIndex = (table: string) =>
  facts('CREATE INDEX', {
    relations: [use('Alter', table, { temporary: table.startsWith('pg_temp') })],
    objects: [object('Create', 'index', 'i')],
    writes: true,
  });
const createFunction = facts('CREATE FUNCTION', {
  objects: [object('Create', 'function', 'public.f')],
  writes: true,
});
const createRole = facts('CREATE ROLE', { objects: [object('Grant', 'role', 'eve')], writes: true });
const createExtension = facts('CREATE EXTENSION', {
  actions: ['Create', 'Administer'],
  objects: [object('Create', 'extension', 'dblink')],
  writes: true,
});
const copyToProgram = facts('COPY', {
  actions: ['Administer', 'Read', 'Export'],
  relations: [use('Read', ORDERS), use('Export', ORDERS)],
  opaque: [{ kind: 'statement', what: 'COPY with a program of the server' }],
  writes: true,
});
const killSession = facts('SELECT', {
  actions: ['Read', 'Execute', 'Administer'],
  functions: [{ name: 'pg_catalog.pg_terminate_backend', transparent: false }],
  opaque: [{ kind: 'function', what: 'function pg_catalog.pg_terminate_backend' }],
  writes: true,
});
const forgeMarker = facts('SELECT', {
  actions: ['Read', 'Execute', 'Administer'],
  functions: [{ name: 'pg_catalog.pg_logical_emit_message', transparent: false }],
  writes: true,
});
const unknownFunction = facts('SELECT', {
  actions: ['Read', 'Execute'],
  functions: [{ name: 'public.f', transparent: false }],
  opaque: [{ kind: 'function', what: 'function public.f' }],
  writes: true,
});
const sequence = facts('SELECT', {
  actions: ['Read', 'Update'],
  objects: [object('Update', 'sequence', 'public.s')],
  functions: [{ name: 'pg_catalog.nextval', transparent: true }],
  writes: true,
});
const rowLock = facts('SELECT', { relations: [use('Read', ORDERS), use('Lock', ORDERS)], writes: true });
const tableLock = facts('LOCK TABLE', { relations: [use('Lock', ORDERS)], writes: true });
const advisoryLock = facts('SELECT', {
  actions: ['Read', 'Lock'],
  functions: [{ name: 'pg_catalog.pg_advisory_lock', transparent: true }],
  writes: true,
});
const doBlock = facts('DO', {
  actions: ['Execute'],
  opaque: [{ kind: 'dynamic-sql', what: 'a DO block' }],
  writes: true,
});
const setRole = facts('SET', {
  actions: ['Set', 'Administer'],
  settings: [{ name: 'role', value: 'postgres', local: false }],
});
const setTimeout = facts('SET', {
  actions: ['Set'],
  settings: [{ name: 'statement_timeout', value: '5s', local: false }],
});
const notify = facts('NOTIFY', { objects: [object('Notify', 'channel', 'jobs')], writes: true });
const notifyByFunction = facts('SELECT', {
  actions: ['Read', 'Notify'],
  functions: [{ name: 'pg_catalog.pg_notify', transparent: true }],
  writes: true,
});
const listen = facts('LISTEN', { objects: [object('Notify', 'channel', 'jobs')] });
const vacuumAll = facts('VACUUM', { actions: ['Maintain'], writes: true });
const audit = ddl('Drop', 'sluice.positions');
const alterLabelled = ddl('Alter', CUSTOMERS);

const ENVIRONMENTS = { dev: 'dev', staging: 'staging', prod: 'prod', unknown: 'eu-west' } as const;

type Row = readonly [
  title: string,
  who: Principal | readonly Principal[],
  environment: keyof typeof ENVIRONMENTS,
  facts: Facts,
  outcome: 'allow' | 'hold' | 'deny',
  policy: string | undefined,
];

const BOT = [REPORT_BOT, BOB];

const ROWS: readonly Row[] = [
  // Everyone reads, starts transactions, looks into the catalog.
  ...[ALICE, BOB, BOT, BILLING].flatMap((who): Row[] => [
    ['reads', who, 'prod', select, 'allow', 'read'],
    ['selects a constant', who, 'prod', constant, 'allow', 'read'],
    ['selects nothing', who, 'prod', nothing, 'allow', 'read'],
    ['begins', who, 'prod', begin, 'allow', 'session'],
    ['introspects', who, 'prod', catalog, 'allow', 'read'],
    ['copies out', who, 'prod', copyOut, 'allow', 'read'],
    ['sets a time-out', who, 'prod', setTimeout, 'allow', 'session'],
    ['listens', who, 'prod', listen, 'allow', 'session'],
    ['creates a temporary table', who, 'prod', create('pg_temp.scratch'), 'allow', 'own-temporary'],
    ['indexes a temporary table', who, 'prod', createIndex('pg_temp_3.scratch'), 'allow', 'own-temporary'],
    ['alters a temporary table', who, 'prod', temporary('Alter'), 'allow', 'own-temporary'],
    ['fills a temporary table', who, 'prod', temporary('Insert'), 'allow', 'own-temporary'],
    ['updates a temporary table', who, 'prod', temporary('Update'), 'allow', 'own-temporary'],
    ['empties a temporary table', who, 'prod', temporary('Truncate'), 'allow', 'own-temporary'],
    ['drops a temporary table', who, 'prod', temporary('Drop'), 'allow', 'own-temporary'],
    ['drops what belongs to the audit', who, 'prod', audit, 'deny', 'audit-objects'],
    ['drops what belongs to the audit', who, 'dev', audit, 'deny', 'audit-objects'],
    ['creates where the audit lives', who, 'dev', create('sluice.x'), 'deny', 'audit-objects'],
    ['forges a marker', who, 'dev', forgeMarker, 'deny', 'audit-messages'],
  ]),

  // People in production.
  ['inserts', BOB, 'prod', insert, 'allow', 'people-change'],
  ['updates some rows', BOB, 'prod', update, 'allow', 'people-change'],
  ['updates all rows', BOB, 'prod', unboundedUpdate, 'hold', 'people-unbounded-write'],
  ['deletes all rows', BOB, 'prod', unboundedDelete, 'hold', 'people-unbounded-write'],
  ['updates all rows', BOB, 'unknown', unboundedUpdate, 'hold', 'people-unbounded-write'],
  ['updates all rows', ALICE, 'prod', unboundedUpdate, 'hold', 'people-unbounded-write'],
  ['truncates', BOB, 'prod', ddl('Truncate'), 'hold', 'people-truncate'],
  ['drops', BOB, 'prod', ddl('Drop'), 'hold', 'people-define'],
  ['drops', ALICE, 'prod', ddl('Drop'), 'hold', 'people-define'],
  ['creates', ALICE, 'prod', create('public.new'), 'hold', 'people-define'],
  ['creates an index', ALICE, 'prod', createIndex(ORDERS), 'hold', 'people-define'],
  [
    'drops an index',
    BOB,
    'prod',
    facts('DROP INDEX', { objects: [object('Drop', 'index', 'i')] }),
    'hold',
    'people-define',
  ],
  ['grants', BOB, 'prod', ddl('Grant'), 'deny', 'people-grant'],
  ['grants', ALICE, 'prod', ddl('Grant'), 'hold', 'people-grant-dba'],
  ['vacuums', BOB, 'prod', ddl('Maintain'), 'hold', 'people-maintain'],
  ['vacuums', ALICE, 'prod', ddl('Maintain'), 'allow', 'people-change'],
  ['locks a table', BOB, 'prod', tableLock, 'hold', 'people-maintain'],
  ['locks rows', BOB, 'prod', rowLock, 'allow', 'people-change'],
  ['takes an advisory lock', BOB, 'prod', advisoryLock, 'allow', 'people-change'],
  ['vacuums everything', BOB, 'prod', vacuumAll, 'hold', 'people-maintain'],
  ['creates a role', BOB, 'prod', createRole, 'deny', 'people-grant'],
  ['creates a role', BOB, 'staging', createRole, 'deny', 'people-grant'],
  ['creates a role', ALICE, 'prod', createRole, 'hold', 'people-grant-dba'],
  ['creates an extension', BOB, 'dev', createExtension, 'deny', 'administer-dba-only'],
  ['creates an extension', ALICE, 'prod', createExtension, 'hold', 'administer-approval'],
  ['creates an extension', ALICE, 'dev', createExtension, 'allow', 'administer'],
  ['copies to a program', BOB, 'dev', copyToProgram, 'deny', 'server-files'],
  ['copies to a program', ALICE, 'prod', copyToProgram, 'hold', 'administer-approval'],
  ['copies to a program', BILLING, 'dev', copyToProgram, 'deny', 'server-files'],
  ['ends a session', BOB, 'prod', killSession, 'deny', 'administer-dba-only'],
  ['ends a session', ALICE, 'prod', killSession, 'hold', 'administer-approval'],
  ['runs a DO block', BOB, 'prod', doBlock, 'deny', 'sluice:not-understood'],
  ['runs a DO block', ALICE, 'prod', doBlock, 'hold', 'people-dynamic-sql'],
  ['runs a DO block', ALICE, 'staging', doBlock, 'allow', 'session'],
  ['runs a DO block', BOB, 'dev', doBlock, 'allow', 'session'],
  ['takes another role', BOB, 'prod', setRole, 'deny', 'administer-dba-only'],
  ['takes another role', ALICE, 'prod', setRole, 'hold', 'administer-approval'],
  ['calls code that nobody read', BOB, 'prod', unknownFunction, 'deny', 'sluice:not-understood'],
  ['calls code that nobody read', ALICE, 'prod', unknownFunction, 'allow', 'session'],
  ['notifies', BOB, 'prod', notify, 'allow', 'session'],
  ['draws from a sequence', BOB, 'prod', sequence, 'allow', 'people-change'],

  // People elsewhere: pgbench -i and whatever else they like.
  ...(['Drop', 'Truncate', 'Alter', 'Maintain', 'Lock'] as const).flatMap((action): Row[] => [
    [`${action} runs unasked`, ALICE, 'dev', ddl(action), 'allow', 'people-change'],
    [`${action} runs unasked`, BOB, 'dev', ddl(action), 'allow', 'people-change'],
    [`${action} runs unasked`, ALICE, 'staging', ddl(action), 'allow', 'people-change'],
    [`${action} runs unasked`, BOB, 'staging', ddl(action), 'allow', 'people-change'],
    [`${action} runs unasked`, BILLING, 'dev', ddl(action), 'allow', undefined],
  ]),
  ['creates', ALICE, 'dev', create('public.new'), 'allow', 'people-change'],
  ['creates', BOB, 'staging', create('public.new'), 'allow', 'people-change'],
  ['updates all rows', BOB, 'staging', unboundedUpdate, 'allow', 'people-change'],
  ['creates code', BOB, 'staging', createFunction, 'hold', 'restricted-code'],
  ['creates code', ALICE, 'staging', createFunction, 'allow', 'people-change'],
  ['creates code', BOB, 'dev', createFunction, 'allow', 'people-change'],
  ['renames a masked column', BOB, 'staging', alterLabelled, 'hold', 'restricted-labelled-table'],
  ['grants', BOB, 'dev', ddl('Grant'), 'allow', 'people-change'],

  // Agents.
  ['inserts', BOT, 'prod', insert, 'hold', 'agent-write-approval'],
  ['updates some rows', BOT, 'prod', update, 'hold', 'agent-write-approval'],
  ['updates all rows', BOT, 'prod', unboundedUpdate, 'hold', 'agent-write-approval'],
  ['updates some rows', BOT, 'staging', update, 'allow', 'agent-write'],
  ['updates all rows', BOT, 'staging', unboundedUpdate, 'hold', 'agent-unbounded-write'],
  ['updates all rows', BOT, 'dev', unboundedUpdate, 'allow', 'agent-write'],
  ['drops', BOT, 'prod', ddl('Drop'), 'deny', 'agent-drop'],
  ['drops', BOT, 'staging', ddl('Drop'), 'deny', 'agent-drop'],
  ['drops', BOT, 'dev', ddl('Drop'), 'allow', 'agent-define-dev'],
  ['truncates', BOT, 'prod', ddl('Truncate'), 'deny', 'agent-truncate'],
  ['alters', BOT, 'prod', ddl('Alter'), 'deny', 'agent-alter'],
  ['creates', BOT, 'prod', create('public.new'), 'deny', 'agent-alter'],
  ['creates', BOT, 'dev', create('public.new'), 'allow', 'agent-define-dev'],
  ['creates an index', BOT, 'prod', createIndex(ORDERS), 'deny', 'agent-alter'],
  ['creates code', BOT, 'prod', createFunction, 'deny', 'agent-alter'],
  ['grants', BOT, 'dev', ddl('Grant'), 'deny', 'agent-grant'],
  ['vacuums', BOT, 'prod', ddl('Maintain'), 'deny', 'agent-lock'],
  ['locks a table', BOT, 'prod', tableLock, 'deny', 'agent-lock'],
  ['locks rows', BOT, 'prod', rowLock, 'deny', 'agent-lock'],
  ['ends a session', BOT, 'dev', killSession, 'deny', 'administer-dba-only'],
  ['notifies', BOT, 'prod', notify, 'hold', 'agent-side-effects'],
  ['notifies by a function', BOT, 'prod', notifyByFunction, 'hold', 'agent-side-effects'],
  ['draws from a sequence', BOT, 'prod', sequence, 'hold', 'agent-write-approval'],
  ['calls code that nobody read', BOT, 'prod', unknownFunction, 'deny', 'sluice:not-understood'],
  ['runs a DO block', BOT, 'prod', doBlock, 'deny', 'sluice:not-understood'],
  ['takes another role', BOT, 'prod', setRole, 'deny', 'administer-dba-only'],
  ['drops, acting for a DBA', [REPORT_BOT, ALICE], 'prod', ddl('Drop'), 'deny', 'agent-drop'],

  // Services.
  ['updates some rows', BILLING, 'prod', update, 'allow', 'service-write'],
  ['updates all rows', BILLING, 'prod', unboundedUpdate, 'deny', 'service-unbounded-write'],
  ['truncates', BILLING, 'prod', ddl('Truncate'), 'deny', 'service-truncate'],
  ['creates', BILLING, 'prod', create('public.new'), 'deny', 'service-define-prod'],
  ['creates', MIGRATOR, 'prod', create('public.new'), 'hold', 'migration-approval'],
  ['creates an index', BILLING, 'prod', createIndex(ORDERS), 'deny', 'service-define-prod'],
  ['creates an index', MIGRATOR, 'prod', createIndex(ORDERS), 'hold', 'migration-approval'],
  ['takes an advisory lock', BILLING, 'prod', advisoryLock, 'allow', 'service-write'],
  ['locks rows', BILLING, 'prod', rowLock, 'allow', 'service-write'],
  ['grants', BILLING, 'dev', ddl('Grant'), 'deny', 'service-grant'],
  ['runs a DO block', BILLING, 'prod', doBlock, 'deny', 'service-dynamic-sql'],
  ['runs a DO block', BILLING, 'staging', doBlock, 'allow', 'session'],
  ['runs a DO block', MIGRATOR, 'prod', doBlock, 'hold', 'migration-dynamic-sql'],
];

const people = (who: Principal | readonly Principal[]) => (Array.isArray(who) ? who : [who]) as Principal[];

describe('the shipped policies', () => {
  test.each(
    ROWS.map(([title, who, environment, statement, outcome, policy]) => ({
      name: `${people(who)
        .map((one) => one.id)
        .join(' for ')} ${title} in ${environment}: ${outcome}`,
      who,
      environment,
      statement,
      outcome,
      policy,
    })),
  )('$name', ({ who, environment, statement, outcome, policy }) => {
    const [principal, ...chain] = people(who);
    const decision = engine.decide({
      actor: actor(principal!, ...chain),
      database: database(ENVIRONMENTS[environment]),
      facts: statement,
      labels,
      context,
    });
    expect({ outcome: decision.outcome, policies: decision.policies.map((one) => one.id) }).toEqual({
      outcome,
      policies: policy === undefined ? expect.anything() : expect.arrayContaining([policy]),
    });
    expect(decision.approval?.groups).toEqual(outcome === 'hold' ? ['dba'] : undefined);
    if (outcome !== 'allow') expect(decision.hint).toMatch(/\.$/);
    expect(decision.reason).toMatch(/\.$/);
  });

  test.each([
    [ALICE, [], 'prod', 'allow'],
    [BOB, [], 'prod', 'allow'],
    [BILLING, [], 'prod', 'allow'],
    [REPORT_BOT, [BOB], 'prod', 'allow'],
    [REPORT_BOT, [], 'prod', 'deny'],
    [REPORT_BOT, [], 'staging', 'allow'],
    [REPORT_BOT, [BILLING], 'prod', 'deny'],
  ] as const)('$0.id for $1 connects to $2: $3', (principal, chain, environment, outcome) => {
    const decision = engine.connect({
      actor: actor(principal, ...chain),
      database: database(environment),
      context,
    });
    expect(decision.outcome).toBe(outcome);
  });

  test.each([
    ['alice', actor(ALICE), 'prod', false],
    ['bob', actor(BOB), 'prod', true],
    ['bob', actor(BOB), 'staging', true],
    ['bob', actor(BOB), 'dev', false],
    ['billing', actor(BILLING), 'prod', false],
    ['report-bot for bob', actor(REPORT_BOT, BOB), 'prod', true],
    ['report-bot for alice', actor(REPORT_BOT, ALICE), 'prod', true],
    ['billing for bob', actor(BILLING, BOB), 'prod', true],
    ['billing for alice', actor(BILLING, ALICE), 'prod', false],
  ] as const)('%s sees masks in $2: $3', (_, who, environment, restricted) => {
    expect(engine.masksFor(who, database(environment), labels, context).restricted).toBe(restricted);
    const decision = engine.decide({
      actor: who,
      database: database(environment),
      facts: select,
      labels,
      context,
    });
    expect(decision.masks.map((mask) => mask.column)).toEqual(restricted ? ['email', 'name'] : []);
    expect(decision.unmasked).toEqual(restricted ? [] : ['email']);
  });

  test('without labels nobody is restricted', () => {
    const decision = engine.decide({
      actor: actor(BOB),
      database: database('staging'),
      facts: doBlock,
      labels: unlabelled,
      context,
    });
    expect(decision.outcome).toBe('allow');
  });

  test('every forbid has an id, a reason and a hint, and every policy a name', () => {
    for (const policy of policies.policies) {
      expect(policy.id).not.toContain('#');
      if (policy.effect === 'forbid') {
        expect({ id: policy.id, reason: policy.reason, hint: policy.hint }).toEqual({
          id: policy.id,
          reason: expect.stringMatching(/\.$/),
          hint: expect.stringMatching(/\.$/),
        });
      }
    }
  });
});
