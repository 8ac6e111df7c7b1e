/**
 * `sluice demo`: a real PostgreSQL with a small shop, the gate in front of it in this process, a token for each of three
 * principals, and what to try. With `--tour`, a scripted visit first shows what there is to see; then everything ends.
 *
 * Leaves nothing behind: no process, no file, whatever ends it. Never touches a database it did not start.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import { readEntries } from '../../ledger/read-entries.ts';
import { SealOpener } from '../../ledger/seal-keys.ts';
import { verifyLedger } from '../../ledger/verify.ts';
import { openKeyWrapper } from '../../ledger/wrapper-key-file.ts';
import { type RunningGateway, startGateway } from '../../main.ts';
import type { Preview } from '../../model/preview.ts';
import { askGateway } from '../api-client.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { entryLine } from '../ledger-text.ts';
import { previewRows, previewTable } from '../preview-text.ts';
import { Terminal } from '../terminal.ts';
import { bannerLines, type DemoPlace } from './banner.ts';
import { type EmbeddedPostgres, freePort, startEmbeddedPostgres } from './embedded-postgres.ts';
import { shownProof } from './proof-lines.ts';
import { demoConfigText } from './shop-config.ts';
import { createShop } from './shop-seed.ts';
import { Stage } from './stage.ts';
import { playTour } from './tour.ts';
import { loadDriver, visit } from './visitor.ts';

const HELP = `Usage: sluice demo [--tour]

Starts a real PostgreSQL with a small shop and the gate in front of it, and says what to try. Ctrl-C ends and removes it all.

  --tour  play a scripted visit instead, show each exchange, and exit: with 1 if one is not as it should be
  --help  this text`;

const PREFERRED_POSTGRES_PORT = 6432;
const PREFERRED_HTTP_PORT = 6480;
const TOKEN_TTL_MS = 8 * 60 * 60 * 1000;
const GATE_ROLE = 'sluice_gate';
const PASSWORD_FILE = 'database.password';

/** Runs the demo until Ctrl-C, or the tour until its end. `args` are those behind `demo`. */
export async function runDemo(args: readonly string[]): Promise<ExitCode> {
  const terminal = new Terminal(process.stdout, process.stderr, process.env);
  const options = optionsOf(args);
  if (options === undefined || options.help) {
    terminal.write(options === undefined ? 'err' : 'out', `${HELP}\n`);
    return options === undefined ? EXIT.usage : EXIT.ok;
  }
  const interrupted = nextInterrupt();
  const demo = await startDemo(terminal);
  try {
    for (const line of bannerLines(demo.place, terminal.paint, options.tour)) terminal.out(line);
    if (!options.tour) return await interrupted.then(() => EXIT.ok);
    return await Promise.race([tour(terminal, demo), interrupted.then(() => EXIT.failure)]);
  } finally {
    await demo.end();
  }
}

function optionsOf(args: readonly string[]): { tour: boolean; help: boolean } | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        tour: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch {
    return undefined;
  }
}

/** Resolves with the first signal to end; a second one ends the process at once, which takes PostgreSQL along. */
function nextInterrupt(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(EXIT.failure);
        asked = true;
        resolve();
      });
    }
  });
}

interface RunningDemo {
  readonly place: DemoPlace;
  readonly config: Config;
  end(): Promise<void>;
}

