/**
 * Where the cases are played: one PostgreSQL, and a gate in front of it that permits everything and does all else that it does (plans,
 * decides, records). Both sides find the same database in the same state: `reset` before each play.
 */
import { type Gate, startGate } from '../../support/gate.ts';
import type { WireTarget } from '../../support/wire-client.ts';

export interface Stage {
  readonly gate: Gate;
  readonly direct: WireTarget;
  readonly through: WireTarget;
  /** Removes what a case has left behind in its schema, and large objects. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const PERMIT_ALL = 'permit(principal, action, resource);\n';

/** Every case finds this, and nothing else, where its names are looked up. */
const STAGE = `
  DROP SCHEMA IF EXISTS work CASCADE;
  CREATE SCHEMA work;
  CREATE TABLE work.accounts (id int PRIMARY KEY, owner text NOT NULL, balance numeric(10,2) NOT NULL DEFAULT 0 CHECK (balance > -1000));
  INSERT INTO work.accounts VALUES (1, 'Ada', 100), (2, 'Grace', 250.50), (3, 'Edsger', 0);
  CREATE TABLE work.transfers (id serial PRIMARY KEY, account int NOT NULL REFERENCES work.accounts, cents int);
  SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
`;

export async function startStage(yaml = ''): Promise<Stage> {
  const gate = await startGate({
    environment: 'dev',
    schema: STAGE,
    labels: { 'work.accounts': { owner: 'name', balance: 'salary' } },
    yaml: `policies:\n  defaults: false\n  files: [./permit-all.cedar]\n${yaml}`,
    files: { 'permit-all.cedar': PERMIT_ALL },
  });
  const { name, connection } = gate.database;
  await gate.database.query(`ALTER DATABASE "${name}" SET search_path = work, public`);
  const { host, port, user, password, database } = connection;
  const keeper = await gate.database.client();
  return {
    gate,
    direct: { host, port, user, password, database },
    through: {
      host: '127.0.0.1',
      port: gate.port,
      user: 'alice',
      password: await gate.token('alice'),
      database: 'shop',
    },
    reset: async () => {
      await keeper.query('SET client_min_messages = error');
      await keeper.query(STAGE);
    },
    stop: () => gate.stop(),
  };
}
