import { policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { describe, expect, test } from 'vitest';
import type { Action } from '../model/facts.ts';
import type { PolicyJson } from './cedar.ts';
import { relevanceOf } from './relevance.ts';

function tree(text: string): PolicyJson {
  const parsed = policyToJson(text);
  if (parsed.type === 'failure') throw new Error(parsed.errors[0]?.message);
  return parsed.json;
}

const when = (condition: string) => `permit (principal, action, resource) when { ${condition} };`;

function relevance(text: string, action: Action = 'Read') {
  const { context, resource, entities, everything } = relevanceOf([tree(text)], action);
  return { context, resource, entities: [...entities].sort(), everything };
}

interface Seen {
  readonly context: readonly string[];
  readonly resource: readonly string[];
  readonly entities: readonly string[];
  readonly everything: boolean;
}

const nothing: Seen = { context: [], resource: [], entities: [], everything: false };

describe('what a policy looks at', () => {
  test.each<[string, Partial<Seen>]>([
    ['permit (principal, action, resource);', {}],
    ['permit (principal in Group::"dba", action, resource is Table);', {}],
    ['permit (principal == Human::"bob", action, resource == Table::"a");', { entities: ['Table::a'] }],
    ['permit (principal, action, resource in Schema::"s");', { entities: ['Schema::s'] }],
    ['permit (principal, action, resource is Table in Schema::"s");', { entities: ['Schema::s'] }],
    [when('context.bounded && context.bounded'), { context: ['bounded'] }],
    [when('context["bounded"]'), { context: ['bounded'] }],
    [when('context has purpose && context.purpose like "a*"'), { context: ['purpose'] }],
    [when('context.time.hour > 8 && context.time.now < datetime("2030-01-01")'), { context: ['time'] }],
    [when('context.time.now.offset(duration("1h")).toTime() > duration("8h")'), { context: ['time'] }],
    [when('context has time.hour'), { context: ['time'] }],
    [when('!(principal in Group::"a") || principal.name like "x*"'), {}],
    [when('principal is Human in Group::"a"'), {}],
    [when('resource.name == "x" && resource has labels'), { resource: ['labels', 'name'] }],
    [when('resource is Table && resource.labels.contains("email")'), { resource: ['labels'] }],
    [when('resource is Table in Schema::"s"'), { entities: ['Schema::s'] }],
    [when('resource == Table::"a" || Table::"b" == resource'), { entities: ['Table::a', 'Table::b'] }],
    [when('resource != Table::"a"'), { entities: ['Table::a'] }],
    [when('resource in [Table::"a", Schema::"s"]'), { entities: ['Schema::s', 'Table::a'] }],
    [when('[Table::"a", Table::"b"].contains(resource)'), { entities: ['Table::a', 'Table::b'] }],
    [
      when('if context.bounded then resource.name == "x" else -(3) < 4'),
      { context: ['bounded'], resource: ['name'] },
    ],
    [
      when('context.labelsRead.containsAny(["a"]) && {a: context.bounded}.a'),
      { context: ['bounded', 'labelsRead'] },
    ],
    // What cannot be followed counts as everything.
    [when('[resource] == [Table::"a"]'), { everything: true }],
    [when('resource == principal'), { everything: true }],
    [when('resource in [Table::"a", principal]'), { everything: true }],
    [when('(if true then resource else resource).name == "x"'), { everything: true }],
    [when('resource.hasTag("x")'), { everything: true }],
    [when('{a: resource} == {a: Table::"a"}'), { everything: true }],
  ])('%s', (text, expected) => {
    expect(relevance(text)).toEqual({ ...nothing, ...expected });
  });

  test('a context used as a whole makes every attribute matter', () => {
    const { context } = relevance(when('context == {}'));
    expect(context).toEqual(expect.arrayContaining(['time', 'bounded', 'client', 'purpose', 'columnsRead']));
  });

  test('an operator that is not known makes everything matter', () => {
    const strange = { ...tree(when('true')), conditions: [{ kind: 'when', body: { 'new-operator': 7 } }] };
    const { everything, context } = relevanceOf([strange as unknown as PolicyJson], 'Read');
    expect({ everything, time: context.includes('time') }).toEqual({ everything: true, time: true });
  });
});

describe('numbers that are only compared', () => {
  const thresholds = (condition: string) =>
    Object.fromEntries(relevanceOf([tree(when(condition))], 'Read').thresholds);

  test.each<[string, Record<string, number[]>]>([
    ['context has n && context.n < 10', { n: [10] }],
    ['context.n >= 10 || 3 > context.n || context.n == 7 || context.n != 3', { n: [3, 7, 10] }],
    ['context.n < 10 && context.n + 1 < 10', {}],
    ['context.n < context.m', {}],
    ['context.n < 10 && [context.n].contains(3)', {}],
    ['context.n < 10 && context == {}', {}],
    ['context.t.hour < 10', {}],
    ['context has t.hour && context.t < 10', {}],
  ])('%s', (condition, expected) => {
    expect(thresholds(condition)).toEqual(expected);
  });
});

describe('a policy matters to the actions of its scope', () => {
  const condition = 'when { context.bounded };';
  test.each<[string, Action, boolean]>([
    ['permit (principal, action, resource)', 'Unmask', true],
    ['permit (principal, action == Action::"Read", resource)', 'Read', true],
    ['permit (principal, action == Action::"Read", resource)', 'Export', false],
    ['permit (principal, action in Action::"Write", resource)', 'Truncate', true],
    ['permit (principal, action in Action::"Write", resource)', 'Drop', false],
    ['permit (principal, action in Action::"Statement", resource)', 'Drop', true],
    ['permit (principal, action in Action::"Statement", resource)', 'Connect', false],
    ['permit (principal, action in Action::"Read", resource)', 'Read', true],
    ['permit (principal, action in [Action::"Define", Action::"Read"], resource)', 'Grant', true],
    ['permit (principal, action in [Action::"Define", Action::"Read"], resource)', 'Set', false],
  ])('%s and %s: %s', (head, action, matters) => {
    expect(relevance(`${head} ${condition}`, action).context).toEqual(matters ? ['bounded'] : []);
  });
});
