/**
 * An index in a schema of a PostgreSQL database. One gateway writes, which a lock of its connection says; the schema belongs to one log. What somebody else
 * put there is never touched.
 */
import { SluiceError } from '../errors/sluice-error.ts';
import type { IndexPlace } from './index-storage.ts';
import { codeOf, IndexConnection, type PostgresIndexConfig } from './postgres-connection.ts';
import { PostgresReader } from './postgres-reader.ts';
import { MIGRATIONS, quotedName, SCHEMA_VERSION, TABLES } from './postgres-schema.ts';
import { PostgresWriter } from './postgres-writer.ts';

/** The class of the advisory lock; which one within it depends on the schema. */
const LOCK = 1_399_616_867;
/** Tables or columns that are not there, and what the server finds to be damaged. */
const DAMAGE: readonly (string | undefined)[] = ['42P01', '42703', 'XX001', 'XX002'];

export function postgresPlace(config: PostgresIndexConfig): IndexPlace {
  const name = `database ${config.database}, schema ${config.schema}`;
  return {
    name,
    openToWrite: (log) =>
      opened(config, async (connection) => {
        await take(connection, config, log);
        return new PostgresWriter(connection, config.schema, await madeOf(connection, config));
      }),
    openToRead: (log) =>
      opened(config, async (connection) => {
        const head = await headOf(connection, config.schema);
        if (head === undefined) throw new SluiceError('store_unavailable', 'there is no index yet');
        requireLog(head, config, log);
        if (head.version === SCHEMA_VERSION) return new PostgresReader(connection, config.schema, head.made);
        throw new SluiceError('store_unavailable', 'the index is of another version');
      }),
    clear: (log) =>
      opened(config, async (connection) => {
        await claim(connection, config, log);
        await connection.together(async () => {
          for (const table of TABLES)
            await connection.script(`DROP TABLE IF EXISTS ${quotedName(config.schema)}.${table}`);
          await make(connection, config, log);
        });
        await connection.close();
      }),
    isDamage: (cause) => DAMAGE.includes(codeOf(cause)),
  };
}

interface Head {
  readonly version: number;
  readonly log: string;
  readonly made: string;
}

/** Closes the connection if `work` fails. */
async function opened<T>(
  config: PostgresIndexConfig,
  work: (connection: IndexConnection) => Promise<T>,
): Promise<T> {
  const connection = await IndexConnection.open(config);
  try {
    return await work(connection);
  } catch (cause) {
    await connection.close();
    throw cause;
  }
}

/** Makes the index this gateway's: locked, of this log, of this version. */
async function take(connection: IndexConnection, config: PostgresIndexConfig, log: string): Promise<void> {
  if (log === '') throw new SluiceError('store_unavailable', 'the ledger has no key yet');
  const head = await claim(connection, config, log);
  if (head === undefined) {
    await requireEmpty(connection, config);
    await connection.together(() => make(connection, config, log));
    return;
  }
  await connection.together(() => migrate(connection, config.schema, head));
}

/** Locks the schema unless it is another log's: then it must not get in the way of who keeps it. @returns what there is of this log */
async function claim(
  connection: IndexConnection,
  config: PostgresIndexConfig,
  log: string,
): Promise<Head | undefined> {
  const seen = await headOf(connection, config.schema);
  if (seen !== undefined) requireLog(seen, config, log);
  await lock(connection, config);
  const head = await headOf(connection, config.schema);
  if (head !== undefined) requireLog(head, config, log);
  return head;
}

/** Held as long as the connection lasts. */
async function lock(connection: IndexConnection, { schema, database }: PostgresIndexConfig): Promise<void> {
  const sql = 'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked';
  const [row] = await connection.rows(sql, LOCK, schema);
  if (row?.locked === true) return;
  throw new SluiceError('store_unavailable', 'another gateway keeps the index', {
    detail: `in schema ${schema} of ${database}; give each gateway a schema of its own (index.postgres.schema)`,
  });
}

async function headOf(connection: IndexConnection, schema: string): Promise<Head | undefined> {
  const table = `${quotedName(schema)}.head`;
  const [found] = await connection.rows('SELECT to_regclass($1) IS NOT NULL AS is', table);
  if (found?.is !== true) return undefined;
  return (await connection.rows(`SELECT version, log, made FROM ${table}`))[0] as Head | undefined;
}

async function madeOf(connection: IndexConnection, { schema }: PostgresIndexConfig): Promise<string> {
  return (await headOf(connection, schema))?.made ?? '';
}

/** The schema is of one log for good, also while it is made anew. */
function requireLog({ log }: Head, { schema, database }: PostgresIndexConfig, wanted: string): void {
  if (log === wanted) return;
  throw new SluiceError('store_unavailable', 'the index is of another ledger', {
    detail: `in schema ${schema} of ${database}; give each gateway a schema of its own (index.postgres.schema), or drop this one`,
  });
}

async function requireEmpty(connection: IndexConnection, { schema, database }: PostgresIndexConfig) {
  const sql = `SELECT count(*) AS tables FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')`;
  const [row] = await connection.rows(sql, quotedName(schema));
  if (row?.tables === 0) return;
  throw new SluiceError('store_unavailable', 'the schema of the index holds something else', {
    detail: `schema ${schema} of ${database}; give the index a schema of its own (index.postgres.schema)`,
  });
}

/** The schema may have been made by somebody who may, for a user who may not. */
async function make(connection: IndexConnection, { schema }: PostgresIndexConfig, log: string) {
  const [row] = await connection.rows('SELECT to_regnamespace($1) IS NOT NULL AS is', quotedName(schema));
  if (row?.is !== true) await connection.script(`CREATE SCHEMA ${quotedName(schema)}`);
  for (const migration of MIGRATIONS) await connection.script(inSchema(migration, schema));
  await connection.run(
    `INSERT INTO ${quotedName(schema)}.head (version, log, made) VALUES ($1, $2, gen_random_uuid())`,
    ...[SCHEMA_VERSION, log],
  );
}

async function migrate(connection: IndexConnection, schema: string, { version }: Head) {
  if (version > SCHEMA_VERSION) {
    throw new SluiceError('store_unavailable', 'the index in the database was made by a later version', {
      detail: `it has version ${version}, and this is ${SCHEMA_VERSION}`,
    });
  }
  for (const migration of MIGRATIONS.slice(version)) await connection.script(inSchema(migration, schema));
  await connection.run(`UPDATE ${quotedName(schema)}.head SET version = $1`, SCHEMA_VERSION);
}

const inSchema = (sql: string, schema: string): string => sql.replaceAll('{s}', () => quotedName(schema));
