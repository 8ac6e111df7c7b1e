/** `sluice token issue|list|revoke`. A token's text goes to stdout alone, so that it can be caught in a variable. */
import type { Command } from 'commander';
import type { ListedToken } from '../api/admin-api.ts';
import { printableLine } from '../html/visible-text.ts';
import type { TokenRequest } from '../identity/token-authority.ts';
import { type CliContext, configOf, durationOption, type GlobalOptions, listOption } from './cli-context.ts';
import { relativeTime, tableLines } from './table.ts';
import { withTokenDesk } from './token-desk.ts';

interface IssueOptions extends GlobalOptions {
  readonly ttl?: number;
  readonly onBehalfOf?: readonly string[];
  readonly purpose?: string;
  readonly json?: true;
}

interface ListOptions extends GlobalOptions {
  readonly all?: true;
  readonly json?: true;
}

const MAX_LISTED = 1000;

export function addTokenCommand(program: Command, context: CliContext): void {
  const token = program
    .command('token')
    .description('issue, list and revoke the tokens that clients use as passwords');
  addIssue(token, context);
  token
    .command('list')
    .description('list tokens, the newest first; never their text, which nobody has')
    .argument('[principal]', 'only the tokens of this principal')
    .option('--all', 'also those that expired or were revoked in the last 90 days')
    .option('--json', 'for programs')
    .action((principal: string | undefined, _options, command: Command) =>
      listTokens(context, command.optsWithGlobals(), principal),
    );
  token
    .command('revoke')
    .description('end a token at once, and the sessions that were opened with it')
    .argument('<id>', 'the part of the token between the underscores, as token list shows it')
    .action(async (id: string, _options, command: Command) => {
      const config = configOf(context, command.optsWithGlobals());
      await withTokenDesk(config, context.version, (desk) => desk.revokeToken(id));
      context.terminal.note(`Revoked ${id}.`);
    });
}

function addIssue(token: Command, context: CliContext): void {
  token
    .command('issue')
    .description('issue a token; its text is shown once, on stdout')
    .argument('<principal>', 'whose token it is: a name under principals in the configuration')
    .option(
      '--ttl <duration>',
      'how long it is valid, such as 15m, 1h, 7d (default: tokens.defaultTtl)',
      durationOption,
    )
    .option(
      '--on-behalf-of <principal>',
      'for whom an agent acts; repeat for a chain, nearest first',
      listOption,
    )
    .option('--purpose <text>', 'why, for policies and the record: a ticket, a sentence')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Examples:
  $ sluice token issue alice
  $ sluice token issue report-bot --on-behalf-of bob --ttl 15m --purpose "monthly report, OPS-7"
  $ PGPASSWORD=$(sluice token issue alice) psql -h 127.0.0.1 -p 6432 -U alice shop`,
    )
    .action((principal: string, _options, command: Command) =>
      issueToken(context, command.optsWithGlobals(), principal),
    );
}

async function issueToken(context: CliContext, options: IssueOptions, principal: string): Promise<void> {
  const { terminal } = context;
  const asked: TokenRequest = {
    principal,
    ...(options.onBehalfOf && { onBehalfOf: options.onBehalfOf }),
    ...(options.purpose !== undefined && { purpose: options.purpose }),
    ...(options.ttl !== undefined && { ttlMs: options.ttl }),
  };
  const issued = await withTokenDesk(configOf(context, options), context.version, (desk) =>
    desk.issueToken(asked),
  );
  if (options.json) return terminal.json(issued);
  const chain = issued.onBehalfOf.length === 0 ? '' : ` on behalf of ${issued.onBehalfOf.join(', ')}`;
  terminal.note(
    `Token ${issued.id} for ${issued.principal}${chain}, expires ${relativeTime(issued.expiresAt, context.now())}:`,
  );
  terminal.out(issued.text);
}

async function listTokens(context: CliContext, options: ListOptions, principal?: string): Promise<void> {
  const { terminal } = context;
  const now = context.now();
  const filter = {
    ...(principal !== undefined && { principal }),
    ...(!options.all && { activeAt: now }),
    limit: MAX_LISTED,
  };
  const tokens = await withTokenDesk(configOf(context, options), context.version, (desk) =>
    desk.listTokens(filter),
  );
  if (options.json) return terminal.json(tokens);
  if (tokens.length === 0) return terminal.note('There are no such tokens.');
  const rows = tokens.map((token) => [
    token.id,
    token.principal,
    token.onBehalfOf.join(', ') || '-',
    stateOf(token, now),
    printableLine(token.purpose ?? ''),
  ]);
  const heads = ['ID', 'PRINCIPAL', 'ON BEHALF OF', 'STATE', 'PURPOSE'];
  for (const line of tableLines(heads, rows, terminal.width)) terminal.out(line);
}

function stateOf(token: ListedToken, now: number): string {
  if (token.revokedAt !== undefined) return `revoked ${relativeTime(token.revokedAt, now)}`;
  const when = relativeTime(token.expiresAt, now);
  return token.expiresAt > now ? `expires ${when}` : `expired ${when}`;
}
