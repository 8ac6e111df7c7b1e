/**
 * One real PostgreSQL 18 for a whole vitest run, on a free port and in a temporary directory, so that any number of
 * runs can go on beside each other. Tests get at it through `inject('postgres')`, or better `createDatabase()` of
 * `./postgres.ts`.
 */
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';

/** How to reach the server as superuser. */
export interface ProvidedPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The maintenance database; tests make their own. */
  readonly database: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: ProvidedPostgres;
  }
}

/** On top of those of the demo: two-phase commit, and tablespaces without directories. */
const SETTINGS = { max_prepared_transactions: '10', allow_in_place_tablespaces: 'on' };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startEmbeddedPostgres({ settings: SETTINGS });
  const { host, port, user, password } = server;
  project.provide('postgres', { host, port, user, password, database: 'postgres' });
  return () => server.stop();
}
