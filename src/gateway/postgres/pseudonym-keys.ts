/**
 * Gives each database a key for digests of its rows; and those whose masks make pseudonyms the key for them, as settings of each session.
 */
import { createHmac } from 'node:crypto';
import type { Config, DatabaseConfig } from '../../config/config.ts';
import { Secret } from '../../config/secret.ts';
import { parseMask } from '../../masking/mask-text.ts';
import { maskKey, maskKeySettings } from '../../sql/postgres/mask-key.ts';

/** The configuration with the keys in it. @param installationSecret 32 bytes: whoever loses it gets other pseudonyms */
export function withPseudonymKeys(config: Config, installationSecret: Buffer): Config {
  const keyed = (one: DatabaseConfig): DatabaseConfig => {
    const database = { ...one, rowKey: rowKey(installationSecret, one.name) };
    if (!Object.values(database.masks).some((text) => parseMask(text).kind === 'hash')) return database;
    const settings = maskKeySettings(maskKey(installationSecret, database.name));
    const sessionSettings = new Map([...settings].map(([name, value]) => [name, new Secret(value)]));
    return { ...database, upstream: { ...database.upstream, sessionSettings } };
  };
  return { ...config, databases: new Map([...config.databases].map(([name, one]) => [name, keyed(one)])) };
}

function rowKey(installationSecret: Buffer, database: string): Secret {
  return new Secret(
    createHmac('sha256', installationSecret).update(`previewed rows\0${database}`).digest('hex'),
  );
}
