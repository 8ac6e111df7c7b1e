#!/usr/bin/env node
/** The executable. */
import { readFileSync } from 'node:fs';
import { runCli } from './program.ts';
import { Terminal } from './terminal.ts';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

// Whoever reads us may stop early (`sluice ledger show | head`): that is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: new Terminal(process.stdout, process.stderr, process.env),
  env: process.env,
  readStdin: async () => (process.stdin.isTTY ? undefined : (await process.stdin.toArray()).join('')),
  now: Date.now,
  version: manifest.version,
  exitCode: 0,
});
