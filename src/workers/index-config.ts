/** How the configuration's `index` section becomes a place. */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { IndexDatabase } from '../config/index-database.ts';
import type { PlaceConfig } from '../search/index-place.ts';

export function indexPlace({ dataDir, index }: Pick<Config, 'dataDir' | 'index'>): PlaceConfig {
  const path = join(dataDir, 'index', 'index.db');
  return index.postgres === undefined ? { path } : { path, postgres: databaseConfig(index.postgres) };
}

function databaseConfig({ password, tls, ...database }: IndexDatabase): NonNullable<PlaceConfig['postgres']> {
  const { mode, ca, keyPair } = tls;
  return {
    ...database,
    ...(password === undefined ? {} : { password: password.reveal() }),
    tls: {
      mode,
      ...(ca === undefined ? {} : { ca }),
      ...(keyPair === undefined ? {} : { cert: keyPair.cert, key: keyPair.key.reveal() }),
    },
  };
}
