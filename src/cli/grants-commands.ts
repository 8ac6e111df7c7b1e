/** `sluice approvals grant|grants|revoke`: more than one statement with an approval. Through the public HTTP API. */
import type { Command } from 'commander';
import { boundText } from '../approvals/value-bounds.ts';
import { formatDuration, parseDurationMs } from '../config/quantity.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { printableLine } from '../html/visible-text.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AccessRight, Grant, GrantTerms } from '../model/grant.ts';
import { askGateway } from './api-client.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { type GatewayOptions, gatewayAddress } from './gateway-address.ts';
import { relativeTime, tableLines } from './table.ts';

type Options = GlobalOptions & GatewayOptions & { readonly json?: true; readonly reason?: string };
interface TermOptions {
  readonly times: string;
  readonly until: string;
  readonly rows?: string;
  readonly param?: Readonly<Record<string, string>>;
  readonly literal?: Readonly<Record<string, string>>;
}

/** @param add makes a subcommand with the options of all */
export function addGrantsCommands(
  context: CliContext,
  add: (name: string, description: string) => Command,
): void {
  add('grant', 'let statements of this shape run, several times')
    .argument('<id>', 'such as apr_…')
    .requiredOption('--times <count>', 'how often, the statement that was asked for included')
    .requiredOption('--until <duration>', 'for how long, such as 2h')
    .option('--rows <count>', 'how many rows each of them may change or return')
    .option('--param <number=bound>', 'what a parameter may be: 1=1..500, 2=paid|open, 3=*', collect, {})
    .option('--literal <number=bound>', 'the same for a literal of the statement', collect, {})
    .option('--reason <text>', 'why; the requester and the record get to see it')
    .action((id: string, _options, command: Command) => grant(context, command.optsWithGlobals(), id));
  add('grants', 'list what was granted, the newest first').action((_options, command: Command) =>
    list(context, command.optsWithGlobals()),
  );
  add('revoke', 'take a grant back')
    .argument('<grant>', 'such as grt_…')
    .option('--reason <text>', 'why')
    .action((id: string, _options, command: Command) => revoke(context, command.optsWithGlobals(), id));
}

/** Terms in words, one a line. */
export function termLines({ times, forMs, maxRows, parameters, literals }: GrantTerms): string[] {
  return [
    `${times} times within ${formatDuration(forMs)}`,
    ...(maxRows === undefined ? [] : [`at most ${maxRows} rows each`]),
    ...parameters.map((bound, index) => `$${index + 1}: ${boundText(bound)}`),
    ...literals.map((bound, index) => `literal ${index + 1}: ${boundText(bound)}`),
  ];
}

export function rightText(right: AccessRight): string {
  return 'group' in right ? `group ${right.group}` : `unmask ${right.unmask} in ${right.database}`;
}

function collect(text: string, all: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, number, bound] = /^\$?([1-9]\d{0,4})=(.*)$/s.exec(text) ?? [];
  if (number !== undefined && bound !== undefined) return { ...all, [number]: bound };
  throw new SluiceError('bad_request', `${JSON.stringify(text)} is no number=bound`, {
    hint: 'Such as 1=1..500, 2=paid|open or 3=*.',
  });
}

async function grant(context: CliContext, options: Options & TermOptions, id: string): Promise<void> {
  const { terminal } = context;
  const forMs = parseDurationMs(options.until);
  if (forMs === undefined) {
    throw new SluiceError('bad_request', '--until takes a duration', { hint: 'Such as 30m or 2h.' });
  }
  const body = {
    ...{ times: Number(options.times), forMs, parameters: options.param, literals: options.literal },
    ...(options.rows === undefined ? {} : { maxRows: Number(options.rows) }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  };
  const address = await gatewayAddress(context, options);
  const path = `/v1/approvals/${encodeURIComponent(id)}/grant`;
  const request = (await askGateway(address, 'POST', path, body)) as ApprovalRequest;
  if (options.json) return terminal.json(request);
  const given = request.grant === undefined ? '' : `, and ${request.grant} granted`;
  const waits = request.state === 'pending' ? '; others must grant the same' : '';
  terminal.out(`${request.id} is ${request.state}${given}${waits}.`);
}

async function list(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const answer = await askGateway(await gatewayAddress(context, options), 'GET', '/v1/grants');
  const { grants } = answer as { grants: Grant[] };
  if (options.json) return terminal.json(grants);
  if (grants.length === 0) return terminal.note('There are no grants that you may see.');
  printGrants(context, grants);
}

export function printGrants({ terminal, now }: CliContext, grants: readonly Grant[]): void {
  const rows = grants.map((one) => [
    one.id,
    one.state,
    [one.principal, ...one.onBehalfOf].join(' for '),
    `${one.state === 'active' ? 'until' : 'was until'} ${relativeTime(one.until, now())}`,
    one.kind === 'shape' ? `${one.used} of ${one.terms.times}` : '',
    one.kind === 'shape' ? printableLine(one.statement, 200) : rightText(one.right),
  ]);
  const heads = ['ID', 'STATE', 'WHO', 'WHEN', 'USED', 'WHAT'];
  for (const line of tableLines(heads, rows, terminal.width)) terminal.out(line);
}

/** Ends a grant of either kind. */
export async function revoke(context: CliContext, options: Options, id: string): Promise<void> {
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const path = `/v1/grants/${encodeURIComponent(id)}/revoke`;
  const revoked = (await askGateway(await gatewayAddress(context, options), 'POST', path, body)) as Grant;
  if (options.json) return context.terminal.json(revoked);
  context.terminal.out(`${revoked.id} is ${revoked.state}.`);
}
