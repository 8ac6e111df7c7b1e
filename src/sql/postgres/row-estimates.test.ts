import { describe, expect, it } from 'vitest';
import { facts, use } from '../../../tests/support/sample-facts.ts';
import { estimateIn, estimateQuestion } from './row-estimates.ts';

describe('the question', () => {
  it.each([
    ['SELECT', 'SELECT 1', 'EXPLAIN (FORMAT JSON) SELECT 1'],
    ['EXPLAIN', 'EXPLAIN ANALYZE DELETE FROM t', 'EXPLAIN (FORMAT JSON) DELETE FROM t'],
    ['EXPLAIN', 'explain /* a */ analyse verbose DELETE FROM t', 'EXPLAIN (FORMAT JSON) DELETE FROM t'],
    ['EXPLAIN', 'EXPLAIN (ANALYZE, SETTINGS (a)) (VALUES (1))', 'EXPLAIN (FORMAT JSON) (VALUES (1))'],
    ['VACUUM', 'VACUUM t', undefined],
    ['COPY', 'COPY t FROM STDIN', undefined],
  ])('for %s is asked of what runs: %s', (command, text, question) => {
    expect(estimateQuestion(text, facts(command, { writes: true }))).toBe(question);
  });

  it('is none where nothing runs', () => {
    const create = { kind: 'prepared', verb: 'create', name: 'p' } as const;
    expect(estimateQuestion('PREPARE p AS SELECT 1', facts('SELECT'), create)).toBeUndefined();
    expect(estimateQuestion('EXPLAIN SELECT 1', facts('EXPLAIN'))).toBeUndefined();
  });
});

describe('the answer', () => {
  const update = facts('UPDATE', { relations: [use('Update', 'public.t')], writes: true });

  it.each([
    'nonsense',
    '[]',
    '[{"Plan": {}}]',
    '[{"Plan": {"Plan Rows": "many"}}]',
    '[{"Plan": {"Plan Rows": -1}}]',
    'null',
    undefined,
  ])('may be none: %s', (json) => {
    expect(estimateIn(json, facts('SELECT'), new Map())).toBeUndefined();
  });

  it('adds up what is changed, wherever it is', () => {
    const scan = (rows: number) => ({
      'Node Type': 'Seq Scan',
      'Parent Relationship': 'Outer',
      'Plan Rows': rows,
    });
    const modify = (rows: number) => ({
      ...{ 'Node Type': 'ModifyTable', Operation: 'Update', 'Relation Name': 't', 'Plan Rows': 0 },
      Plans: [scan(rows)],
    });
    const json = JSON.stringify([
      { Plan: { 'Node Type': 'Aggregate', 'Plan Rows': 1, Plans: [modify(30), modify(4)] } },
    ]);
    expect(estimateIn(json, update, new Map())).toEqual({
      rows: 34,
      tables: [
        { relation: 'public.t', rows: 30 },
        { relation: 'public.t', rows: 4 },
      ],
    });
  });

  it('says nothing of what functions change', () => {
    const json = '[{"Plan": {"Node Type": "Result", "Plan Rows": 1}}]';
    expect(estimateIn(json, facts('SELECT', { writes: true }), new Map())).toBeUndefined();
    expect(estimateIn(json, facts('SELECT'), new Map())).toMatchObject({ rows: 1 });
  });
});
