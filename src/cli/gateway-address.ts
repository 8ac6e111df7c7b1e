/** Finds the gateway's HTTP API and the caller's token. The token never comes from the command line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { GatewayStatus } from '../api/admin-api.ts';
import { isLoopback } from '../config/listen-section.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { GENERATED_CERTIFICATE_NAME } from '../identity/tls-certificates.ts';
import { askGateway, type GatewayAddress } from './api-client.ts';
import { type CliContext, configOf, type GlobalOptions, readNamedFile } from './cli-context.ts';

export interface GatewayOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly allowHttp?: true;
}

/**
 * Where to send requests, with which token.
 * @throws {SluiceError} unauthorized without a token, bad_request for an unusable URL, config_invalid
 */
export async function gatewayAddress(
  context: CliContext,
  options: GlobalOptions & GatewayOptions,
): Promise<GatewayAddress> {
  const token = tokenOf(context, options);
  const given = options.url ?? context.env.SLUICE_URL;
  const found = given === undefined ? await configuredAddress(context, options) : { url: parseUrl(given) };
  refusePlainNetwork(found.url, options);
  const ca = options.caFile === undefined ? found.ca : readNamedFile(options.caFile);
  return { url: found.url, token, ...(ca !== undefined && { ca }) };
}

function tokenOf(context: CliContext, options: GatewayOptions): string {
  const token = options.tokenFile === undefined ? context.env.SLUICE_TOKEN : readNamedFile(options.tokenFile);
  const trimmed = token?.trim() ?? '';
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new SluiceError(
    'unauthorized',
    trimmed === '' ? 'you have no token' : 'the token holds characters that no token has',
    {
      hint: 'Put a token in SLUICE_TOKEN or in a file named by --token-file; sluice token issue makes one.',
    },
  );
}

/** The gateway this configuration is of. Where the port is chosen by the system, the gateway itself says which it is. */
async function configuredAddress(
  context: CliContext,
  options: GlobalOptions,
): Promise<{ url: URL; ca?: string }> {
  const { listen, dataDir } = configOf(context, options);
  const secure = listen.http.tls.mode !== 'disable';
  const port = listen.http.port === 0 ? await portOf(listen.adminSocket) : listen.http.port;
  const host = reachable(listen.http.host);
  const url = new URL(`${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const own = secure ? readIfPresent(join(dataDir, GENERATED_CERTIFICATE_NAME)) : undefined;
  return own === undefined ? { url } : { url, ca: own };
}

async function portOf(socketPath: string): Promise<string> {
  const { listeners } = (await askGateway({ socketPath }, 'GET', '/admin/status')) as GatewayStatus;
  return listeners.http?.split(':').at(-1) ?? '0';
}

/** A listener on all addresses is on this one too. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
    return url;
  throw new SluiceError('bad_request', 'the URL of the gateway is not usable', {
    hint: 'Write it like https://gate.example.com:6480.',
  });
}

function refusePlainNetwork(url: URL, options: GatewayOptions): void {
  if (url.protocol === 'https:' || options.allowHttp || isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1')))
    return;
  throw new SluiceError('bad_request', `your token would travel to ${url.host} unencrypted`, {
    hint: 'Use https (listen.http.tls.mode: require), or pass --allow-http if the network is safe otherwise.',
  });
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The gateway's own socket, or the HTTP API. */
export interface Door {
  readonly address: GatewayAddress;
  /** Before what is asked for. */
  readonly prefix: '/v1' | '/admin';
}

/** The options by which `doorOf` chooses. */
export function doorOptions(command: Command): Command {
  return command
    .option('--url <url>', 'ask through the HTTP API, with your token (default: SLUICE_URL)')
    .option('--token-file <path>', 'the file that holds your token, for the HTTP API')
    .option('--ca-file <path>', 'the certificate to trust, for a gateway with one of its own')
    .option('--allow-http', 'send the token to another machine without encryption');
}

/** The HTTP API if there is a token or an address for it, else the socket of whoever may open it. */
export async function doorOf(context: CliContext, options: GlobalOptions & GatewayOptions): Promise<Door> {
  const { url = context.env.SLUICE_URL, tokenFile } = options;
  if (url !== undefined || tokenFile !== undefined)
    return { address: await gatewayAddress(context, options), prefix: '/v1' };
  return { address: { socketPath: configOf(context, options).listen.adminSocket }, prefix: '/admin' };
}
