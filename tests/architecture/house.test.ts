/** Reads all of src and holds it to the rules of `rules.ts`. Each rule first has to catch a sample that breaks it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { ERROR_TABLE } from '../../src/errors/error-table.ts';
import {
  cycles,
  dependencyViolations,
  errorCodeViolations,
  importsOf,
  nameViolations,
  orderViolations,
  purityViolations,
  type SourceFile,
  sizeViolations,
} from './rules.ts';

const source = new URL('../../src/', import.meta.url).pathname;
const files: SourceFile[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(source, path), 'utf8') }));

const dependencies = Object.keys(manifest.dependencies);
const codes = Object.keys(ERROR_TABLE);

const RULES: readonly [
  name: string,
  rule: (file: SourceFile) => string[],
  good: SourceFile[],
  bad: SourceFile[],
][] = [
  [
    'imports go one way',
    orderViolations,
    [
      { path: 'session/a.ts', text: "import { x } from '../policy/b.ts';\nimport y from './c.ts';" },
      { path: 'cli/start.ts', text: "import { startGateway } from '../main.ts';" },
      { path: 'gateway/postgres/a.ts', text: "import { x } from '../../wire/postgres/b.ts';" },
      { path: 'session/a.test.ts', text: "import { x } from '../../tests/support/postgres.ts';" },
      { path: 'session/b.test.ts', text: "import { x } from '../sql/postgres/analyze.ts';" },
      { path: 'policy/a.ts', text: "// import x from '../gateway/b.ts';\n/* import '../gateway/c.ts' */" },
    ],
    [
      { path: 'policy/a.ts', text: "import { x } from '../gateway/postgres/b.ts';" },
      { path: 'policy/a.ts', text: "import type { x } from '../session/b.ts';" },
      { path: 'policy/a.ts', text: "import {\n  a,\n  b as c,\n} from '../session/b.ts';" },
      { path: 'policy/a.ts', text: "const x = await import('../session/b.ts');" },
      { path: 'policy/a.ts', text: "let x: import('../session/b.ts').X;" },
      { path: 'policy/a.ts', text: "import '../session/b.ts';" },
      { path: 'policy/a.ts', text: "export * from '../session/b.ts';" },
      { path: 'policy/a.ts', text: "export { x } from '../session/b.ts';" },
      { path: 'session/a.ts', text: "import { x } from '../sql/postgres/b.ts';" },
      { path: 'main.ts', text: "import { x } from './cli/b.ts';" },
      { path: 'session/a.ts', text: "import { x } from '../../tests/support/postgres.ts';" },
      { path: 'session/a.ts', text: "import { x } from '../elsewhere/b.ts';" },
      { path: 'elsewhere/a.ts', text: '' },
    ],
  ],
  [
    'production needs production dependencies only',
    (file) => dependencyViolations(file, dependencies),
    [
      { path: 'api/a.ts', text: "import fastify from 'fastify';\nimport fs from 'node:fs';" },
      { path: 'policy/a.ts', text: "import * as cedar from '@cedar-policy/cedar-wasm/nodejs';" },
      { path: 'cli/demo/a.ts', text: "await import('pg');" },
      { path: 'api/a.test.ts', text: "import pg from 'pg';" },
    ],
    [
      { path: 'api/a.ts', text: "import postgres from 'postgres';" },
      { path: 'api/a.ts', text: "import x from '@cedar-policy/other';" },
      { path: 'api/a.ts', text: "import fs from 'fs';" },
    ],
  ],
  [
    'policy and model are pure',
    purityViolations,
    [
      { path: 'policy/a.ts', text: "import { createHash } from 'node:crypto';" },
      { path: 'ledger/a.ts', text: "import fs from 'node:fs';\nDate.now();" },
    ],
    [
      { path: 'policy/a.ts', text: "import fs from 'node:fs/promises';" },
      { path: 'policy/a.ts', text: 'const now = Date.now();' },
      { path: 'model/a.ts', text: 'const now = new Date();' },
    ],
  ],
  [
    'names say what is inside',
    nameViolations,
    [
      { path: 'wire/postgres/frame-reader.ts', text: '' },
      { path: 'wire/postgres/frame-reader.test.ts', text: '' },
      { path: 'main.ts', text: '' },
    ],
    [
      { path: 'wire/utils.ts', text: '' },
      { path: 'wire/string-helper.ts', text: '' },
      { path: 'common/a.ts', text: '' },
      { path: 'session/session-manager.ts', text: '' },
      { path: 'session/SessionPool.ts', text: '' },
    ],
  ],
  [
    'files stay small',
    sizeViolations,
    [{ path: 'a.ts', text: 'x\n'.repeat(400) }],
    [{ path: 'a.ts', text: 'x\n'.repeat(401) }],
  ],
  [
    'thrown codes are in the error table',
    (file) => errorCodeViolations(file, codes),
    [{ path: 'a.ts', text: "throw new SluiceError('statement_denied', 'x')" }],
    [
      { path: 'a.ts', text: "throw new SluiceError('statement_denyed', 'x')" },
      { path: 'a.ts', text: "throw new SluiceError(\n  'nope',\n  'x')" },
    ],
  ],
];

describe.each(RULES)('%s', (_name, rule, good, bad) => {
  test('the rule accepts what is fine', () => {
    expect(good.flatMap(rule)).toEqual([]);
  });

  test.each(bad)('the rule catches $path: $text', (sample) => {
    expect(rule(sample)).toHaveLength(1);
  });

  test('src keeps it', () => {
    expect(files.flatMap(rule)).toEqual([]);
  });
});

describe('no two folders need each other', () => {
  const a = { path: 'sql/a.ts', text: "import { b } from './postgres/b.ts';" };

  test('the rule accepts a cycle of types, and one within a folder', () => {
    expect(cycles([a, { path: 'sql/postgres/b.ts', text: "import type { A } from '../a.ts';" }])).toEqual([]);
    const c = { path: 'sql/c.ts', text: "import { d } from './d.ts';" };
    expect(cycles([c, { path: 'sql/d.ts', text: "import { c } from './c.ts';" }])).toEqual([]);
  });

  test('the rule catches one of values, also over three folders', () => {
    expect(cycles([a, { path: 'sql/postgres/b.ts', text: "import { a } from '../a.ts';" }])).toEqual([
      'sql → sql/postgres → sql',
    ]);
    const chain = [
      { path: 'x/a.ts', text: "import '../y/b.ts';" },
      { path: 'y/b.ts', text: "import '../z/c.ts';" },
      { path: 'z/c.ts', text: "import '../x/d.ts';" },
    ];
    expect(cycles(chain)).toEqual(['x → y → z → x']);
  });

  test('src keeps it', () => {
    expect(cycles(files)).toEqual([]);
  });
});

test('every room of src was read', () => {
  expect(files.length).toBeGreaterThan(10);
  expect(importsOf(files.find((file) => file.path === 'errors/sluice-error.ts')?.text ?? '')).toEqual([
    { specifier: './error-table.ts', typeOnly: false, dynamic: false },
  ]);
});
