import { isAuthorized, policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ALICE,
  actor,
  BILLING,
  BOB,
  database,
  labelled,
  REPORT_BOT,
  use,
} from '../../tests/support/sample-facts.ts';
import type { Action } from '../model/facts.ts';
import { ACTION_TABLE, ACTIONS } from './action-table.ts';
import { type Asker, createAsker } from './asker.ts';
import { type Atom, Judge, requestOf } from './judge.ts';
import type { Policy, PolicySet } from './load.ts';
import {
  columnResource,
  databaseResource,
  objectResource,
  type Resource,
  routineResource,
  settingResource,
  tableResource,
} from './resource.ts';

const SHOP = database('prod');
const labels = labelled({ 'public.customers.email': 'email', 'hr.pay.salary': 'salary' });
const table = (relation: string, temporary = false) =>
  tableResource(SHOP, use('Read', relation, { temporary }), labels);

const ASKERS = [
  actor(ALICE),
  actor(BOB),
  actor(REPORT_BOT),
  actor(REPORT_BOT, BOB),
  actor(REPORT_BOT, BILLING, ALICE),
  { ...actor(BOB), purpose: 'T-1' },
].flatMap((who, index) => [
  createAsker(2 * index, who, SHOP),
  createAsker(2 * index + 1, who, database('dev', 'lab')),
]);

const THINGS: readonly Resource[] = [
  table('public.customers'),
  table('public.customers', true),
  table('public.orders'),
  table('hr.pay'),
  table('orders'),
  databaseResource(SHOP),
  objectResource(SHOP, { action: 'Create', type: 'role', name: 'eve' }),
  objectResource(SHOP, { action: 'Create', type: 'index', name: 'hr.i' }),
  objectResource(SHOP, { action: 'Create', type: 'schema', name: 'hr' }),
];
const RESOURCES: readonly [Action, readonly Resource[]][] = [
  ['Read', THINGS],
  ['Update', THINGS],
  ['Drop', THINGS],
  ['Execute', [...THINGS, routineResource(SHOP, 'pg_catalog.nextval'), routineResource(SHOP, 'f')]],
  [
    'Set',
    [
      settingResource(SHOP, { name: 'role', value: 'x', local: false }),
      settingResource(SHOP, { name: 'role', value: null, local: true }),
    ],
  ],
  ['Connect', [databaseResource(SHOP)]],
  ['Unmask', labels.columns.map((column) => columnResource(SHOP, column))],
  // An action that does not go with the thing is refused, not passed on.
  ['Connect', [table('public.orders')]],
];

const CONDITIONS = [
  'principal in Group::"dba"',
  'principal.name like "b*"',
  'context.environment == "dev"',
  'context.delegated',
  'context has onBehalfOf && context.onBehalfOf in Group::"dba"',
  'context.chain.contains("alice")',
  'context has purpose && context.purpose like "T-*"',
  'context.time.hour < 12',
  'context.time.minute == 1',
  'context has bounded && !context.bounded',
  'context has tainted && context.tainted',
  'context has taints && context.taints.contains("public.reviews.body")',
  'context has deviations && context.deviations.contains("label")',
  'context has rowsLeft && context.rowsLeft < 100',
  'context has rowsLeft && (context.rowsLeft >= 7 || context.rowsLeft == 3)',
  'context has bytesLeft && context.bytesLeft * 2 > 10',
  'context has hazards && context.hazards.contains("bulk-read")',
  'context has columnsRead && context.columnsRead.contains("email")',
  'context has labelsRead && !context.labelsRead.isEmpty()',
  'resource has schema && resource.schema == "hr"',
  'resource.name == "orders"',
  'resource is Table && resource.temporary',
  'resource is Table && resource.labels.contains("email")',
  'resource is Column && resource.label == "salary"',
  'resource has value && resource.value == "x"',
  'resource == Table::"shop/public.customers"',
  'resource in Schema::"shop/hr"',
  'resource in [Schema::"shop/public", Database::"lab"]',
  '[Table::"shop/public.orders", Database::"shop"].contains(resource)',
  '[resource] == [Table::"shop/public.orders"]',
  'context == {}',
  'resource == principal',
];
/** Each fails at run time on some requests: an error must deny. */
const FAILING_CONDITIONS = [
  'context.onBehalfOf in Group::"dba"',
  'context.purpose like "T-*"',
  'context.time.weekday * 9000000000000000000 > 0',
  'context.bounded',
  'context.hazards.contains("bulk-read")',
  'context.blocks == "everything"',
  'resource.schema == "public"',
];
const SCOPES = [
  'principal, action, resource',
  'principal is Human, action, resource',
  'principal in Group::"agents", action, resource is Table',
  'principal, action == Action::"Read", resource',
  'principal, action in Action::"Write", resource',
  'principal, action in [Action::"Define", Action::"Unmask"], resource',
  'principal, action in Action::"Statement", resource in Schema::"shop/public"',
  'principal, action, resource == Table::"shop/hr.pay"',
  'principal == Agent::"report-bot", action, resource is Column in Schema::"shop/public"',
  'principal is Agent in Group::"agents", action, resource',
  'principal in Human::"bob", action, resource in Database::"lab"',
];

