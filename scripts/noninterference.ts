/**
 * Plays random statements on two databases that differ only in what masks hide, for as long as one likes:
 *
 *     npm run noninterference -- --minutes 30 [--seed 1000000]
 *
 * Ends with 1 and the smallest statement that is told differently, if there is one. Put its seed into
 * tests/sql/noninterference-seeds.json together with the fix.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000));
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run noninterference -- --minutes N [--seed S]');
  process.exit(2);
}
console.log(`from seed ${seed}, for ${minutes} minutes`);
const run = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'vitest.proofs.config.ts',
    'tests/sql/noninterference.proof.ts',
  ],
  {
    cwd: new URL('..', import.meta.url),
    stdio: 'inherit',
    env: { ...process.env, SLUICE_MINUTES: String(minutes), SLUICE_SEED: String(seed) },
  },
);
process.exit(run.status ?? 1);
