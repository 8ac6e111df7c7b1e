/** psql, as Debian ships it, through the gate with no special settings. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompatGate, hasProgram, startCompatGate } from './gate.ts';
import { runProgram, startProgram } from './program.ts';

describe.skipIf(!hasProgram('psql'))('psql', () => {
  let gate: CompatGate;
  let directory: string;
  beforeAll(async () => {
    gate = await startCompatGate();
    directory = mkdtempSync(join(tmpdir(), 'sluice-psql-'));
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await gate?.remove();
  });

  const psql = (principal: 'alice' | 'bob', database: 'shop' | 'scratch', ...commands: string[]) =>
    runProgram(
      'psql',
      ['-X', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])],
      gate.env(principal, database),
    );

  /** What the same commands print on the database itself. */
  const direct = (...commands: string[]) => {
    const { host, port, user, password, database } = gate.database.connection;
    return runProgram(
      'psql',
      ['-X', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])],
      {
        ...{ PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database },
      },
    );
  };

  test('connects over TLS by itself', async () => {
    const { stdout, stderr } = await psql('bob', 'shop', '\\conninfo');
    expect(stderr).toBe('');
    expect(stdout).toContain('You are connected to database "shop" as user "bob"');
    expect(stdout).toContain('SSL connection');
  });

  test.each([
    '\\d',
    '\\d customers',
    '\\d+ orders',
    '\\dv',
    '\\df',
    '\\di',
    '\\dn+',
    '\\dt *.*',
    '\\d customer_overview',
  ])('%s shows what the database shows', async (command) => {
    const [through, straight] = [await psql('bob', 'shop', command), await direct(command)];
    expect(through.stderr).toBe('');
    expect(through.stdout).toBe(straight.stdout);
    expect(through.code).toBe(0);
  });

  test('a permitted result is what the database prints', async () => {
    const sql = 'SELECT id, status, total, ordered_at FROM orders ORDER BY id LIMIT 50';
    expect((await psql('bob', 'shop', sql)).stdout).toBe((await direct(sql)).stdout);
  });

  test('\\copy to a file carries masked values, and real ones to whom may see them', async () => {
    const file = join(directory, 'customers.csv');
    const copy = `\\copy (SELECT id, email FROM customers ORDER BY id LIMIT 3) TO '${file}' CSV HEADER`;
    const masked = await psql('bob', 'shop', copy);
    expect(masked).toMatchObject({ code: 0, stderr: '', stdout: 'COPY 3\n' });
    expect(readFileSync(file, 'utf8')).toMatch(/^id,email\n(\d,[a-z]\*\*\*@example\.(com|net|org)\n){3}$/);
    await psql('alice', 'shop', copy);
    expect(readFileSync(file, 'utf8')).toMatch(/^id,email\n(\d,[a-z.]+\d@example\.(com|net|org)\n){3}$/);
  });

  test('\\copy of a whole table carries masked values', async () => {
    const file = join(directory, 'payments.csv');
    expect(await psql('bob', 'shop', `\\copy payments TO '${file}' CSV`)).toMatchObject({
      code: 0,
      stderr: '',
    });
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(200);
    expect(readFileSync(file, 'utf8')).not.toMatch(/\d{12}/);
  });

  test('\\copy from a file fills a table', async () => {
    const file = join(directory, 'rows.csv');
    const rows = Array.from({ length: 20_000 }, (_, index) => `${index},"row ${index}"\n`);
    writeFileSync(file, rows.join(''));
    const result = await psql(
      'bob',
      'scratch',
      'CREATE TABLE imported (id int, note text)',
      `\\copy imported FROM '${file}' CSV`,
      'SELECT count(*), sum(id) FROM imported',
      'DROP TABLE imported',
    );
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('COPY 20000');
    expect(result.stdout).toContain('20000 | 199990000');
  });

  test('Ctrl-C cancels a long statement, and the session goes on', async () => {
    const terminal = await openTerminal(gate.env('bob', 'scratch'));
    terminal.type('SELECT pg_sleep(30);\n');
    await untilSleeping(gate);
    terminal.type(CTRL_C);
    await terminal.shows('canceling statement due to user request');
    terminal.type("SELECT 'still ' || 'here';\n");
    await terminal.shows('still here');
    await terminal.close();
  });

  test('Ctrl-C withdraws a statement that waits for approval, and the session goes on', async () => {
    const terminal = await openTerminal(gate.env('bob', 'shop'));
    terminal.type('DELETE FROM support_tickets;\n');
    await terminal.shows('waiting for approval apr_');
    terminal.type(CTRL_C);
    await terminal.shows('ERROR: ');
    terminal.type("SELECT 'tickets: ' || count(*) FROM support_tickets;\n");
    await terminal.shows('tickets: 100');
    await terminal.close();
    const { rows } = await gate.database.query('SELECT count(*)::int AS tickets FROM support_tickets');
    expect(rows).toEqual([{ tickets: 100 }]);
  });

  test('an error has its place in the statement, and a refusal its hint', async () => {
    const misspelt = await psql('bob', 'shop', 'SELECT emial FROM customers');
    const straight = await direct('SELECT emial FROM customers');
    expect(misspelt.stderr).toBe(straight.stderr);
    const refused = await psql('bob', 'shop', 'GRANT ALL ON customers TO PUBLIC');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/ERROR: {2}sluice: .+\n(DETAIL: .+\n)?HINT: {2}.+/);
  });

  test('many statements in one string, and transactions, work', async () => {
    const result = await psql(
      'bob',
      'scratch',
      'BEGIN; CREATE TEMP TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10); SELECT sum(a) FROM t; COMMIT;',
    );
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('55');
  });

  test('\\gdesc, \\watch, \\gexec and FETCH_COUNT work', async () => {
    const input = `\\set FETCH_COUNT 100
SELECT id FROM orders ORDER BY id;
SELECT 1 AS one, now() AS moment \\gdesc
SELECT 'SELECT 6 * 7 AS answer' \\gexec
`;
    const { code, stdout, stderr } = await runProgram('psql', ['-X', '-A', '-t'], gate.env('bob', 'shop'), {
      input,
    });
    expect(stderr).toBe('');
    expect(stdout.split('\n').filter((line) => /^\d+$/.test(line))).toHaveLength(501);
    expect(stdout).toContain('moment|timestamp with time zone');
    expect(stdout).toContain('42');
    expect(code).toBe(0);
  });
});

