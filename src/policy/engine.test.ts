import fc from 'fast-check';
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
import type { Action, Facts } from '../model/facts.ts';
import type { Actor } from '../model/principal.ts';
import { PolicyEngine } from './engine.ts';
import { loadPolicies } from './load.ts';

const SHOP = database('prod');
const context = { now: new Date('2026-11-21T10:07:30Z') };
const labels = labelled({ 'public.customers.email': 'email', 'public.customers.phone': 'phone' });

const engineOf = (...texts: string[]) =>
  new PolicyEngine(loadPolicies(texts.map((text, index) => ({ file: `f${index}`, text }))));
const decide = (engine: PolicyEngine, statement: Facts, who: Actor = actor(BOB), when = context) =>
  engine.decide({ actor: who, database: SHOP, facts: statement, labels, context: when });

const PERMIT = '@id("all") permit (principal, action, resource);';
const held = (id: string, approval: string, action = 'Update') =>
  `@id("${id}") @reason("${id} says so.") @approval("${approval}") forbid (principal, action == Action::"${action}", resource);`;
const update = facts('UPDATE', {
  relations: [use('Update', 'public.orders', { writes: ['status'] })],
  writes: true,
});
const both = facts('WITH', {
  relations: [use('Update', 'public.orders'), use('Delete', 'public.orders')],
  writes: true,
});

describe('holding', () => {
  test('one forbid with @approval holds, and says what is needed', () => {
    const decision = decide(engineOf(PERMIT, held('a', 'groups=dba,ops; quorum=2; expires=1h')), update);
    expect(decision).toMatchObject({
      outcome: 'hold',
      policies: [{ id: 'a', effect: 'forbid' }],
      reason: 'a says so.',
      approval: { groups: ['dba', 'ops'], quorum: 2, expiresMs: 3_600_000 },
    });
  });

  test('rules of several policies and several things are merged to what satisfies each', () => {
    const engine = engineOf(
      PERMIT,
      held('a', 'groups=dba,ops; expires=1h'),
      held('b', 'groups=ops,sec; quorum=2; expires=30m'),
      held('c', 'groups=all,ops; quorum=1; expires=2h', 'Delete'),
    );
    expect(decide(engine, both)).toMatchObject({
      outcome: 'hold',
      policies: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
      approval: { groups: ['ops'], quorum: 2, expiresMs: 1_800_000 },
    });
  });

  test('rules without a common group ask people of both', () => {
    const engine = engineOf(PERMIT, held('a', 'groups=dba'), held('b', 'groups=sec', 'Delete'));
    expect(decide(engine, both)).toMatchObject({
      outcome: 'hold',
      policies: [{ id: 'a' }, { id: 'b' }],
      approval: {
        groups: ['dba', 'sec'],
        quorum: 2,
        seats: [
          { groups: ['dba'], count: 1 },
          { groups: ['sec'], count: 1 },
        ],
      },
    });
  });

  test('a forbid without @approval beside it denies, and only it is named', () => {
    const hard = '@id("hard") forbid (principal, action == Action::"Update", resource);';
    expect(decide(engineOf(PERMIT, held('a', 'groups=dba'), hard), update)).toMatchObject({
      outcome: 'deny',
      policies: [{ id: 'hard' }],
    });
  });

  test('what nothing permits is denied, whatever an approval would lift', () => {
    const decision = decide(engineOf(held('a', 'groups=dba')), update);
    expect(decision).toMatchObject({
      outcome: 'deny',
      policies: [],
      reason: 'Updating public.orders is not allowed for people in prod.',
    });
  });

  test('one denied thing denies what is otherwise held', () => {
    const hard = '@id("hard") forbid (principal, action == Action::"Delete", resource);';
    expect(decide(engineOf(PERMIT, held('a', 'groups=dba'), hard), both)).toMatchObject({
      outcome: 'deny',
      policies: [{ id: 'hard' }],
    });
  });

  test('nobody waits at the door', () => {
    const engine = engineOf(
      PERMIT,
      '@id("a") @approval("groups=dba") forbid (principal, action, resource) when { context.environment == "prod" };',
    );
    const decision = engine.connect({ actor: actor(BOB), database: SHOP, context });
    expect(decision).toMatchObject({ outcome: 'deny', policies: [{ id: 'a' }] });
    expect(decision.approval).toBeUndefined();
  });

  test('an approval does not unmask', () => {
    const engine = engineOf(
      PERMIT,
      '@id("a") @approval("groups=dba") forbid (principal, action, resource) when { resource has label };',
    );
    expect(engine.masksFor(actor(ALICE), SHOP, labels, context).restricted).toBe(true);
  });
});

