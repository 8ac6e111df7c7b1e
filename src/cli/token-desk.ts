/**
 * Where tokens are issued from the command line: by the gateway, over its admin socket, while it runs; otherwise in the data
 * directory itself, under its lock. Two processes never write one ledger.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ListedToken, TokenDesk } from '../api/admin-api.ts';
import type { Config } from '../config/config.ts';
import { loadInstallationSecret, prepareDataDir } from '../identity/installation-secret.ts';
import { type IssuedToken, TokenAuthority } from '../identity/token-authority.ts';
import { Ledger } from '../ledger/ledger.ts';
import { runSequencer } from '../ledger/start-sequencer.ts';
import { openStore } from '../store/store.ts';
import { askGateway, NobodyListens } from './api-client.ts';

/** Does `work` at whichever desk is open, and closes it. */
export async function withTokenDesk<T>(
  config: Config,
  version: string,
  work: (desk: TokenDesk) => Promise<T>,
): Promise<T> {
  try {
    return await work(socketDesk(config.listen.adminSocket));
  } catch (thrown) {
    if (!(thrown instanceof NobodyListens)) throw thrown;
  }
  return atOwnDesk(config, version, work);
}

function socketDesk(socketPath: string): TokenDesk {
  const ask = (method: 'GET' | 'POST', path: string, body?: object) =>
    askGateway({ socketPath }, method, path, body);
  return {
    issueToken: async (asked) => (await ask('POST', '/admin/tokens', asked)) as IssuedToken,
    revokeToken: async (id) => void (await ask('POST', `/admin/tokens/${encodeURIComponent(id)}/revoke`)),
    listTokens: async ({ principal, activeAt }) => {
      const query = new URLSearchParams({
        all: String(activeAt === undefined),
        ...(principal && { principal }),
      });
      return ((await ask('GET', `/admin/tokens?${query}`)) as { tokens: ListedToken[] }).tokens;
    },
  };
}

/** @throws {SluiceError} ledger_locked if a gateway holds the directory after all */
async function atOwnDesk<T>(
  config: Config,
  version: string,
  work: (desk: TokenDesk) => Promise<T>,
): Promise<T> {
  prepareDataDir(config.dataDir);
  const directory = join(config.dataDir, 'ledger');
  // What is recorded here is published here, as a gateway would; but only the gateway has the keys of an object storage.
  const { origin, tiles } = config.ledger;
  const sequencer = tiles === undefined ? await runSequencer({ directory, origin }, () => {}) : undefined;
  try {
    const ledger = await Ledger.open({ directory, version });
    try {
      return await atOpenDesk(config, ledger, work);
    } finally {
      await ledger.close();
    }
  } finally {
    await sequencer?.close();
  }
}

async function atOpenDesk<T>(
  config: Config,
  ledger: Ledger,
  work: (desk: TokenDesk) => Promise<T>,
): Promise<T> {
  const store = await openStore(join(config.dataDir, 'store.db'));
  try {
    return await work(
      new TokenAuthority({
        store: store.tokens,
        principals: config.principals,
        tokens: config.tokens,
        installationSecret: loadInstallationSecret(config.dataDir, randomBytes),
        record: (event) => ledger.durable(ledger.append(event)),
        now: Date.now,
        randomBytes,
      }),
    );
  } finally {
    await store.close();
  }
}
