import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConfig, SYSTEM_DEPS } from './load-config.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function check(index: string) {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(file, `version: 1\n${index}`);
  const { config, problems } = checkConfig(file, { ...SYSTEM_DEPS, env: { SECRET: 'hush' } });
  return { index: config?.index, told: problems.map(({ severity, message }) => `${severity}: ${message}`) };
}

const database = (more: string) => `index: { postgres: { database: sluice, user: sluice, ${more} } }\n`;

describe('index', () => {
  it('is in the data directory if nothing is said', () => {
    expect(check('')).toEqual({ index: {}, told: [] });
  });

  it('takes a database, and never shows its password', () => {
    const { index, told } = check(
      database('host: db.example.com, port: 6432, schema: gate_1, password: { env: SECRET }'),
    );
    expect(told).toEqual([]);
    expect(index?.postgres).toMatchObject({
      ...{ host: 'db.example.com', port: 6432, database: 'sluice', user: 'sluice', schema: 'gate_1' },
      tls: { mode: 'verify-full' },
    });
    expect(index?.postgres?.password?.reveal()).toBe('hush');
    expect(JSON.stringify(index)).not.toContain('hush');
  });

  it.each([
    ['127.0.0.1', 'disable'],
    ['/run/postgresql', 'disable'],
    ['10.0.0.7', 'verify-full'],
  ])('on %s, has TLS by default: %s', (host, mode) => {
    expect(check(database(`host: ${host}`)).index?.postgres).toMatchObject({
      ...{ port: 5432, schema: 'sluice_index' },
      tls: { mode },
    });
  });

  it.each([
    ['host: a.example, tls: { mode: require }', 'warning: tls.mode require does not prove that a.example is'],
    ['host: a.example, tls: { mode: require, ca: ./ca.crt }', 'error: tls.ca has no effect'],
    ['host: /run/postgresql, tls: { mode: require }', 'error: a Unix socket has no TLS'],
    ['host: a.example, schema: public', 'error: public is not for the index alone'],
    ['host: a.example, schema: pg_index', 'error: pg_index is not for the index alone'],
    ['host: a.example, schema: "A;B"', 'error: schema is not written as expected'],
    ['host: "postgres://a"', 'error: host is not written as expected'],
    ['host: a.example, password: { env: NOWHERE }', 'error: the environment variable NOWHERE is not set'],
    ['host: a.example, tls: { cert: ./x.crt }', 'error: cert stands alone'],
  ])('says what is wrong with %s', (more, problem) => {
    expect(check(database(more)).told.join('\n')).toContain(problem);
  });
});