describe('failing is denying', () => {
  const failing =
    '@id("bad") forbid (principal, action == Action::"Update", resource) when { context.time.hour * 9223372036854775807 > 0 };';
  test('an error in one policy denies what all others permit, and names it', () => {
    expect(decide(engineOf(PERMIT, failing), update)).toMatchObject({
      outcome: 'deny',
      policies: [{ id: 'sluice:policy-error', effect: 'builtin' }, { id: 'bad' }],
      reason: expect.stringMatching(/^Updating public\.orders cannot be decided, because a policy failed/),
    });
  });

  test('an impossible time denies', () => {
    const now = new Date(Number.NaN);
    expect(decide(engineOf(PERMIT), update, actor(BOB), { now }).outcome).toBe('deny');
  });

  test('no policies: no connection, no statement, no value', () => {
    const engine = engineOf();
    expect(engine.connect({ actor: actor(ALICE), database: SHOP, context }).outcome).toBe('deny');
    expect(decide(engine, facts('SELECT', { actions: ['Read'] })).outcome).toBe('deny');
    expect(engine.masksFor(actor(ALICE), SHOP, labels, context).columns).toHaveLength(2);
  });

  test('a statement that names more different things than can be decided is refused', () => {
    const engine = engineOf('permit (principal, action, resource) when { resource.name != "x" };');
    const relations = Array.from({ length: 700 }, (_, index) => use('Lock', `public.t${index}`));
    expect(decide(engine, facts('LOCK TABLE', { relations: relations.slice(0, 400) })).outcome).toBe('allow');
    expect(decide(engine, facts('LOCK TABLE', { relations })).outcome).toBe('allow');
    const other = engineOf('permit (principal, action, resource) when { resource.name != "x" };');
    expect(decide(other, facts('LOCK TABLE', { relations }))).toMatchObject({
      outcome: 'deny',
      policies: [{ id: 'sluice:too-broad', effect: 'builtin' }],
    });
  });
});

describe('what a denial says', () => {
  const engine = engineOf('permit (principal, action in [Action::"Read", Action::"Insert"], resource);');
  test.each<[string, Facts, Actor, string, string | undefined]>([
    [
      'names the nearest thing allowed on the table',
      facts('DROP TABLE', { relations: [use('Drop', 'public.orders')] }),
      actor(REPORT_BOT),
      'Dropping public.orders is not allowed for agents in prod.',
      'Allowed on public.orders: Read, Insert.',
    ],
    [
      'says nothing where nothing is near',
      facts('CREATE ROLE', { objects: [object('Create', 'role', 'eve')] }),
      actor(BILLING),
      'Creating role eve is not allowed for services in prod.',
      undefined,
    ],
    [
      'names a setting',
      facts('SET', { settings: [{ name: 'work_mem', value: '1', local: false }] }),
      actor(BOB),
      'Changing setting work_mem is not allowed for people in prod.',
      undefined,
    ],
    [
      'names the database for what has no object',
      facts('CHECKPOINT', { actions: ['Administer'] }),
      actor(BOB),
      'Administering database shop is not allowed for people in prod.',
      undefined,
    ],
  ])('%s', (_, statement, who, reason, hint) => {
    expect(decide(engine, statement, who)).toMatchObject({ outcome: 'deny', policies: [], reason });
    expect(decide(engine, statement, who).hint).toBe(hint);
  });

  test('names are cut and cleaned: they are as long as their writers please', () => {
    const name = `public.${'x'.repeat(5_000)}`;
    const long = decide(engine, facts('DROP TABLE', { relations: [use('Drop', name)] }));
    expect(long.reason.length).toBeLessThan(200);
    expect(long.hint?.length).toBeLessThan(200);
    const odd = decide(engine, facts('DROP TABLE', { relations: [use('Drop', 'public.a\nb\u202ec')] }));
    expect(odd.reason).toBe('Dropping public.a\ufffdb\ufffdc is not allowed for people in prod.');
  });

  test('a missing WHERE clause is the first thing to mend', () => {
    const bounded = engineOf(
      'permit (principal, action == Action::"Delete", resource) when { context.bounded };',
    );
    const statement = facts('DELETE', { relations: [use('Delete', 'public.orders')], bounded: false });
    expect(decide(bounded, statement).hint).toMatch(/WHERE clause/);
  });

  test('says for whom it was decided if that is not who asks', () => {
    const agentsOnly = engineOf('permit (principal is Agent, action, resource);');
    expect(decide(agentsOnly, update, actor(REPORT_BOT)).outcome).toBe('allow');
    expect(decide(agentsOnly, update, actor(REPORT_BOT, BOB))).toMatchObject({
      outcome: 'deny',
      reason:
        'Updating public.orders is not allowed for people in prod. That goes for bob, for whom report-bot acts.',
    });
  });
});

