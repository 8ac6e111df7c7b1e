import { expect, test } from 'vitest';
import type { SessionObjectUse } from '../../model/dialect.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import { type Prepared, SessionObjects } from './session-objects.ts';

const prepared = (text: string): Prepared => ({ plan: { text } as Plan, facts: [] });
const statement = (sessionObject: SessionObjectUse | undefined, command = 'PREPARE') =>
  ({ analyzed: { sessionObject }, facts: { command } }) as unknown as PlannedStatement;

test('a second Parse of a name changes nothing: the database refuses it', () => {
  const objects = new SessionObjects();
  const first = prepared('SELECT 1');
  objects.addPrepared('a', first);
  expect(objects.addPrepared('a', prepared('DROP TABLE t'))).toBeUndefined();
  expect(objects.prepared('a')).toBe(first);
});

test('the unnamed statement is replaced, and comes back if the Parse fails', () => {
  const objects = new SessionObjects();
  const first = prepared('SELECT 1');
  objects.addPrepared('', first);
  const undo = objects.addPrepared('', prepared('SELECT 2'));
  expect(objects.prepared('')?.plan.text).toBe('SELECT 2');
  objects.undo(undo!);
  expect(objects.prepared('')).toBe(first);
});

test('undoing newest first restores what was there before a chain of changes', () => {
  const objects = new SessionObjects();
  const original = prepared('original');
  objects.addPrepared('a', original);
  const undos = [objects.close('prepared', 'a'), objects.addPrepared('a', prepared('second'))!];
  for (const undo of undos.reverse()) objects.undo(undo);
  expect(objects.prepared('a')).toBe(original);
});

test('SQL-level PREPARE and DEALLOCATE share the names of the protocol', () => {
  const objects = new SessionObjects();
  const plan = { text: 'PREPARE a AS SELECT 1' } as Plan;
  objects.completed(statement({ kind: 'prepared', verb: 'create', name: 'a' }), plan);
  expect(objects.prepared('a')).toMatchObject({ plan, executedAs: 'EXECUTE "a"' });
  objects.completed(statement({ kind: 'prepared', verb: 'drop', name: 'a' }, 'DEALLOCATE'), plan);
  expect(objects.prepared('a')).toBeUndefined();
});

test('portals end with the transaction', () => {
  const objects = new SessionObjects();
  objects.addPortal('p', { prepared: prepared('x'), parameters: [] });
  objects.endTransaction();
  expect(objects.portal('p')).toBeUndefined();
});

test('names are bounded', () => {
  const objects = new SessionObjects();
  const one = prepared('x');
  for (let i = 0; i < 20_000; i += 1) objects.addPrepared(`n${i}`, one);
  expect(() => objects.addPrepared('more', one)).toThrow('more than 20000');
  expect(() => objects.addPrepared('n1', one)).not.toThrow();
});
