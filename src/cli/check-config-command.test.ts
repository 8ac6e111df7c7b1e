import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runInProcess } from '../../tests/support/sluice-cli.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-check-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const SHOP = `version: 1
databases:
  shop:
    engine: postgres
    environment: prod
    host: localhost
    user: gate
    password: { env: SHOP_PASSWORD }
    labels:
      public.t: { c: email }
`;

function check(yaml: string, ...args: string[]) {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, yaml);
  return runInProcess(['check-config', '--config', file, ...args], { env: { SHOP_PASSWORD: 'opensesame' } });
}

it('accepts a good file', async () => {
  expect(await check(SHOP)).toMatchObject({ exitCode: 0, stderr: '' });
});

it('shows warnings, and accepts the file', async () => {
  const run = await check(SHOP.replace('localhost', 'db\n    tls: { mode: prefer }'));
  expect(run.exitCode).toBe(0);
  expect(run.stderr).toMatch(/^warning: .*sluice\.yaml:7:18: tls\.mode prefer does not prove/);
});

it('places a mask that does not parse', async () => {
  const run = await check(`${SHOP}    masks: { email: partail(1) }\n`);
  expect(run.exitCode).toBe(1);
  expect(run.stderr).toMatch(/^error: .*sluice\.yaml:11:21: there is no mask "partail\(1\)"/);
});

it('places a policy that does not parse, and one that is not there', async () => {
  mkdirSync(join(directory, 'policies'));
  writeFileSync(join(directory, 'policies', 'mine.cedar'), 'permit (principal, action, resource)');
  const broken = await check(`${SHOP}policies: { files: [./policies/*.cedar] }\n`);
  expect(broken.exitCode).toBe(1);
  expect(broken.stderr).toContain('policies/mine.cedar:1:');
  const missing = await check(`${SHOP}policies: { files: [./nothing.cedar] }\n`);
  expect(missing.stderr).toContain('sluice.yaml:11:21: cannot read');
});

it('can do without the secrets', async () => {
  const yaml = SHOP.replace('SHOP_PASSWORD', 'ELSEWHERE');
  expect((await check(yaml)).stderr).toContain('the environment variable ELSEWHERE is not set');
  expect((await check(yaml, '--no-secrets')).exitCode).toBe(0);
});

it('answers programs in JSON', async () => {
  const run = await check('version: 1\nlisten: { htp: {} }\n', '--json');
  expect(run.exitCode).toBe(1);
  expect(JSON.parse(run.stdout)).toMatchObject({
    valid: false,
    problems: [{ severity: 'error', line: 2, column: 11, path: 'listen.htp', fix: 'Did you mean "http"?' }],
  });
});
