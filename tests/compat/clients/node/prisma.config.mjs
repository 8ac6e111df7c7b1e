/**
 * Prisma's schema engine as WebAssembly, on its driver adapter: no binary has to be downloaded. The adapter does not read the types
 * "char" and name, which the engine's own introspection asks for; the two classes here do, and change nothing of what is sent.
 */
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { defineConfig } from 'prisma/config';
import { config } from './canon.mjs';

// The engine's time limit for its advisory lock is never taken back, and would keep the process for a minute.
const { setTimeout } = globalThis;
globalThis.setTimeout = (act, ms, ...rest) => {
  const timer = setTimeout(act, ms, ...rest);
  return ms === 60_000 ? timer.unref() : timer;
};

const [CHAR, NAME, TEXT, NAME_ARRAY, TEXT_ARRAY, UUID] = [18, 19, 25, 1003, 1009, 2950];
// No introspection yields a UUID: it stands for "char" until the adapter has read the result.
const READ_AS = new Map([
  [CHAR, UUID],
  [NAME, TEXT],
  [NAME_ARRAY, TEXT_ARRAY],
]);

async function readable(answer) {
  const result = await answer;
  for (const field of result.fields ?? [])
    field.dataTypeID = READ_AS.get(field.dataTypeID) ?? field.dataTypeID;
  return result;
}

class Client extends pg.Client {
  query(...args) {
    const answer = super.query(...args);
    return answer instanceof Promise ? readable(answer) : answer;
  }
}

class Pool extends pg.Pool {
  query(...args) {
    return readable(super.query(...args));
  }
}

class Adapter extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      result.columnTypes = result.columnTypes.map((type) =>
        type === ColumnTypeEnum.Uuid ? ColumnTypeEnum.Character : type,
      );
      return result;
    };
    return adapter;
  }
}

export default defineConfig({
  schema: process.env.PRISMA_SCHEMA ?? 'schema.prisma',
  experimental: { adapter: true },
  engine: 'js',
  adapter: async () =>
    new Adapter(new Pool({ ...config, Client, allowExitOnIdle: true }), { disposeExternalPool: true }),
});
