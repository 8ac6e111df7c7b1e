/** Where the configuration wants the index. */
import type { IndexPlace } from './index-storage.ts';
import type { PostgresIndexConfig } from './postgres-connection.ts';
import { postgresPlace } from './postgres-place.ts';
import { embeddedPlace } from './sqlite-place.ts';

/** Plain data: it crosses threads. */
export interface PlaceConfig {
  /** The file of the embedded index. */
  readonly path: string;
  /** A database that holds the index instead. */
  readonly postgres?: PostgresIndexConfig;
}

export function placeOf({ path, postgres }: PlaceConfig): IndexPlace {
  return postgres === undefined ? embeddedPlace(path) : postgresPlace(postgres);
}
