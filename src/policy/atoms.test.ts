import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { database, facts, labelled, object, use } from '../../tests/support/sample-facts.ts';
import type { Action, Facts } from '../model/facts.ts';
import { ACTIONS } from './action-table.ts';
import { atomsOf, labelUseOf } from './atoms.ts';
import { createMaskSet } from './mask-set.ts';

const SHOP = database('prod');
const labels = labelled({ 'public.customers.email': 'email', 'public.customers.phone': 'phone' });
const masks = createMaskSet(
  labels,
  ({ label }) => label === 'phone',
  () => undefined,
);

const atoms = (statement: Facts) =>
  atomsOf(statement, {
    database: SHOP,
    labels,
    labelUse: labelUseOf(statement, labels, masks),
    restricted: masks.restricted,
    standing: { tainted: false, taints: [] },
  });
const named = (statement: Facts) =>
  atoms(statement).map(({ action, resource }) => `${action} ${resource.uid.type} ${resource.uid.id}`);

describe('the atoms of a statement', () => {
  test.each<[string, Facts, string[]]>([
    ['nothing at all', facts('SELECT'), ['Read Database shop']],
    ['a constant', facts('SELECT', { actions: ['Read'] }), ['Read Database shop']],
    ['a transaction', facts('BEGIN', { actions: ['Transaction'] }), ['Transaction Database shop']],
    [
      'an action without a thing',
      facts('CHECKPOINT', { actions: ['Administer'] }),
      ['Administer Database shop'],
    ],
    [
      'an action without a thing beside one with',
      facts('X', { actions: ['Read', 'Lock'], relations: [use('Read', 'public.a')] }),
      ['Read Table shop/public.a', 'Lock Database shop'],
    ],
    [
      'relations, objects, settings',
      facts('X', {
        relations: [
          use('Read', 'public.a'),
          use('Update', 'public.a'),
          use('Read', 'nowhere', { known: false }),
        ],
        objects: [object('Create', 'index', 'public.i')],
        settings: [{ name: 'role', value: null, local: false }],
      }),
      [
        'Read Table shop/public.a',
        'Update Table shop/public.a',
        'Read Table shop/nowhere',
        'Create Object shop/index/public.i',
        'Set Setting shop/role',
      ],
    ],
    [
      'functions with effects, but no others',
      facts('SELECT', {
        actions: ['Read', 'Execute'],
        functions: [
          { name: 'pg_catalog.lower', transparent: true },
          { name: 'pg_catalog.nextval', transparent: false },
        ],
      }),
      ['Execute Routine shop/pg_catalog.nextval', 'Read Database shop'],
    ],
  ])('%s', (_, statement, expected) => {
    expect(named(statement)).toEqual(expected);
  });

  test('carry the columns of their own thing and the labels of the statement', () => {
    const statement = facts('X', {
      relations: [
        use('Read', 'public.customers', { reads: ['email', 'id', 'phone'], filters: ['id'] }),
        use('Update', 'public.orders', { reads: ['id'], writes: ['status'] }),
        use('Update', 'public.customers', { writes: ['email'] }),
      ],
    });
    const common = {
      labelsRead: ['email', 'phone'],
      labelsUnmasked: ['phone'],
      labelsWritten: ['email'],
      restricted: true,
    };
    expect(atoms(statement).map((atom) => atom.context)).toMatchObject([
      { ...common, columnsRead: ['email', 'id', 'phone'], columnsFiltered: ['id'], columnsWritten: [] },
      { ...common, columnsRead: ['id'], columnsFiltered: [], columnsWritten: ['status'] },
      { ...common, columnsRead: [], columnsFiltered: [], columnsWritten: ['email'] },
    ]);
  });

  test('a table knows where it is and what it holds', () => {
    const [atom] = atoms(facts('X', { relations: [use('Read', 'public.customers')] }));
    expect(atom?.resource).toMatchObject({
      attributes: { schema: 'public', name: 'customers', labels: ['email', 'phone'] },
      ancestors: [
        { type: 'Schema', id: 'shop/public' },
        { type: 'Database', id: 'shop' },
      ],
    });
  });
});

const someAction = fc.constantFrom(...ACTIONS);
const name = fc.constantFrom('public.a', 'b', '', 'x.y.z');
const anyFacts = fc
  .record({
    actions: fc.array(someAction, { maxLength: 3 }),
    relations: fc.array(fc.tuple(someAction, name), { maxLength: 3 }),
    objects: fc.array(fc.tuple(someAction, name), { maxLength: 3 }),
    functions: fc.array(fc.record({ name, transparent: fc.boolean() }), { maxLength: 2 }),
    settings: fc.array(fc.record({ name, value: fc.constantFrom(null, 'x'), local: fc.boolean() }), {
      maxLength: 2,
    }),
  })
  .map(({ actions, relations, objects, functions, settings }) =>
    facts('X', {
      actions: [...new Set<Action>([...actions, ...relations.map(([a]) => a), ...objects.map(([a]) => a)])],
      relations: relations.map(([action, relation]) => use(action, relation)),
      objects: objects.map(([action, one]) => object(action, 'index', one)),
      functions,
      settings,
    }),
  );

test('no action and no thing of the facts is left out, and there is always something to decide', () => {
  fc.assert(
    fc.property(anyFacts, (statement) => {
      const all = atoms(statement);
      expect(all.length).toBeGreaterThan(0);
      const asked = new Set(all.map((atom) => atom.action));
      for (const action of statement.actions) {
        if (action !== 'Execute' || statement.functions.length === 0) expect(asked).toContain(action);
      }
      const things = statement.relations.length + statement.objects.length + statement.settings.length;
      const effects = statement.functions.filter((one) => !one.transparent).length;
      expect(all.length).toBeGreaterThanOrEqual(things + effects);
    }),
  );
});
