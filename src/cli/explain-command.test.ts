import { expect, it } from 'vitest';
import { runInProcess } from '../../tests/support/sluice-cli.ts';

it.each(['SL002', 'sl002', 'statement_held'])('explains %s', async (code) => {
  const run = await runInProcess(['explain', code]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toMatch(
    /^statement_held {2}SQLSTATE SL002, HTTP 409\n {2}The statement needs approval.*\n {2}hint: Retry/,
  );
});

it('explains every error of a SQLSTATE that several share', async () => {
  const codes = JSON.parse((await runInProcess(['explain', '57014', '--json'])).stdout).map(
    ({ code }: { code: string }) => code,
  );
  expect(codes).toContain('cancelled');
});

it('knows what was meant', async () => {
  expect(await runInProcess(['explain', 'statement_hold'])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('Did you mean statement_held?'),
  });
});