const drafts = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'forbid'),
  approval: fc.boolean(),
  scope: fc.oneof(
    { weight: 3, arbitrary: fc.constant('principal, action, resource') },
    fc.constantFrom(...SCOPES),
  ),
  conditions: fc.array(
    fc.oneof(
      { weight: 15, arbitrary: fc.constantFrom(...CONDITIONS) },
      { weight: 1, arbitrary: fc.constantFrom(...FAILING_CONDITIONS) },
    ),
    { maxLength: 2 },
  ),
  connective: fc.constantFrom('&&', '||'),
});
const policies = fc.array(drafts, { maxLength: 4 }).map((drafts): PolicySet => {
  const made = drafts.map(({ effect, approval, scope, conditions, connective }, index): Policy => {
    const when =
      conditions.length === 0
        ? ''
        : ` when { ${conditions.map((one) => `(${one})`).join(` ${connective} `)} }`;
    const text = `${effect} (${scope})${when};`;
    const parsed = policyToJson(text);
    if (parsed.type === 'failure') throw new Error(parsed.errors[0]?.message);
    const rule = { groups: ['dba'], quorum: 1, expiresMs: 60_000 };
    const notes = approval && effect === 'forbid' ? { approval: rule } : {};
    const { effect: read } = parsed.json;
    return { ...notes, id: `p${index}`, effect: read, file: 'f', line: index, text, json: parsed.json };
  });
  return { version: 'v', policies: made };
});

const STATEMENT_CONTEXT: Atom['context'] = {
  command: 'SELECT',
  bounded: true,
  writes: false,
  restricted: false,
  opaque: false,
  opaqueKinds: [],
  transaction: 'none',
  labelsRead: [],
  labelsUnmasked: [],
  labelsWritten: [],
  columnsRead: [],
  columnsFiltered: [],
  columnsWritten: [],
  hazards: [],
  blocks: 'nobody',
  tainted: false,
  taints: [],
  deviations: [],
};

const standings = fc
  .record({
    taints: fc.constantFrom([], ['public.reviews.body'], ['public.mails.text']),
    deviations: fc.constantFrom([], ['label'], ['hours']),
    rowsLeft: fc.constantFrom(undefined, 0, 2, 3, 4, 6, 7, 8, 99, 100, 101),
    bytesLeft: fc.constantFrom(undefined, 5, 6),
  })
  .map(({ taints, deviations, rowsLeft, bytesLeft }): Atom['context'] => ({
    ...{ tainted: taints.length > 0, taints: [...taints], deviations: [...deviations] },
    ...(rowsLeft === undefined ? {} : { rowsLeft }),
    ...(bytesLeft === undefined ? {} : { bytesLeft }),
  }));

