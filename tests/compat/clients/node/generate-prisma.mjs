/** Writes Prisma's client into `generated/`. Needs no database: the address only has to be there. */
import { spawnSync } from 'node:child_process';

const nowhere = {
  PGHOST: 'localhost',
  PGPORT: '1',
  PGUSER: 'u',
  PGPASSWORD: 'p',
  PGDATABASE: 'd',
  PGSSLMODE: 'disable',
};
const { status } = spawnSync('node', ['node_modules/prisma/build/index.js', 'generate'], {
  stdio: 'inherit',
  env: { ...process.env, ...nowhere, DATABASE_URL: 'postgres://localhost:1/d', CHECKPOINT_DISABLE: '1' },
});
process.exitCode = status ?? 1;