describe('rules in code', () => {
  const engine = engineOf(
    '@id("most") permit (principal, action in [Action::"Statement", Action::"Connect"], resource);',
  );
  const opaque = facts('SELECT', {
    actions: ['Read'],
    opaque: [
      { kind: 'function', what: 'function public.f(integer)' },
      { kind: 'function', what: 'function public.f(integer)' },
    ],
  });
  test('what is not understood does not run for who sees masks', () => {
    expect(decide(engine, opaque)).toMatchObject({
      outcome: 'deny',
      policies: [{ id: 'sluice:not-understood', effect: 'builtin' }],
      reason:
        'bob may not see every value in shop, and the gate cannot see through function public.f(integer).',
      hint: expect.stringMatching(/built-in functions/),
    });
  });

  test('it runs for who sees everything', () => {
    expect(decide(engineOf(PERMIT), opaque).outcome).toBe('allow');
  });

  test('no policy permits around it, but a policy that forbids explains first', () => {
    const forbid = '@id("no") @reason("No.") forbid (principal, action == Action::"Read", resource);';
    const strict = engineOf('permit (principal, action in Action::"Statement", resource);', forbid);
    expect(decide(strict, opaque)).toMatchObject({
      outcome: 'deny',
      policies: [{ id: 'no' }],
      reason: 'No.',
    });
  });

  const set = (more: Partial<Facts>) =>
    facts('SET', { actions: ['Set'], settings: [{ name: 'x', value: '1', local: false }], ...more });
  test.each<[string, Facts, 'allow' | 'deny']>([
    ['a setting of no consequence', set({}), 'allow'],
    ['a setting that is an act of administration', set({ actions: ['Set', 'Administer'] }), 'deny'],
    [
      'a setting that changes how text is read',
      set({ opaque: [{ kind: 'setting', what: 'setting x' }] }),
      'deny',
    ],
    ['administration without a setting', facts('X', { actions: ['Administer'] }), 'allow'],
  ])('%s, for who sees masks: %s', (_, statement, outcome) => {
    const decision = decide(engine, statement);
    expect(decision.outcome).toBe(outcome);
    if (outcome === 'deny') {
      expect(decision).toMatchObject({
        policies: [{ id: 'sluice:restricted-setting', effect: 'builtin' }],
        reason: expect.stringMatching(/ (the )?setting x\.$/),
      });
    }
    expect(decide(engineOf(PERMIT), statement).outcome).toBe('allow');
  });
});

describe('masks', () => {
  const engine = engineOf(
    'permit (principal, action in Action::"Statement", resource);',
    'permit (principal, action == Action::"Unmask", resource) when { resource.label == "phone" };',
  );
  const read = (columns: readonly string[], action: Action = 'Read') =>
    facts('SELECT', { relations: [use(action, 'public.customers', { reads: columns })] });

  test('all hidden columns of every relation used are masked, read or not', () => {
    expect(decide(engine, read(['id'])).masks).toEqual([
      { relation: 'public.customers', column: 'email', label: 'email', mask: { kind: 'email' } },
    ]);
    expect(decide(engine, read([], 'Update')).masks).toHaveLength(1);
    const twice = facts('SELECT', {
      relations: [
        use('Read', 'public.customers'),
        use('Update', 'public.customers'),
        use('Read', 'public.orders'),
      ],
    });
    expect(decide(engine, twice).masks).toHaveLength(1);
  });

  test('labels that are read and visible are reported', () => {
    expect(decide(engine, read(['email', 'phone'])).unmasked).toEqual(['phone']);
    expect(decide(engine, read(['email'])).unmasked).toEqual([]);
    expect(decide(engineOf(PERMIT), read(['email', 'phone'])).unmasked).toEqual(['email', 'phone']);
  });

  test('policies see the labels and columns of the statement', () => {
    const careful = engineOf(
      PERMIT,
      '@id("phones") forbid (principal, action == Action::"Read", resource) when { context.labelsUnmasked.contains("phone") };',
      '@id("mail") forbid (principal, action == Action::"Update", resource) when { context.labelsWritten.contains("email") && context.columnsWritten.contains("email") };',
    );
    const write = (column: string) =>
      facts('UPDATE', { relations: [use('Update', 'public.customers', { writes: [column] })] });
    expect(decide(careful, read(['email'])).outcome).toBe('allow');
    expect(decide(careful, read(['phone'])).policies).toEqual([{ id: 'phones', effect: 'forbid' }]);
    expect(decide(careful, write('phone')).outcome).toBe('allow');
    expect(decide(careful, write('email')).policies).toEqual([{ id: 'mail', effect: 'forbid' }]);
  });

  test('masks follow the time if a policy does', () => {
    const byDay = engineOf(
      'permit (principal, action == Action::"Unmask", resource) when { context.time.hour < 12 };',
    );
    const at = (hour: number) =>
      byDay.masksFor(actor(BOB), SHOP, labels, { now: new Date(Date.UTC(2026, 10, 21, hour)) }).restricted;
    expect([at(11), at(12), at(11)]).toEqual([false, true, false]);
  });
});

