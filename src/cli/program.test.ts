import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAsProcess, runInProcess } from '../../tests/support/sluice-cli.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { Terminal } from './terminal.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  writeFileSync(join(directory, 'good.yaml'), 'version: 1\nprincipals: { alice: { kind: human } }\n');
  writeFileSync(join(directory, 'bad.yaml'), 'version: 1\nprincipls: {}\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

const ESCAPE = '\x1b';

describe('as a process', () => {
  it.each<[string, string[], number, 'stdout' | 'stderr', string]>([
    ['help', ['--help'], 0, 'stdout', 'Exit codes:'],
    ['a version', ['--version'], 0, 'stdout', '0.'],
    ['help on nothing', [], 2, 'stderr', 'Usage: sluice'],
    ['an unknown command', ['strat'], 2, 'stderr', "unknown command 'strat'\n(Did you mean start?)"],
    ['an unknown option', ['token', 'list', '--al'], 2, 'stderr', "unknown option '--al'"],
    [
      'a failure',
      ['check-config', '--config', 'bad.yaml'],
      1,
      'stderr',
      'bad.yaml:2:1: unknown key "principls"',
    ],
    [
      'success',
      ['check-config', '--config', 'good.yaml'],
      0,
      'stdout',
      'good.yaml is valid: 1 principal, 0 databases.',
    ],
  ])('answers with %s', async (_what, args, exitCode, stream, text) => {
    const run = await runAsProcess(args, { cwd: directory });
    expect(run).toMatchObject({ exitCode });
    expect(run[stream]).toContain(text);
    expect(run.stdout + run.stderr).not.toContain(ESCAPE);
  });

  it('finds the configuration by SLUICE_CONFIG', async () => {
    const run = await runAsProcess(['check-config'], {
      env: { SLUICE_CONFIG: join(directory, 'good.yaml') },
    });
    expect(run.exitCode).toBe(0);
  });

  it('says where it looked for the configuration', async () => {
    const run = await runAsProcess(['check-config'], { cwd: directory });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(`${directory}/sluice.yaml: there is no such file`);
    expect(run.stderr).toContain('--config or SLUICE_CONFIG');
  });
});

describe('help', () => {
  it.each([
    ['start', 'SIGHUP'],
    ['token issue', 'sluice token issue report-bot --on-behalf-of bob'],
    ['approvals', 'SLUICE_TOKEN'],
    ['check', 'Exit codes:'],
    ['ledger verify', 'Exit codes:'],
  ])('of %s tells what one needs to know', async (command, text) => {
    const run = await runInProcess([...command.split(' '), '--help']);
    expect([run.exitCode, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toContain(text);
  });
});

describe('colours', () => {
  const args = () => ['check-config', '--config', join(directory, 'bad.yaml')];

  it.each<[string, number | undefined, Record<string, string>, boolean]>([
    ['on a terminal', 80, {}, true],
    ['not in a pipe', undefined, {}, false],
    ['not if NO_COLOR is set', 80, { NO_COLOR: '1' }, false],
    ['not on a dumb terminal', 80, { TERM: 'dumb' }, false],
  ])('are used %s', async (_where, columns, env, coloured) => {
    const run = await runInProcess(args(), { env, ...(columns && { columns }) });
    expect(run.stderr.includes(ESCAPE)).toBe(coloured);
  });
});

it('names a file that it cannot read', async () => {
  const run = await runInProcess(['check', '--as', 'bob', '--database', 'shop', '--file', '/nowhere']);
  expect(run).toMatchObject({ exitCode: 1, stderr: 'error: cannot read /nowhere: ENOENT\n' });
});

it('shows a defect with its stack, and a failure without', () => {
  const lines: string[] = [];
  const terminal = new Terminal({ write: () => {} }, { write: (text) => lines.push(text) }, {});
  terminal.fail(new TypeError('undefined is not a function'));
  expect(lines.join('')).toMatch(
    /^error: internal error in the gateway\nTypeError: undefined is not a function\n +at /,
  );
  lines.length = 0;
  terminal.fail(new SluiceError('not_found', 'no \x1b[31msuch thing', { detail: 'd', hint: 'h' }));
  expect(lines.join('')).toBe('error: no \\x1b[31msuch thing\n  detail: d\n  hint: h\n');
});
