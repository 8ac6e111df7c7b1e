/** `sluice access request|list|revoke`: what one has for a time. Through the public HTTP API, as whoever the token says. */
import type { Command } from 'commander';
import { parseDurationMs } from '../config/quantity.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { AccessRight, Grant } from '../model/grant.ts';
import { askGateway } from './api-client.ts';
import { addGatewayOptions } from './approvals-command.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { type GatewayOptions, gatewayAddress } from './gateway-address.ts';
import { printGrants, revoke } from './grants-commands.ts';

type Options = GlobalOptions & GatewayOptions & { readonly json?: true };
interface WishOptions {
  readonly group?: string;
  readonly unmask?: string;
  readonly database?: string;
  readonly for: string;
  readonly reason: string;
}

export function addAccessCommand(program: Command, context: CliContext): void {
  const access = program.command('access').description('ask for access for a time, see it, give it back');
  const add = (name: string, description: string) =>
    addGatewayOptions(access.command(name).description(description));
  add('request', 'ask for a membership, or to see values of a label')
    .option('--group <group>', 'the group to be a member of')
    .option('--unmask <label>', 'the label to see, such as email')
    .option('--database <name>', 'in which database to see it')
    .requiredOption('--for <duration>', 'for how long, such as 1h')
    .requiredOption('--reason <text>', 'why; whoever decides and the record get to see it')
    .action((_options, command: Command) => request(context, command.optsWithGlobals()));
  add('list', 'list what is lent and was lent, the newest first').action((_options, command: Command) =>
    list(context, command.optsWithGlobals()),
  );
  add('revoke', 'end access before its time')
    .argument('<grant>', 'such as grt_…')
    .option('--reason <text>', 'why')
    .action((id: string, _options, command: Command) => revoke(context, command.optsWithGlobals(), id));
  access.addHelpText(
    'after',
    `
Sessions have it from the moment it is approved, and lose it when its time is over, in mid-session.

Examples:
  $ sluice access request --group dba --for 1h --reason "INC-7: stuck jobs"
  $ sluice access request --unmask email --database shop --for 30m --reason "bounced mails"`,
  );
}

async function request(context: CliContext, options: Options & WishOptions): Promise<void> {
  const { terminal } = context;
  const forMs = parseDurationMs(options.for);
  if (forMs === undefined) {
    throw new SluiceError('bad_request', '--for takes a duration', { hint: 'Such as 30m or 1h.' });
  }
  const body = { ...rightOf(options), forMs, reason: options.reason };
  const asked = (await askGateway(
    await gatewayAddress(context, options),
    'POST',
    '/v1/access',
    body,
  )) as ApprovalRequest;
  if (options.json) return terminal.json(asked);
  terminal.out(`${asked.id} is ${asked.state}; members of ${asked.rule.groups.join(' or ')} answer it.`);
}

function rightOf({ group, unmask, database }: WishOptions): AccessRight {
  if (group !== undefined && unmask === undefined && database === undefined) return { group };
  if (group === undefined && unmask !== undefined && database !== undefined) return { unmask, database };
  throw new SluiceError('bad_request', 'say either --group, or --unmask with --database');
}

async function list(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const answer = await askGateway(await gatewayAddress(context, options), 'GET', '/v1/access');
  const { access } = answer as { access: Grant[] };
  if (options.json) return terminal.json(access);
  if (access.length === 0) return terminal.note('No access is lent that you may see.');
  printGrants(context, access);
}