async function startDemo(terminal: Terminal): Promise<RunningDemo> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  const step = async <Result>(what: string, work: () => Promise<Result>): Promise<Result> => {
    const startedAt = performance.now();
    const result = await work();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    terminal.note(terminal.paintError('dim', `${what} … ${seconds} s`));
    return result;
  };
  const postgres = await step('Starting PostgreSQL 18', () =>
    startEmbeddedPostgres({ companionDir: directory }),
  );
  try {
    await step('Filling the shop', () => fill(postgres, directory));
    const configFile = await writeConfig(postgres, directory);
    const config = loadConfig(configFile);
    const gateway = await step('Starting the gate', () => startGate(config, directory));
    const place = await placeOf(config, configFile, postgres, gateway, directory);
    return {
      place,
      config,
      end: async () => {
        await gateway.close();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

async function fill(postgres: EmbeddedPostgres, directory: string): Promise<void> {
  const { Client } = await loadDriver();
  const password = randomBytes(18).toString('base64url');
  writeFileSync(join(directory, PASSWORD_FILE), password, { mode: 0o600 });
  await createShop(
    async (database, work) => {
      const { host, port, user, password: superuser } = postgres;
      const client = new Client({ host, port, user, password: superuser, database });
      await client.connect();
      try {
        await work(client);
      } finally {
        await client.end();
      }
    },
    { name: GATE_ROLE, password },
  );
}

async function writeConfig(postgres: EmbeddedPostgres, directory: string): Promise<string> {
  const file = join(directory, 'sluice.yaml');
  const text = demoConfigText({
    postgresPort: await freePort(PREFERRED_POSTGRES_PORT),
    httpPort: await freePort(PREFERRED_HTTP_PORT),
    upstream: { host: postgres.host, port: postgres.port, user: GATE_ROLE, passwordFile: PASSWORD_FILE },
  });
  writeFileSync(file, text);
  return file;
}

function startGate(config: Config, directory: string): Promise<RunningGateway> {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  const log = pino({ level: 'info' }, pino.destination({ dest: join(directory, 'gateway.log'), sync: true }));
  return startGateway(config, { log, version: String(manifest.version) });
}

async function placeOf(
  config: Config,
  configFile: string,
  postgres: EmbeddedPostgres,
  gateway: RunningGateway,
  directory: string,
): Promise<DemoPlace> {
  const token = (principal: string, more: object = {}): Promise<string> =>
    issueToken(config, { principal, ttlMs: TOKEN_TTL_MS, ...more });
  return {
    gate: gateway.listeners.postgres,
    http: gateway.listeners.http,
    database: `${postgres.host}:${postgres.port}`,
    directory,
    configFile,
    ledgerDir: join(config.dataDir, 'ledger'),
    tokens: {
      alice: await token('alice'),
      bob: await token('bob'),
      bot: await token('report-bot', { onBehalfOf: ['bob'], purpose: 'monthly report' }),
    },
  };
}

/** As `sluice token issue` does it: by the running gate, over its admin socket. */
async function issueToken(config: Config, asked: object): Promise<string> {
  const issued = await askGateway({ socketPath: config.listen.adminSocket }, 'POST', '/admin/tokens', asked);
  return (issued as { text: string }).text;
}

async function tour(terminal: Terminal, { place }: RunningDemo): Promise<ExitCode> {
  const stage = new Stage(terminal);
  const enter = (user: string, password: string) =>
    visit({ port: Number(place.gate.split(':').at(-1)), user, password, database: 'shop' });
  const alice = await enter('alice', place.tokens.alice);
  const bob = await enter('bob', place.tokens.bob);
  const bot = await enter('report-bot', place.tokens.bot);
  await playTour(stage, {
    alice,
    bob,
    bot,
    approveAsAlice: async (id) => {
      const address = { url: new URL(`http://${place.http}`), token: place.tokens.alice };
      await askGateway(address, 'POST', `/v1/approvals/${id}/approve`, { reason: 'checked with Bob' });
    },
    previewAsAlice: async (id) => {
      const address = { url: new URL(`http://${place.http}`), token: place.tokens.alice };
      const preview = (await askGateway(address, 'POST', `/v1/approvals/${id}/preview`, {})) as Preview;
      const rows = previewRows(preview).map(([label, text]) => `${label.padEnd(6)} ${text}`);
      return [...rows, '', ...previewTable(preview, undefined)];
    },
    ledgerLines: (principal) => linesAbout(principal, dirname(place.ledgerDir)),
    verifyLedger: () => verdictOf(place.ledgerDir),
    proveDenial: () => shownProof(place.ledgerDir),
  });
  await Promise.all([alice.leave(), bob.leave(), bot.leave()]);
  terminal.out(
    stage.failures === 0
      ? terminal.paint('green', 'Everything was as it should be. `npm run demo` lets you try it yourself.')
      : terminal.paint('red', `${stage.failures} of the claims did not hold.`),
  );
  return stage.failures === 0 ? EXIT.ok : EXIT.failure;
}

async function linesAbout(principal: string, dataDir: string): Promise<string[]> {
  const directory = join(dataDir, 'ledger');
  const wrapper = openKeyWrapper(dataDir, undefined, false);
  const opener = wrapper && (await SealOpener.open(directory, wrapper));
  const lines: string[] = [];
  const sessions = new Set<string>();
  for await (const entry of readEntries(directory, { ...(opener && { opener }) })) {
    const { event } = entry;
    if (event.kind === 'session-opened' && event.principal === principal) sessions.add(event.session);
    const concerns = event.kind === 'approval' || ('session' in event && sessions.has(event.session ?? ''));
    if (concerns) lines.push(entryLine(entry));
  }
  return lines;
}

async function verdictOf(directory: string): Promise<string> {
  const report = await verifyLedger(directory);
  if (!report.ok)
    throw new Error(`the ledger does not verify from entry ${report.fault?.seq}: ${report.fault?.reason}`);
  const { size = 0, root = '' } = report.checkpoint ?? {};
  const later = report.pending === 0 ? '' : `; ${report.pending} more wait for the next checkpoint`;
  return `ledger verified: ${report.entries} entries, signed root ${root.slice(0, 16)}… over ${size}${later}`;
}