/** Many questions by one asker on one action: they differ by little, so that a key that leaves something out shows. */
const interrogations = fc
  .record({ asker: fc.constantFrom(...ASKERS), about: fc.constantFrom(...RESOURCES) })
  .chain(({ asker, about: [action, resources] }) => {
    const context =
      action === 'Connect'
        ? fc.constant({})
        : action === 'Unmask'
          ? standings
          : fc
              .record({
                bounded: fc.boolean(),
                columnsRead: fc.constantFrom([], ['email']),
                labelsRead: fc.constantFrom([], ['email']),
                hazards: fc.constantFrom([], ['bulk-read']),
                blocks: fc.constantFrom('nobody', 'everything'),
                standing: standings,
              })
              .map(({ standing, ...some }) => ({ ...STATEMENT_CONTEXT, ...some, ...standing }));
    const atom = fc.record({ action: fc.constant(action), resource: fc.constantFrom(...resources), context });
    const question = fc.record({ asker: fc.constant(asker), minute: fc.constantFrom(600, 601, 1000), atom });
    return fc.array(question, { minLength: 10, maxLength: 20 });
  });

interface Question {
  readonly asker: Asker;
  readonly minute: number;
  readonly atom: Atom;
}

const actionUid = (id: string) => ({ type: 'Action', id });
const ACTION_ENTITIES = [
  ...ACTIONS.map((action) => {
    const { group } = ACTION_TABLE[action];
    return { uid: actionUid(action), attrs: {}, parents: group === undefined ? [] : [actionUid(group)] };
  }),
  { uid: actionUid('Write'), attrs: {}, parents: [actionUid('Statement')] },
  { uid: actionUid('Define'), attrs: {}, parents: [actionUid('Statement')] },
];

/** What Cedar says without anything of ours between: no cache, no prepared set, no schema. */
function plainOutcome(set: PolicySet, { asker, atom, minute }: Question): string {
  const outcomes = asker.subjects.map((subject) => {
    const request = requestOf(subject, atom, minute);
    if (request === undefined) return 'deny';
    const ask = (among: readonly Policy[]) =>
      isAuthorized({
        ...request,
        action: { type: 'Action', id: request.action },
        entities: [...request.entities, ...ACTION_ENTITIES],
        policies: { staticPolicies: Object.fromEntries(among.map((policy) => [policy.id, policy.text])) },
      });
    const answer = ask(set.policies);
    if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors));
    const { decision, diagnostics } = answer.response;
    if (diagnostics.errors.length > 0) return 'deny';
    if (decision === 'allow') return 'allow';
    const liftable = diagnostics.reason.every(
      (id) => set.policies.find((policy) => policy.id === id)?.approval,
    );
    const permits = ask(set.policies.filter((policy) => policy.effect === 'permit'));
    const permitted = permits.type === 'success' && permits.response.decision === 'allow';
    return liftable && permitted ? 'hold' : 'deny';
  });
  return outcomes.includes('deny') ? 'deny' : outcomes.includes('hold') ? 'hold' : 'allow';
}

test('whatever was judged before, the answer is that of plain Cedar', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(policies, interrogations, (set, asked) => {
      const judge = new Judge(set);
      for (const question of asked) {
        const { outcome } = judge.judge(question.asker, question.atom, question.minute);
        expect(outcome).toBe(plainOutcome(set, question));
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    }),
    { numRuns: 300 },
  );
  // The property says nothing if one outcome never comes up.
  expect([...seen.keys()].sort()).toEqual(['allow', 'deny', 'hold']);
}, 180_000);

