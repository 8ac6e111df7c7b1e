import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generatedDocs } from '../../scripts/generate-docs.ts';
import { checkConfig } from '../../src/config/load-config.ts';
import { ERROR_TABLE } from '../../src/errors/error-table.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

it.each([...generatedDocs()])('%s is what npm run docs writes', (path, text) => {
  expect(read(path), 'stale: run npm run docs').toBe(text);
});

it('docs/errors.md has a row for every code, and each SQLSTATE has five characters', () => {
  const page = read('docs/errors.md');
  for (const [code, { sqlstate }] of Object.entries(ERROR_TABLE)) {
    expect(page).toContain(`| \`${code}\` | \`${sqlstate}\` |`);
    expect(sqlstate).toMatch(/^[0-9A-Z]{5}$/);
  }
});

it('a SQLSTATE of the gate means one thing', () => {
  const own = Object.values(ERROR_TABLE).flatMap(({ sqlstate }) =>
    sqlstate.startsWith('SL') ? [sqlstate] : [],
  );
  expect(own.toSorted()).toEqual([...new Set(own)].toSorted());
});

describe('the examples of docs/configuration.md', () => {
  const examples = [...read('docs/configuration.md').matchAll(/```yaml\n(.*?)```/gs)].map(
    ([, yaml]) => yaml!,
  );

  it('are there', () => expect(examples.length).toBeGreaterThan(1));

  it.each(examples)('%s passes the published schema and the gate', (yaml) => {
    const ajv = new Ajv({ allowUnionTypes: true });
    ajv.addKeyword('patternErrorMessage').addKeyword('errorMessage');
    const validate = ajv.compile(JSON.parse(read('schemas/sluice.schema.json')));
    validate(parse(yaml));
    expect(validate.errors ?? []).toEqual([]);
    const { problems } = checkConfig(
      '/etc/sluice/sluice.yaml',
      {
        env: { SHOP_PASSWORD: 'x' },
        readFile: (path) => {
          if (path.endsWith('.yaml')) return yaml;
          const kind = { crt: 'CERTIFICATE', crl: 'X509 CRL' }[path.slice(-3)];
          return kind === undefined ? 'x' : `-----BEGIN ${kind}-----`;
        },
        fileMode: () => 0o100600,
      },
      { secrets: 'skip' },
    );
    expect(problems).toEqual([]);
  });
});
