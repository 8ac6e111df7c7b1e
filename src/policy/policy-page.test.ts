/** docs/policy.md says what the code does. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ACTIONS } from './action-table.ts';
import { ENVIRONMENT_TIERS } from './environment-tier.ts';
import { BUILTIN } from './guards.ts';
import { loadPolicies } from './load.ts';
import { CONTEXT_ATTRIBUTES, cedarSchema } from './schema.ts';

const page = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```cedar\n(.*?)```/gs)].map(([, text]) => text!);

test('every example loads', () => {
  expect(examples.length).toBeGreaterThan(5);
  const files = examples.map((text, index) => ({ file: `example-${index + 1}`, text }));
  expect(loadPolicies(files).policies.length).toBeGreaterThanOrEqual(examples.length);
});

describe('the page names', () => {
  const attributes = [...cedarSchema().matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name!);
  test.each([
    ['every action', ACTIONS],
    ['every attribute of a context', CONTEXT_ATTRIBUTES],
    [
      'every attribute of the schema',
      attributes.filter((name) => name !== 'principal' && name !== 'resource' && name !== 'context'),
    ],
    ['every rule in code', Object.values(BUILTIN)],
  ] as const)('%s', (_, names) => {
    expect(
      names.filter((name) => !page.includes(`\`${name}\``) && !page.includes(`principal.${name}`)),
    ).toEqual([]);
  });

  test('every environment that is not production', () => {
    for (const names of Object.values(ENVIRONMENT_TIERS)) {
      expect(page).toContain(`${names.slice(0, -1).join(', ')} or ${names.at(-1)}`);
    }
  });
});