describe('connecting', () => {
  const engine = engineOf(
    'permit (principal, action == Action::"Connect", resource) when { context has client && context.client.isInRange(ip("10.0.0.0/8")) && context has tls && context.tls };',
  );
  test.each([
    ['10.1.2.3:5000', true, 'allow'],
    ['::ffff:10.1.2.3:5000', true, 'allow'],
    ['10.1.2.3:5000', false, 'deny'],
    ['11.1.2.3:5000', true, 'deny'],
    ['[::1]:5000', true, 'deny'],
    ['unix', true, 'deny'],
    ['10.1.2.300:5000', true, 'deny'],
  ] as const)('from %s, tls %s: %s', (clientAddress, tls, outcome) => {
    const question = { actor: actor(BOB), database: SHOP, context: { ...context, clientAddress, tls } };
    expect(engine.connect(question).outcome).toBe(outcome);
  });
});

describe('what may be remembered', () => {
  test('relevantContext names what any policy looks at', () => {
    expect([...engineOf(PERMIT).relevantContext]).toEqual([]);
    const timely = engineOf(
      'permit (principal, action == Action::"Read", resource) when { context.time.hour > 8 && context.bounded };',
    );
    expect([...timely.relevantContext].sort()).toEqual(['bounded', 'time']);
  });

  test('the shipped policies do not look at the time', () => {
    expect(new PolicyEngine(shippedPolicies()).relevantContext.has('time')).toBe(false);
  });

  test('a novel statement over known kinds of things costs no evaluation', () => {
    const engine = new PolicyEngine(shippedPolicies());
    decide(engine, facts('SELECT', { relations: [use('Read', 'public.customers', { reads: ['email'] })] }));
    const before = engine.evaluations;
    decide(
      engine,
      facts('SELECT', { relations: [use('Read', 'public.customers', { reads: ['id', 'phone'] })] }),
    );
    decide(
      engine,
      facts('SELECT', { relations: [use('Read', 'public.orders'), use('Read', 'public.items')] }),
    );
    // Another actor object for the same principal changes nothing either.
    decide(engine, facts('SELECT', { relations: [use('Read', 'public.orders')] }), actor({ ...BOB }));
    expect(engine.evaluations).toBe(before);
  });

  test.each<[string, Actor, Actor]>([
    ['groups', actor(BOB), actor({ ...BOB, groups: ['dba'] })],
    ['kind', actor(BOB), actor({ ...BOB, kind: 'Service' })],
    ['chain', actor(REPORT_BOT), actor(REPORT_BOT, BOB)],
    ['groups in the chain', actor(REPORT_BOT, BOB), actor(REPORT_BOT, { ...BOB, groups: [] })],
    ['purpose', actor(BOB), { ...actor(BOB), purpose: 'T-1' }],
  ])('actors that differ in %s are told apart', (_, one, other) => {
    const engine = engineOf(PERMIT);
    decide(engine, update, one);
    const before = engine.evaluations;
    decide(engine, update, other);
    expect(engine.evaluations).toBeGreaterThan(before);
  });

  test('one actor in two databases, and two databases of one name in two environments', () => {
    const engine = engineOf('permit (principal, action, resource) when { context.environment == "dev" };');
    const who = actor(BOB);
    const outcomes = ['prod', 'dev', 'prod'].map(
      (environment) =>
        engine.decide({ actor: who, database: database(environment), facts: update, labels, context })
          .outcome,
    );
    expect(outcomes).toEqual(['deny', 'allow', 'deny']);
  });
});

