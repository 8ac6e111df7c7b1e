import { expect, test } from 'vitest';
import type { SessionObjectUse, Splice } from '../../model/dialect.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import { objectName, objectNameOf, type Portal, type Prepared, SessionObjects } from './session-objects.ts';

const planOf = (text: string, splices: Splice[] = []): Plan => ({ text, splices }) as unknown as Plan;
const prepared = (text: string): Prepared => ({
  text,
  forwardText: text,
  plan: planOf(text),
  statement: undefined,
});
const portal = (parameters: string[] = []): Portal => ({
  prepared: prepared('x'),
  parameters,
  returned: { rows: 0 },
  isCursor: false,

  plan: planOf('x'),
  statement: undefined,
});
const statement = (sessionObject: SessionObjectUse | undefined, start = 0, end = 99, command = 'PREPARE') =>
  ({ analyzed: { sessionObject, start, end }, facts: { command } }) as unknown as PlannedStatement;

test('SQL-level PREPARE and DEALLOCATE share the names of the protocol', () => {
  const objects = new SessionObjects(() => true);
  const plan = planOf('SELECT 1; PREPARE a AS SELECT 2', [{ start: 30, end: 31, text: '20' }]);
  const make = statement({ kind: 'prepared', verb: 'create', name: 'a' }, 10, 31);
  objects.completed(make, plan);
  expect(objects.prepared('a')).toMatchObject({
    text: 'PREPARE a AS SELECT 2',
    forwardText: 'PREPARE a AS SELECT 20',
    usedAs: 'EXECUTE "a"',
    statement: make,
  });
  objects.completed(statement({ kind: 'prepared', verb: 'drop', name: 'a' }), plan);
  expect(objects.prepared('a')).toBeUndefined();
});

test('portals and cursors are one', () => {
  const objects = new SessionObjects(() => true);
  objects.completed(statement({ kind: 'cursor', verb: 'create', name: 'c' }), planOf('DECLARE'));
  expect(objects.portal('c')).toMatchObject({ isCursor: true, prepared: { usedAs: 'FETCH FROM "c"' } });
  objects.bind('c', portal()).settle(true);
  expect(objects.portal('c')).toMatchObject({ isCursor: false });
  objects.completed(statement({ kind: 'cursor', verb: 'drop-all', name: '' }), planOf('CLOSE ALL'));
  expect(objects.portal('c')).toBeUndefined();
});

test('portals end with the transaction; cursors may be held', () => {
  const objects = new SessionObjects(() => true);
  objects.bind('p', portal()).settle(true);
  objects.completed(statement({ kind: 'cursor', verb: 'create', name: 'c' }), planOf('DECLARE'));
  const later = objects.bind('q', portal());
  objects.endTransaction();
  expect([objects.portal('p'), objects.portal('c')]).toMatchObject([undefined, { isCursor: true }]);
  later.settle(true);
  expect(objects.portal('q')).toBeDefined();
});

test('DISCARD ALL forgets everything but the unnamed statement', () => {
  const objects = new SessionObjects(() => true);
  objects.parse('', prepared('x')).settle(true);
  objects.parse('s', prepared('x')).settle(true);
  objects.completed(statement({ kind: 'cursor', verb: 'create', name: 'c' }), planOf('DECLARE'));
  const all = statement({ kind: 'prepared', verb: 'drop-all', name: '' }, 0, 11, 'DISCARD ALL');
  objects.completed(all, planOf('DISCARD ALL'));
  expect([objects.prepared('s'), objects.portal('c')]).toEqual([undefined, undefined]);
  expect(objects.prepared('')).toBeDefined();
});

test('what a session holds is bounded in number and in size', () => {
  const many = new SessionObjects(() => true);
  for (let i = 0; i < 20_000; i += 1) many.parse(`n${i}`, prepared('x')).settle(true);
  expect(() => many.requireRoom()).toThrow('too many or too large');
  many.completed(statement({ kind: 'prepared', verb: 'create', name: 'a' }), planOf('PREPARE'));
  expect(many.prepared('a')).toBeUndefined();
  const large = new SessionObjects(() => true);
  for (let i = 0; i < 32; i += 1) {
    large.requireRoom();
    large.bind(`p${i}`, portal(['x'.repeat(1_048_576)]));
  }
  expect(() => large.requireRoom()).toThrow('too many or too large');
});

test('names are cut as the database cuts them', () => {
  expect(objectName('n'.repeat(70))).toBe('n'.repeat(63));
  expect(objectNameOf('é')).toBe('\xc3\xa9');
});
