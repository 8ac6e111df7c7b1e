/** Runs a real client's program, direct or through a gate, and compares what it read of a structure with and without masks. */
import { expect } from 'vitest';
import type { GatewayProcess } from '../support/gateway-process.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { runProgram } from './program.ts';
import { commandOf, type RealClient } from './real-clients.ts';
import { problemWith, toolchain } from './toolchains.ts';

/** libpq's environment variables, which all programs read. */
export type ClientEnv = Record<
  'PGHOST' | 'PGPORT' | 'PGUSER' | 'PGPASSWORD' | 'PGDATABASE' | 'PGSSLMODE',
  string
>;

/** Straight to the database, as the account that the gate uses. */
export function directEnv({ connection: { host, port, user, password, database } }: TestDatabase): ClientEnv {
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGSSLMODE: 'disable',
  };
}

/** Through the gate, which is always there over TLS. */
export function gateEnv(
  { port }: GatewayProcess,
  principal: string,
  token: string,
  database: string,
): ClientEnv {
  return {
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: principal,
    PGPASSWORD: token,
    PGDATABASE: database,
    PGSSLMODE: 'require',
  };
}

/** What a configuration says of a database behind a gate. */
export function upstreamOf({ connection: { host, port, user, password, database } }: TestDatabase) {
  return { engine: 'postgres' as const, host, port, user, password, database };
}

/**
 * Whether a client's programs are there and current. Without them, tests are skipped with a warning on a laptop.
 * @throws Error in CI
 */
export function isInstalled(client: RealClient): boolean {
  const problem = problemWith(toolchain(client.toolchain));
  if (problem === undefined) return true;
  if (process.env.CI) throw new Error(problem);
  console.warn(`\n*** SKIPPED: ${client.name}: ${problem} ***\n`);
  return false;
}

/** What the program printed; it must end well. */
export async function runClient(
  client: RealClient,
  mode: 'work' | 'reflect',
  env: ClientEnv,
): Promise<string> {
  const { program, args, cwd } = commandOf(client);
  const { code, stdout, stderr } = await runProgram(program, [...args, mode], env, { cwd });
  // What it printed so far shows how far it got.
  expect(code, `${client.name} ${mode}: ${stderr}\n${stdout.slice(-1000)}`).toBe(0);
  return stdout;
}

/** Reads the shop's structure direct and as somebody who sees masks: all must be equal but the rows, which must be masked. */
export async function reflectUnderMasks(
  client: RealClient,
  direct: ClientEnv,
  masked: ClientEnv,
): Promise<void> {
  const plain = parted(await runClient(client, 'reflect', direct));
  const shown = parted(await runClient(client, 'reflect', masked));
  expect(shown.structure).toEqual(plain.structure);
  expect(plain.structure.length).toBeGreaterThan(10);
  expect(plain.rows).toHaveLength(5);
  expect(shown.rows).toHaveLength(5);
  for (const row of plain.rows) expect(row).toMatch(/^email [a-z.]+\d+@example\.(com|net|org)$/);
  for (const row of shown.rows) expect(row).toMatch(/^email .\*\*\*@example\.(com|net|org)$/);
}

function parted(text: string): { structure: readonly string[]; rows: readonly string[] } {
  const lines = text.split('\n');
  const isRow = (line: string): boolean => line.startsWith('email ');
  return { structure: lines.filter((line) => !isRow(line)), rows: lines.filter(isRow) };
}