const principals = fc.constantFrom(ALICE, BOB, REPORT_BOT, BILLING, MIGRATOR);
const actions = fc.constantFrom<Action>(
  'Read',
  'Insert',
  'Update',
  'Delete',
  'Drop',
  'Create',
  'Alter',
  'Grant',
  'Export',
);
const uses = fc.record({
  action: actions,
  relation: fc.constantFrom('public.customers', 'public.orders', 'sluice.x', 'pg_temp.t'),
  temporary: fc.boolean(),
  reads: fc.constantFrom([], ['email'], ['id']),
});
const statements = fc
  .record({ uses: fc.array(uses, { maxLength: 4 }), bounded: fc.boolean(), opaque: fc.boolean() })
  .map(({ uses: all, bounded, opaque }) =>
    facts('X', {
      relations: all.map(({ action, relation, ...more }) => use(action, relation, more)),
      bounded,
      opaque: opaque ? [{ kind: 'statement', what: 'X' }] : [],
    }),
  );
const environments = fc.constantFrom('dev', 'staging', 'prod');
const STRICTNESS = { allow: 0, hold: 1, deny: 2 };

describe('the shipped policies, for any statement', () => {
  const engine = new PolicyEngine(shippedPolicies());
  const ask = (who: Actor, environment: string, statement: Facts) =>
    engine.decide({ actor: who, database: database(environment), facts: statement, labels, context });

  test('who acts for another gets no more than either would alone', () => {
    fc.assert(
      fc.property(
        principals,
        principals,
        environments,
        statements,
        (delegate, person, environment, statement) => {
          const [together, ...alone] = [actor(delegate, person), actor(delegate), actor(person)].map((who) =>
            ask(who, environment, statement),
          );
          for (const one of alone) {
            expect(STRICTNESS[together!.outcome]).toBeGreaterThanOrEqual(STRICTNESS[one.outcome]);
            expect(together!.masks).toEqual(expect.arrayContaining([...one.masks]));
          }
        },
      ),
    );
  });

  test('doing more is never allowed more', () => {
    fc.assert(
      fc.property(principals, environments, statements, statements, (who, environment, some, more) => {
        const all = facts('X', {
          relations: [...some.relations, ...more.relations],
          bounded: some.bounded && more.bounded,
          opaque: [...some.opaque, ...more.opaque],
        });
        fc.pre(some.relations.length > 0);
        const [part, whole] = [some, all].map((statement) => ask(actor(who), environment, statement).outcome);
        expect(STRICTNESS[whole!]).toBeGreaterThanOrEqual(STRICTNESS[part!]);
      }),
    );
  });

  test('every decision explains itself, and only a hold says who may approve', () => {
    fc.assert(
      fc.property(principals, environments, statements, (who, environment, statement) => {
        const decision = ask(actor(who), environment, statement);
        expect(decision.reason).toMatch(/^[A-Z].*\.$|^bob |^report-bot /);
        expect(decision.approval !== undefined).toBe(decision.outcome === 'hold');
        if (decision.outcome === 'allow')
          expect(decision.policies.map((one) => one.effect)).toContain('permit');
      }),
    );
  });
});

describe('the sight of a label that is lent', () => {
  const lent = (who: Actor, ...names: string[]): Actor => ({
    ...who,
    lent: { key: names.join(','), unmask: names.map((label) => ({ label, database: 'shop' })) },
  });
  const hidden = (engine: PolicyEngine, who: Actor, where = SHOP) =>
    engine.masksFor(who, where, labels, context).columns.map(({ label }) => label);
  const NOTHING = '@id("n") permit (principal, action == Action::"Read", resource);';

  test.each([[['email']], [['phone']]])('is that of %j alone, whatever was judged before', (names) => {
    const engine = engineOf(NOTHING);
    expect(hidden(engine, actor(BOB))).toEqual(['email', 'phone']);
    expect(hidden(engine, lent(actor(BOB), ...names))).toEqual(
      ['email', 'phone'].filter((one) => !names.includes(one)),
    );
    expect(hidden(engine, actor(BOB))).toEqual(['email', 'phone']);
  });

  test('is never against a forbid', () => {
    const engine = engineOf(NOTHING, 'forbid (principal, action == Action::"Unmask", resource);');
    expect(hidden(engine, lent(actor(BOB), 'email'))).toEqual(['email', 'phone']);
  });

  test('is of one database', () => {
    const elsewhere = { ...SHOP, name: 'hr' };
    expect(hidden(engineOf(NOTHING), lent(actor(BOB), 'email'), elsewhere)).toEqual(['email', 'phone']);
  });

  test('is for all of the chain', () => {
    const engine = engineOf(NOTHING);
    expect(hidden(engine, lent(actor(REPORT_BOT, BOB), 'email'))).toEqual(['phone']);
    expect(hidden(engine, actor(REPORT_BOT, BOB))).toEqual(['email', 'phone']);
  });
});