describe('the cache', () => {
  const set = (...texts: string[]): PolicySet => ({
    version: 'v',
    policies: texts.map((text, index) => {
      const parsed = policyToJson(text);
      if (parsed.type === 'failure') throw new Error(text);
      return { id: `p${index}`, effect: parsed.json.effect, file: 'f', line: 1, text, json: parsed.json };
    }),
  });
  const read = (resource: Resource, more: Atom['context'] = {}): Atom => ({
    action: 'Read',
    resource,
    context: { ...STATEMENT_CONTEXT, ...more },
  });
  const [asker] = ASKERS as [(typeof ASKERS)[number]];

  test('answers for tables, columns and times that no policy tells apart', () => {
    const judge = new Judge(set('permit (principal, action, resource);'));
    judge.judge(asker, read(table('public.customers'), { columnsRead: ['email'] }), 1);
    judge.judge(asker, read(table('hr.pay'), { columnsRead: ['salary'], bounded: false }), 2);
    expect(judge.evaluations).toBe(1);
  });

  test('asks again for what a policy tells apart', () => {
    const judge = new Judge(
      set('permit (principal, action, resource) when { resource is Table && resource.schema == "hr" };'),
    );
    expect(judge.judge(asker, read(table('hr.pay')), 1).outcome).toBe('allow');
    expect(judge.judge(asker, read(table('public.orders')), 1).outcome).toBe('deny');
    expect(judge.judge(asker, read(table('public.customers')), 1).outcome).toBe('deny');
    expect(judge.evaluations).toBe(2);
  });

  test('is no longer right a minute later if a policy looks at the time', () => {
    const judge = new Judge(set('permit (principal, action, resource) when { context.time.minute == 1 };'));
    expect(judge.judge(asker, read(table('hr.pay')), 1).outcome).toBe('allow');
    expect(judge.judge(asker, read(table('hr.pay')), 2).outcome).toBe('deny');
  });

  test('does not keep failures', () => {
    const judge = new Judge(set('permit (principal, action, resource) when { context.nothing };'));
    judge.judge(asker, read(table('hr.pay')), 1);
    expect(judge.judge(asker, read(table('hr.pay')), 1)).toMatchObject({ outcome: 'deny', failed: true });
    expect(judge.evaluations).toBe(2);
  });
});

describe('failing is denying', () => {
  const permit = policyToJson('permit (principal, action, resource);');
  if (permit.type === 'failure') throw new Error('no policy');
  const policy: Policy = {
    id: 'p',
    effect: 'permit',
    file: 'f',
    line: 1,
    text: 'permit (principal, action, resource);',
    json: permit.json,
  };
  const judge = new Judge({ version: 'v', policies: [policy] });
  const good: Atom = { action: 'Read', resource: table('public.orders'), context: STATEMENT_CONTEXT };
  const [asker] = ASKERS as [(typeof ASKERS)[number]];

  test('the atom itself is allowed', () => {
    expect(judge.judge(asker, good, 1).outcome).toBe('allow');
  });

  test.each<[string, Atom, number]>([
    ['a context that lacks an attribute', { ...good, context: {} }, 1],
    ['a context with an attribute too many', { ...good, context: { ...STATEMENT_CONTEXT, more: 1 } }, 1],
    ['an action that does not go with the thing', { ...good, action: 'Unmask' }, 1],
    ['a name that is no text', { ...good, resource: table('public.\ud800') }, 1],
    ['a time that is none', good, Number.NaN],
    ['a time beyond the calendar', good, 9e15],
  ])('%s', (_, atom, minute) => {
    // Nothing this judge knows looks at any of it, so a fresh one has to evaluate.
    const fresh = new Judge({ version: 'v', policies: [policy] });
    expect(fresh.judge(asker, atom, minute)).toMatchObject({ outcome: 'deny', failed: true });
  });

  test('a policy set that does not parse', () => {
    const broken = new Judge({ version: 'v', policies: [{ ...policy, text: 'permit (' }] });
    expect(broken.judge(asker, good, 1)).toMatchObject({ outcome: 'deny', failed: true });
  });

  test('two judges in turn do not answer for each other', () => {
    const none = new Judge({ version: 'w', policies: [] });
    for (let round = 0; round < 3; round++) {
      expect(new Judge({ version: 'v', policies: [policy] }).judge(asker, good, round).outcome).toBe('allow');
      expect(none.judge(asker, good, round).outcome).toBe('deny');
    }
  });
});
