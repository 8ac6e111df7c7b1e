/** `sluice approvals list|show|approve|grant|deny|cancel`: through the public HTTP API, as whoever the token says. */
import type { Command } from 'commander';
import { missingApprovals } from '../approvals/quorum.ts';
import { printableLine } from '../html/visible-text.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Preview } from '../model/preview.ts';
import { askGateway, type GatewayAddress } from './api-client.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { type GatewayOptions, gatewayAddress } from './gateway-address.ts';
import { addGrantsCommands } from './grants-commands.ts';
import { printPreview } from './preview-text.ts';
import { printRequest, type ReviewedRequest, whoText } from './request-text.ts';
import { relativeTime, tableLines } from './table.ts';

type Options = GlobalOptions &
  GatewayOptions & { readonly json?: true; readonly state?: string; readonly reason?: string };

export function addApprovalsCommand(program: Command, context: CliContext): void {
  const approvals = program
    .command('approvals')
    .description('see and answer statements that wait for approval');
  const add = (name: string, description: string) =>
    addGatewayOptions(approvals.command(name).description(description));

  add('list', 'list requests, the newest first')
    .option(
      '--state <state>',
      'pending, approved, used, denied, expired, drifted, cancelled or all',
      'pending',
    )
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  add('show', 'show all there is to know of a request')
    .argument('<id>', 'such as apr_…')
    .action((id: string, _options, command: Command) => show(context, command.optsWithGlobals(), id));
  for (const verdict of ['approve', 'deny'] as const) {
    add(verdict, verdict === 'approve' ? 'let the statement run, once' : 'refuse the statement')
      .argument('<id>', 'such as apr_…')
      .option('--reason <text>', 'why; the requester and the record get to see it')
      .action((id: string, _options, command: Command) =>
        vote(context, command.optsWithGlobals(), id, verdict),
      );
  }
  add('preview', 'run the statement, take it back, and show what it did')
    .argument('<id>', 'such as apr_…')
    .action((id: string, _options, command: Command) => preview(context, command.optsWithGlobals(), id));
  addGrantsCommands(context, add);
  add('cancel', 'take back a request of yours, or one that was made for you')
    .argument('<id>', 'such as apr_…')
    .action((id: string, _options, command: Command) => cancel(context, command.optsWithGlobals(), id));
  approvals.addHelpText(
    'after',
    `
Your token comes from SLUICE_TOKEN or --token-file, never from the command line, where others could read it.

Examples:
  $ export SLUICE_TOKEN=$(sluice token issue alice)
  $ sluice approvals list
  $ sluice approvals approve apr_k3v9x2m4q7 --reason "checked with finance"`,
  );
}

/** Where the gateway is, and as whom it is asked. */
export function addGatewayOptions(command: Command): Command {
  return command
    .option(
      '--url <url>',
      'where the gateway is, such as https://gate:6480 (default: SLUICE_URL, or the configuration)',
    )
    .option(
      '--token-file <path>',
      'the file that holds your token (default: the environment variable SLUICE_TOKEN)',
    )
    .option('--ca-file <path>', 'the certificate to trust, for a gateway with one of its own')
    .option('--allow-http', 'send the token to another machine without encryption')
    .option('--json', 'for programs');
}

async function list(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const query =
    options.state === undefined || options.state === 'all'
      ? ''
      : `?state=${encodeURIComponent(options.state)}`;
  const answer = await askGateway(await gatewayAddress(context, options), 'GET', `/v1/approvals${query}`);
  const { approvals } = answer as { approvals: ApprovalRequest[] };
  if (options.json) return terminal.json(approvals);
  if (approvals.length === 0) return terminal.note('There are no such requests that you may see.');
  const now = context.now();
  const rows = approvals.map((request) => [
    request.id,
    request.state,
    whoText(request),
    request.binding.database,
    request.state === 'pending'
      ? `expires ${relativeTime(request.expiresAt, now)}`
      : relativeTime(request.createdAt, now),
    printableLine(request.statement, 200),
  ]);
  const heads = ['ID', 'STATE', 'WHO', 'DATABASE', 'WHEN', 'STATEMENT'];
  for (const line of tableLines(heads, rows, terminal.width)) terminal.out(line);
}

async function show(context: CliContext, options: Options, id: string): Promise<void> {
  const request = (await askRequest(await gatewayAddress(context, options), 'GET', id)) as ReviewedRequest;
  if (options.json) context.terminal.json(request);
  else printRequest(context.terminal, request, context.now());
}

async function vote(
  context: CliContext,
  options: Options,
  id: string,
  verdict: 'approve' | 'deny',
): Promise<void> {
  const { terminal } = context;
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const request = await askRequest(await gatewayAddress(context, options), 'POST', id, `/${verdict}`, body);
  if (options.json) return terminal.json(request);
  const missing = missingApprovals(request);
  const waits = request.state === 'pending' && missing > 0 ? `; ${missing} more must approve` : '';
  terminal.out(`${request.id} is ${request.state}${waits}.`);
}

async function preview(context: CliContext, options: Options, id: string): Promise<void> {
  const path = `/v1/approvals/${encodeURIComponent(id)}/preview`;
  const answer = (await askGateway(await gatewayAddress(context, options), 'POST', path, {})) as Preview;
  if (options.json) context.terminal.json(answer);
  else printPreview(context.terminal, answer);
}

async function cancel(context: CliContext, options: Options, id: string): Promise<void> {
  const request = await askRequest(await gatewayAddress(context, options), 'POST', id, '/cancel', {});
  if (options.json) return context.terminal.json(request);
  context.terminal.out(`${request.id} is ${request.state}.`);
}

async function askRequest(
  address: GatewayAddress,
  method: 'GET' | 'POST',
  id: string,
  step = '',
  body?: object,
): Promise<ApprovalRequest> {
  const path = `/v1/approvals/${encodeURIComponent(id)}${step}`;
  return (await askGateway(address, method, path, body)) as ApprovalRequest;
}
