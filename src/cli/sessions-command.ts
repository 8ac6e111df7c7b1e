/**
 * `sluice sessions list|show|kill|clear-taint`: as administrator over the gateway's own socket, or, with `--url` or `--token-file`, through the public HTTP
 * API as whoever the token says.
 */
import type { Command } from 'commander';
import type { SessionListing } from '../api/session-routes.ts';
import { printableLine } from '../html/visible-text.ts';
import type { SessionStatus } from '../model/session.ts';
import { askGateway } from './api-client.ts';
import { type CliContext, configOf, type GlobalOptions } from './cli-context.ts';
import { doorOf, doorOptions, type GatewayOptions } from './gateway-address.ts';
import { showSession } from './session-show.ts';
import { relativeTime, tableLines } from './table.ts';

type Options = GlobalOptions & GatewayOptions & { readonly json?: true; readonly reason?: string };

export function addSessionsCommand(program: Command, context: CliContext): void {
  const sessions = program.command('sessions').description('see who is connected, and end sessions');
  const add = (name: string, description: string) =>
    doorOptions(sessions.command(name).description(description));
  add('list', 'list sessions, the oldest first')
    .option('--json', 'for programs')
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  add('show', 'replay what a session did: statements, decisions, outcomes and approvals in their places')
    .argument('<id>', 'as sessions list or a search shows it')
    .option('--follow', 'wait for more while the session lives')
    .option('--json', 'for programs: an entry a line; a statement that had not ended comes again when it has')
    .action((id: string, _options, command: Command) => showSession(context, command.optsWithGlobals(), id));
  add('kill', 'end a session; its client is told 57P01, and the ledger who asked')
    .argument('<id>', 'as sessions list shows it')
    .option('--reason <text>', 'why, for the ledger')
    .action((id: string, _options, command: Command) => kill(context, command.optsWithGlobals(), id));
  sessions
    .command('clear-taint')
    .description(
      'lift what reading untrusted text brought upon a session, and upon every other of the same reader',
    )
    .argument('<id>', 'as sessions list shows it')
    .requiredOption('--reason <text>', 'why it does no harm, for the ledger')
    .action((id: string, _options, command: Command) => clearTaint(context, command.optsWithGlobals(), id));
  sessions.addHelpText(
    'after',
    `
Without --url or --token-file (and for clear-taint always), the gateway is asked over its admin socket: whoever may open it sees and may end every session.
With a token you see your own sessions, those of agents that act for you, and all of databases that you may administer.

Examples:
  $ sluice sessions list
  $ sluice sessions show 01KAJ5QXW0M2J8S3E4T5V6W7X8 --follow
  $ sluice sessions clear-taint 01KAJ5QXW0M2J8S3E4T5V6W7X8 --reason "read the tickets myself"
  $ sluice sessions kill 01KAJ5QXW0M2J8S3E4T5V6W7X8 --reason "runs since yesterday"`,
  );
}

async function list(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const { address, prefix } = await doorOf(context, options);
  const listing = (await askGateway(address, 'GET', `${prefix}/sessions`)) as SessionListing;
  if (options.json) return terminal.json(listing);
  for (const worker of listing.silentWorkers)
    terminal.note(`Worker ${worker} did not answer: its sessions are missing.`);
  if (listing.sessions.length === 0) return terminal.note('There are no sessions that you may see.');
  const now = context.now();
  const rows = listing.sessions
    .toSorted((a, b) => a.startedAt - b.startedAt)
    .map((session) => [
      session.id,
      printableLine([session.principal, ...session.onBehalfOf].join(' for ')),
      session.database,
      session.clientAddress,
      relativeTime(session.startedAt, now),
      session.taints === undefined ? session.state : `${session.state}, tainted`,
      String(session.statements),
      bytesText(session.bytes),
      statementText(session),
    ]);
  const heads = ['ID', 'WHO', 'DATABASE', 'CLIENT', 'SINCE', 'STATE', 'STATEMENTS', 'SENT', 'STATEMENT'];
  for (const line of tableLines(heads, rows, terminal.width)) terminal.out(line);
}

async function kill(context: CliContext, options: Options, id: string): Promise<void> {
  const { address, prefix } = await doorOf(context, options);
  const body = options.reason === undefined ? {} : { reason: options.reason };
  await askGateway(address, 'POST', `${prefix}/sessions/${encodeURIComponent(id)}/kill`, body);
  context.terminal.note(`Ended ${id}.`);
}

/** Over the admin socket alone: a taint concerns every database, and nobody lifts that of their own sessions. */
async function clearTaint(context: CliContext, options: Options, id: string): Promise<void> {
  const address = { socketPath: configOf(context, options).listen.adminSocket };
  const body = { reason: options.reason };
  await askGateway(address, 'POST', `/admin/sessions/${encodeURIComponent(id)}/clear-taint`, body);
  context.terminal.note(`Cleared ${id}, and what is remembered of its reader.`);
}

function statementText({ statement, applicationName }: SessionStatus): string {
  if (statement !== undefined) return printableLine(statement, 200);
  return applicationName === '' ? '' : `(${printableLine(applicationName)})`;
}

function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit += 1) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
