/** A finding of a real gateway: recorded, listed, posted to a webhook, seen by policies in every process, and not by whom it is about. */
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';
import { type SignedReceiver, startSignedReceiver } from '../support/signed-receiver.ts';
import { runInProcess } from '../support/sluice-cli.ts';

const POLICY = `
@id("unusual-stops")
@reason("Something about you is out of the ordinary.")
forbid (principal == Human::"bob", action == Action::"Update", resource)
when { context.deviations.contains("relation") };
`;

const SECRET = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz';

let gate: Gate | undefined;
let receiver: SignedReceiver | undefined;
afterEach(async () => {
  await gate?.stop();
  await receiver?.close();
});

const eventually = <T>(check: () => Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 90_000, interval: 500 });

it.each([0, 1])('with %s workers', { timeout: 240_000 }, async (workers) => {
  // It is not there for what comes first, and misses nothing.
  receiver = await startSignedReceiver(SECRET, 1);
  const posted = receiver;
  gate = await startGate({
    workers,
    groups: ['auditor'],
    principals: { anna: { groups: ['auditor'] } },
    yaml: `policies: { files: [mine.cedar] }
behaviour: { learn: 6s, window: 1h, remember: 1h }
exports:
  - { name: on-call, kinds: [finding], webhook: { url: '${posted.url}', secret: { file: hook.secret } } }
`,
    files: { 'mine.cedar': POLICY, 'hook.secret': SECRET },
  });
  const running = gate;
  const bob = await running.client('bob');
  const update = () => bob.query("UPDATE orders SET status = 'late' WHERE id = 1");
  for (let count = 0; count < 25; count++)
    await bob.query('SELECT status FROM orders WHERE id = $1', [count]);
  await update();
  await new Promise((resolve) => setTimeout(resolve, 6_500));
  await bob.query('SELECT name FROM employees WHERE id = 1');
  await eventually(async () => {
    await expect(update()).rejects.toMatchObject({ message: expect.stringContaining('out of the ordinary') });
  });
  const { stdout } = await runInProcess(['findings', '--config', join(running.dataDir, '..', 'sluice.yaml')]);
  expect(stdout).toMatch(
    /relation +shop +\w{26} +bob read public\.employees for the first time in \d+ (seconds|minutes)/,
  );
  const found = async (principal: string) => {
    const { body } = await running.api(principal, 'GET', '/v1/search?q=kind:finding');
    return (body.hits as unknown[]).length;
  };
  expect([await found('anna'), await found('bob')]).toEqual([1, 0]);
  const findings = (await running.entries()).filter(({ event }) => event.kind === 'finding');
  expect(findings.map(({ event }) => event)).toMatchObject([
    { rule: 'relation', principal: 'bob', database: 'shop' },
  ]);
  const [finding] = findings;
  await eventually(async () => expect(posted.received).not.toHaveLength(0));
  // At least once: whatever else came was the same.
  expect(posted.received.slice(0, 1)).toMatchObject([
    {
      type: 'ledger.entries',
      data: [
        {
          ...finding?.event,
          ...{ kind: 'finding', seq: finding?.seq, id: finding?.id },
          what: expect.stringContaining('bob read public.employees for the first time'),
        },
      ],
    },
  ]);
  expect(posted.forged).toBe(0);
  await bob.end();
});
