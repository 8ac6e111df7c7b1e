/**
 * The keys that sign what the Bot Framework sends, as its OpenID metadata names them.
 *
 * Spec: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication#openid-metadata-document
 */
import type { BotKey } from '../../identity/bot-token.ts';
import { exchange } from './bounded-post.ts';

const TIMEOUT_MS = 10_000;

/** @throws {Error} of the network, or if what is there is not understood */
export async function fetchBotKeys(metadataUrl: string): Promise<readonly BotKey[]> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { jwks_uri: address } = await readJson(metadataUrl, signal);
  const { protocol } = new URL(metadataUrl);
  if (typeof address !== 'string' || URL.parse(address)?.protocol !== protocol)
    throw new Error('no address of keys');
  const { keys } = await readJson(address, signal);
  if (!Array.isArray(keys)) throw new Error('no keys');
  return keys.filter(isKey);
}

function isKey(key: unknown): key is BotKey {
  if (typeof key !== 'object' || key === null) return false;
  const { endorsements } = key as Record<string, unknown>;
  return endorsements === undefined || Array.isArray(endorsements);
}

async function readJson(url: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const { status, body } = await exchange({ url, method: 'GET', headers: {} }, signal);
  if (status !== 200) throw new Error(`status ${status}`);
  const value: unknown = JSON.parse(body ?? 'null');
  if (typeof value !== 'object' || value === null) throw new Error('no members');
  return value as Record<string, unknown>;
}
