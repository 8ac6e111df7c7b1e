import { describe, expect, it } from 'vitest';
import {
  actor,
  BILLING,
  BOB,
  database,
  facts,
  labelled,
  REPORT_BOT,
  use,
} from '../../tests/support/sample-facts.ts';
import type { Action } from '../model/facts.ts';
import type { Actor } from '../model/principal.ts';
import { PolicyEngine } from './engine.ts';
import { loadPolicies } from './load.ts';

const engineOf = (...policies: string[]) =>
  new PolicyEngine(
    loadPolicies([
      { file: 'a.cedar', text: ['@id("all") permit (principal, action, resource);', ...policies].join('\n') },
    ]),
  );

const few = (rows: number, action: string, who = 'principal') =>
  `@id("few-${rows}") @row_limit("${rows}") forbid (${who}, ${action}, resource);`;

function decide(
  engine: PolicyEngine,
  action: Action,
  who: Actor = actor(BOB),
  command = action.toUpperCase(),
) {
  const statement = facts(command, { relations: [use(action, 'public.t')], writes: action !== 'Read' });
  return engine.decide({
    ...{ actor: who, database: database('prod'), facts: statement, labels: labelled({}) },
    context: { now: new Date(0) },
  });
}

describe('a limit of rows', () => {
  it('lets a statement run, and is named beside what permits it', () => {
    const decision = decide(engineOf(few(5, 'action == Action::"Read"')), 'Read');
    expect(decision).toMatchObject({
      outcome: 'allow',
      rowLimits: { returned: { rows: 5, policy: 'few-5' } },
    });
    expect(decision.policies.map(({ id }) => id)).toEqual(['all', 'few-5']);
    expect(decision.rowLimits?.written).toBeUndefined();
  });

  it('is the least of several, for all of a chain', () => {
    const engine = engineOf(few(9, 'action'), few(5, 'action', 'principal is Human'));
    expect(decide(engine, 'Update', actor(REPORT_BOT, BOB)).rowLimits).toEqual({
      written: { rows: 5, policy: 'few-5' },
    });
    expect(decide(engine, 'Update', actor(BILLING)).rowLimits).toEqual({
      written: { rows: 9, policy: 'few-9' },
    });
  });

  it('does not take back what else is forbidden, nor permit anything', () => {
    const hard = '@id("no") forbid (principal, action == Action::"Update", resource);';
    expect(decide(engineOf(few(5, 'action'), hard), 'Update').outcome).toBe('deny');
    const engine = new PolicyEngine(loadPolicies([{ file: 'a.cedar', text: few(5, 'action') }]));
    expect(decide(engine, 'Update').outcome).toBe('deny');
  });

  it('holds for what an approval lets run', () => {
    const asking =
      '@id("ask") @approval("groups=dba") forbid (principal, action == Action::"Update", resource);';
    expect(decide(engineOf(few(5, 'action'), asking), 'Update')).toMatchObject({
      ...{ outcome: 'hold', policies: [{ id: 'ask' }], rowLimits: { written: { rows: 5 } } },
    });
  });

  it.each(['Truncate', 'Drop', 'Export'] as const)('is a forbid where no rows are counted: %s', (action) => {
    expect(decide(engineOf(few(5, 'action')), action).outcome).toBe('deny');
  });

  it('refuses procedures, which may commit', () => {
    expect(decide(engineOf(few(5, 'action')), 'Update', actor(BOB), 'CALL')).toMatchObject({
      ...{ outcome: 'deny', policies: [{ id: 'sluice:row-limit' }] },
    });
  });

  it.each([
    '@row_limit("many") forbid (principal, action, resource);',
    '@row_limit("-1") forbid (principal, action, resource);',
    '@row_limit("1") permit (principal, action, resource);',
    '@row_limit("1") @approval("groups=dba") forbid (principal, action, resource);',
  ])('is refused in another form: %s', (text) => {
    expect(() => loadPolicies([{ file: 'a.cedar', text }])).toThrow(/row_limit/);
  });
});
