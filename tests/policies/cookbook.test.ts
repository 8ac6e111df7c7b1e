/** Every policy of the cookbook loads, is above suspicion, and decides its cases as the page says: on a real database. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { SHOP } from '../support/gate.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { runInProcess } from '../support/sluice-cli.ts';

const PAGE = readFileSync(new URL('../../docs/policy-cookbook.md', import.meta.url), 'utf8');
const CONFIG = parse(/```yaml config\n(.*?)```/s.exec(PAGE)![1]!) as { databases: { shop: object } };

interface Recipe {
  readonly title: string;
  readonly policies: string;
  readonly cases: string;
}

const RECIPES: readonly Recipe[] = PAGE.split(/^### /m)
  .slice(1)
  .map((section) => ({
    title: section.split('\n', 1)[0]!,
    policies: /```cedar\n(.*?)```/s.exec(section)?.[1] ?? '',
    cases: /```yaml\n(.*?)```/s.exec(section)?.[1] ?? '',
  }));

let database: TestDatabase;
let home: string;

beforeAll(async () => {
  database = await createDatabase('cookbook');
  await database.query(SHOP);
  home = mkdtempSync(join(tmpdir(), 'sluice-cookbook-'));
});

afterAll(async () => {
  rmSync(home, { recursive: true, force: true });
  await database?.drop();
});

/** A folder with the recipe's policies, its cases and the configuration of the page. */
function kitchen(name: string, { policies, cases }: Recipe) {
  const directory = join(home, name);
  mkdirSync(directory);
  const { host, port, user, password, database: upstream } = database.connection;
  const shop = {
    ...CONFIG.databases.shop,
    host,
    port,
    user,
    database: upstream,
    password: { env: 'PASSWORD' },
    tls: { mode: 'disable' },
  };
  writeFileSync(
    join(directory, 'sluice.yaml'),
    stringify({ ...CONFIG, databases: { shop }, policies: { files: ['own.cedar'] } }),
  );
  writeFileSync(join(directory, 'own.cedar'), policies);
  writeFileSync(join(directory, 'cases.yaml'), cases);
  const run = (...args: string[]) =>
    runInProcess(['policy', ...args, '--config', join(directory, 'sluice.yaml')], {
      env: { PASSWORD: password },
    });
  return { directory, run };
}

describe('the cookbook', () => {
  it('holds at least twenty recipes', () => {
    expect(RECIPES.length).toBeGreaterThanOrEqual(20);
    expect(RECIPES.map(({ title }) => Number.parseInt(title, 10))).toEqual(
      RECIPES.map((_, index) => index + 1),
    );
  });

  it.each(RECIPES)('$title', async (recipe) => {
    const { directory, run } = kitchen(recipe.title.replaceAll(/\W/g, ''), recipe);
    const valid = await run('validate', '--strict');
    expect(`${valid.stdout}${valid.stderr}`).toMatch(/^\d+ policies load, version [0-9a-f]{16}\.\n$/);
    const tested = await run('test', join(directory, 'cases.yaml'));
    expect(tested.stdout.trimEnd()).toMatch(/^passed: (\d+) of \1 cases\.$/);
    // A recipe without which its cases pass as well shows nothing.
    writeFileSync(
      join(directory, 'own.cedar'),
      '@id("nothing") permit (principal == Human::"bob", action == Action::"Connect", resource);',
    );
    expect((await run('test', join(directory, 'cases.yaml'))).exitCode).toBe(1);
  });
});