const CTRL_C = '\u0003';

interface PsqlTerminal {
  type(text: string): void;
  /** Resolves when `text` is on the screen, behind what was looked for before. @throws Error after 15 s */
  shows(text: string): Promise<void>;
  close(): Promise<void>;
}

/** psql on a terminal, which `script` of util-linux provides: only there does it go on after Ctrl-C. */
async function openTerminal(env: Record<string, string>): Promise<PsqlTerminal> {
  const { child, finished } = startProgram('script', ['-qfec', 'psql -X -P pager=off', '/dev/null'], env);
  let screen = '';
  child.stdout.on('data', (text: string) => {
    screen += text;
  });
  let seen = 0;
  const terminal: PsqlTerminal = {
    type: (text) => void child.stdin.write(text),
    shows: async (text) => {
      for (let attempt = 0; attempt < 300; attempt += 1) {
        const at = screen.indexOf(text, seen);
        if (at >= 0) {
          seen = at + text.length;
          return;
        }
        await sleep(50);
      }
      throw new Error(`the terminal never showed ${JSON.stringify(text)}: ${screen}`);
    },
    close: async () => {
      child.stdin.write('\\q\n');
      await finished;
    },
  };
  await terminal.shows('for help.');
  return terminal;
}

/** Waits until the database itself runs pg_sleep, so that there is something to cancel. */
async function untilSleeping(gate: CompatGate): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { rows } = await gate.database.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'`,
    );
    if (rows[0]?.count !== '0') return;
    await sleep(50);
  }
  throw new Error('the statement never reached the database');
}
