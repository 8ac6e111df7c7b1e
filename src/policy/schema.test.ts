import { readFileSync } from 'node:fs';
import { checkParseSchema } from '@cedar-policy/cedar-wasm/nodejs';
import { expect, test } from 'vitest';
import { ACTIONS, actionsIn } from './action-table.ts';
import { CONTEXT_ATTRIBUTES, cedarSchema } from './schema.ts';

test('the schema parses', () => {
  expect(checkParseSchema(cedarSchema())).toEqual({ type: 'success' });
});

test('schemas/sluice.cedarschema is what is generated (update it with: npm run docs)', () => {
  const published = readFileSync(new URL('../../schemas/sluice.cedarschema', import.meta.url), 'utf8');
  expect(published).toBe(cedarSchema());
});

test('groups hold what the schema says', () => {
  expect(actionsIn('Write')).toEqual(['Insert', 'Update', 'Delete', 'Truncate']);
  expect(actionsIn('Define')).toEqual(['Create', 'Alter', 'Drop', 'Grant']);
  expect(actionsIn('Statement')).toEqual(
    ACTIONS.filter(
      (action) => action !== 'Connect' && action !== 'ReadAudit' && action !== 'Match' && action !== 'Unmask',
    ),
  );
  expect(actionsIn('Nothing')).toEqual([]);
});

test('every attribute of a context is known by its name', () => {
  for (const [, name] of cedarSchema()
    .split(/^type (?:Connect|Unmask|Statement)Context = \{$/m)
    .slice(1)
    .flatMap((part) => [...part.split('};')[0]!.matchAll(/^ {2}(\w+)\??:/gm)])) {
    expect(CONTEXT_ATTRIBUTES).toContain(name);
  }
});
