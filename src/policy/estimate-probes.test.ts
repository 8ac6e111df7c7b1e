import { describe, expect, it } from 'vitest';
import { actor, BOB, database, facts, labelled, use } from '../../tests/support/sample-facts.ts';
import { type PolicyJson, policyToJson } from './cedar.ts';
import { PolicyEngine } from './engine.ts';
import { estimateProbes } from './estimate-probes.ts';
import { loadPolicies } from './load.ts';

function json(condition: string): PolicyJson {
  const parsed = policyToJson(`forbid (principal, action, resource) when { ${condition} };`);
  if (parsed.type === 'failure') throw new Error(JSON.stringify(parsed.errors));
  return parsed.json;
}

describe('the estimates worth trying', () => {
  it('are none where no policy looks at any', () => {
    expect(estimateProbes([json('context.bounded')])).toEqual([]);
  });

  it('are one of each range that policies tell apart, and not knowing', () => {
    const probes = estimateProbes([json('context has estimatedRows && context.estimatedRows > 10')]);
    const rows = [0, 9, 10, 11, Number.MAX_SAFE_INTEGER];
    expect(probes).toEqual(rows.map((estimatedRows) => ({ estimatedRows })));
  });

  it('go through both attributes', () => {
    const probes = estimateProbes([
      json('context has estimatedShare && 50 <= context.estimatedShare && context has estimatedRows'),
    ]);
    expect(probes).toContainEqual({ estimatedRows: 0, estimatedShare: 49 });
    expect(probes).toContainEqual({ estimatedShare: 51 });
    expect(probes).not.toContainEqual({});
  });

  it.each([
    'context has estimatedRows && context.estimatedRows * 2 > 10',
    'context has estimatedRows && [1, 2].contains(context.estimatedRows)',
    'context has estimatedRows && context has estimatedShare && context.estimatedRows > context.estimatedShare',
    '[context].contains(context)',
  ])('cannot be said where policies calculate: %s', (condition) => {
    expect(estimateProbes([json(condition)])).toBeUndefined();
  });
});

describe('an engine', () => {
  const engine = new PolicyEngine(
    loadPolicies([
      {
        file: 'a.cedar',
        text: `permit (principal, action, resource);
          forbid (principal, action == Action::"Update", resource)
          when { context.tier == "prod" && context has estimatedRows && context.estimatedRows > 100 };`,
      },
    ]),
  );
  const ask = (environment: string, action: 'Update' | 'Delete', estimatedRows?: number) => {
    const relations = [use(action, 'public.orders')];
    const context = {
      now: new Date(0),
      ...(estimatedRows === undefined ? {} : { estimate: { estimatedRows } }),
    };
    return {
      ...{ actor: actor(BOB), database: database(environment), labels: labelled({}), context },
      facts: facts(action.toUpperCase(), { relations, writes: true }),
    };
  };

  it.each([
    ['prod', 'Update', true],
    ['dev', 'Update', false],
    ['prod', 'Delete', false],
  ] as const)('wants estimates only where they can matter: %s, %s', (environment, action, wanted) => {
    expect(engine.wantsEstimate(ask(environment, action))).toBe(wanted);
  });

  it('wants none of what touches one row at the most, unless one row matters', () => {
    const asked = ask('prod', 'Update');
    const one = { ...asked, facts: { ...asked.facts, atMostOneRow: true as const } };
    expect(engine.wantsEstimate(one)).toBe(false);
    const text = `permit (principal, action, resource);
      forbid (principal, action, resource) when { context has estimatedRows && context.estimatedRows > 0 };`;
    expect(new PolicyEngine(loadPolicies([{ file: 'b.cedar', text }])).wantsEstimate(one)).toBe(true);
  });

  it.each([
    [undefined, 'allow'],
    [100, 'allow'],
    [101, 'deny'],
  ])('decides by them: %s rows', (rows, outcome) => {
    expect(engine.decide(ask('prod', 'Update', rows)).outcome).toBe(outcome);
  });

  it('remembers that nothing depends on them', () => {
    engine.wantsEstimate(ask('dev', 'Update'));
    const before = engine.evaluations;
    engine.wantsEstimate(ask('dev', 'Update'));
    expect(engine.evaluations).toBe(before);
  });
});
