import { describe, expect, it } from 'vitest';
import { shippedPolicies } from '../../tests/support/sample-facts.ts';
import { type KnownNames, lintPolicies } from './lint.ts';
import { loadPolicies } from './load.ts';

const KNOWN: KnownNames = {
  principals: new Set(['alice', 'report-bot']),
  groups: new Set(['dba', 'support']),
  databases: new Set(['shop']),
  environments: new Set(['prod']),
  labels: new Set(['email']),
  members: (group) => (group === 'dba' ? ['alice', 'anna'] : ['bob']),
};

const lint = (...policies: string[]) =>
  lintPolicies(loadPolicies([{ file: 'x.cedar', text: policies.join('\n') }]), KNOWN).map(
    ({ policy, line, message }) => `${policy}:${line} ${message}`,
  );

const rule = (id: string, text: string) => `@id("${id}") ${text}`;

describe('names that nothing has', () => {
  it.each([
    [
      'permit (principal in Group::"dbaa", action, resource);',
      'group "dbaa" does not exist; did you mean "dba"?',
    ],
    [
      'permit (principal == Human::"alicia", action, resource);',
      'principal "alicia" does not exist; did you mean "alice"?',
    ],
    [
      'permit (principal, action, resource in Database::"shopp");',
      'database "shopp" does not exist; did you mean "shop"?',
    ],
    [
      'permit (principal, action, resource == Table::"hop/public.t");',
      'database "hop" does not exist; did you mean "shop"?',
    ],
    [
      'permit (principal, action, resource) when { principal in Group::"operators" };',
      'group "operators" does not exist',
    ],
    [
      'permit (principal, action, resource) when { context.environment == "production" };',
      'environment "production" does not exist; did you mean "prod"?',
    ],
    [
      'permit (principal, action, resource) when { "pro" == context.tier };',
      'tier "pro" does not exist; did you mean "prod"?',
    ],
    [
      'permit (principal, action == Action::"Read", resource) when { context.labelsRead.contains("mail") };',
      'label "mail" does not exist; did you mean "email"?',
    ],
    [
      'forbid (principal, action == Action::"Read", resource) when { context.hazards.contains("bulk_read") };',
      'hazards "bulk_read" does not exist; did you mean "bulk-read"?',
    ],
    [
      'forbid (principal, action == Action::"Read", resource) when { context.hazards.containsAny(["bulk-read", "nothing"]) };',
      'hazards "nothing" does not exist',
    ],
    [
      'forbid (principal, action == Action::"Read", resource) when { ["everybody"].contains(context.blocks) };',
      'blocks "everybody" does not exist',
    ],
    [
      '@approval("groups=admins") forbid (principal, action == Action::"Read", resource);',
      'group (of @approval) "admins" does not exist',
    ],
    [
      '@approval("groups=dba; escalate=bosses after 5m") forbid (principal, action == Action::"Read", resource);',
      'group (of @approval) "bosses" does not exist',
    ],
    [
      '@approval("groups=dba; quorum=3") forbid (principal, action == Action::"Read", resource);',
      '@approval asks 3 of dba, and there are 2',
    ],
    [
      '@approval("quorum=dba:1+support:2") forbid (principal, action == Action::"Read", resource);',
      '@approval asks 2 of support, and there are 1',
    ],
  ])('%s', (text, message) => {
    expect(lint(rule('p', text))).toEqual([`p:1 ${message}`]);
  });

  it('are not looked for where anything may stand', () => {
    expect(
      lint(
        rule(
          'a',
          'permit (principal in Group::"dba", action, resource in Database::"shop") when { context.environment == "prod" };',
        ),
        rule(
          'b',
          'forbid (principal, action, resource) when { context has purpose && context.purpose == "whatever" };',
        ),
        rule(
          'c',
          'forbid (principal, action, resource) when { resource has name && resource.name == "whatever" };',
        ),
      ),
    ).toEqual([]);
  });
});

describe('policies that another one makes pointless', () => {
  const prod = 'when { context.tier == "prod" }';
  it.each([
    [
      'forbid (principal, action, resource);',
      `permit (principal is Human, action, resource) ${prod};`,
      'b:2 never permits anything: a (x.cedar:1) forbids all of it',
    ],
    [
      `permit (principal, action in Action::"Write", resource);`,
      `permit (principal is Human, action == Action::"Update", resource is Table) ${prod};`,
      'b:2 adds nothing: a (x.cedar:1) permits all of it',
    ],
    [
      `forbid (principal, action, resource) ${prod};`,
      'forbid (principal, action, resource) when { context.delegated && context.tier == "prod" };',
      'b:2 adds nothing: a (x.cedar:1) forbids all of it',
    ],
    [
      `forbid (principal, action, resource) ${prod};`,
      '@approval("groups=dba") forbid (principal == Human::"alice", action == Action::"Read", resource) when { context.tier == "prod" };',
      'b:2 never asks for approval: a (x.cedar:1) forbids all of it',
    ],
  ])('%s makes %s', (wide, narrow, finding) => {
    expect(lint(rule('a', wide), rule('b', narrow))).toEqual([finding]);
  });

  it('leaves alone what may still matter', () => {
    expect(
      lint(
        rule('a', `@approval("groups=dba") forbid (principal, action == Action::"Read", resource);`),
        rule('b', `permit (principal, action == Action::"Read", resource);`),
        rule('c', `forbid (principal is Human, action == Action::"Read", resource) ${prod};`),
        rule(
          'd',
          `forbid (principal is Human, action == Action::"Read", resource) unless { context.tier == "prod" };`,
        ),
        rule('e', `permit (principal in Group::"dba", action, resource);`),
      ),
    ).toEqual([]);
  });
});

it('finds nothing in what ships', () => {
  expect(
    lintPolicies(shippedPolicies(), KNOWN).filter(({ message }) =>
      /adds nothing|never permits/.test(message),
    ),
  ).toEqual([]);
});
