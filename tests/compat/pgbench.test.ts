/** pgbench, as Debian ships it, through the gate with no special settings. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompatGate, hasProgram, startCompatGate } from './gate.ts';
import { runProgram } from './program.ts';

describe.skipIf(!hasProgram('pgbench'))('pgbench', () => {
  let gate: CompatGate;
  beforeAll(async () => {
    gate = await startCompatGate();
  });
  afterAll(() => gate?.remove());

  const pgbench = (...args: string[]) => runProgram('pgbench', args, gate.env('bob', 'scratch'));

  test('-i makes and fills its tables', async () => {
    const { code, stderr } = await pgbench('-i', '-s', '1');
    expect(stderr).toContain('done in');
    expect(code).toBe(0);
    const { rows } = await gate.database.query('SELECT count(*)::int AS accounts FROM pgbench_accounts');
    expect(rows).toEqual([{ accounts: 100_000 }]);
  });

  describe.each(['simple', 'extended', 'prepared'])('-M %s', (mode) => {
    test.each([
      ['TPC-B', []],
      ['select only', ['-S']],
      ['simple update', ['-N']],
    ])('%s', async (_name, script) => {
      const { code, stdout, stderr } = await pgbench('-M', mode, '-c', '4', '-t', '100', '-n', ...script);
      expect(stderr.split('\n').filter((line) => /error|abort/i.test(line))).toEqual([]);
      expect(stdout).toContain('number of transactions actually processed: 400/400');
      expect(code).toBe(0);
    });
  });

  test('leaves the books balanced', async () => {
    const { rows } = await gate.database.query(
      `SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history) AS balanced,
              (SELECT count(*) FROM pgbench_history)::int > 0 AS used`,
    );
    expect(rows).toEqual([{ balanced: true, used: true }]);
  });
});
