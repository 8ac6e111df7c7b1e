/**
 * `sluice budgets [principal]`: as administrator over the gateway's own socket, or, with `--url` or `--token-file`, through the public HTTP
 * API as whoever the token says.
 */
import type { Command } from 'commander';
import { formatBytes, formatDuration } from '../config/quantity.ts';
import { printableLine } from '../html/visible-text.ts';
import type { BudgetStatus } from '../model/budget.ts';
import { askGateway } from './api-client.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { doorOf, doorOptions, type GatewayOptions } from './gateway-address.ts';
import { relativeTime, tableLines } from './table.ts';

type Options = GlobalOptions & GatewayOptions & { readonly json?: true };

export function addBudgetsCommand(program: Command, context: CliContext): void {
  doorOptions(program.command('budgets').description('show what is used of budgets, and what is left'))
    .argument('[principal]', 'whose; without it, every share of which something is used')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Without --url or --token-file, the gateway is asked over its admin socket. With a token you see your own, and those of everybody if
you may administer every database.

Examples:
  $ sluice budgets
  $ sluice budgets report-bot`,
    )
    .action((principal: string | undefined, _options, command: Command) =>
      list(context, command.optsWithGlobals(), principal),
    );
}

async function list(context: CliContext, options: Options, principal: string | undefined): Promise<void> {
  const { terminal } = context;
  const { address, prefix } = await doorOf(context, options);
  const query = principal === undefined ? '' : `?principal=${encodeURIComponent(principal)}`;
  const answer = (await askGateway(address, 'GET', `${prefix}/budgets${query}`)) as {
    readonly budgets: readonly BudgetStatus[];
  };
  if (options.json) return terminal.json(answer);
  const { budgets } = answer;
  if (budgets.length === 0)
    return terminal.note(principal === undefined ? 'Nothing is used of any budget.' : 'No budget applies.');
  const now = context.now();
  const rows = budgets
    .toSorted((a, b) => a.left / Math.max(1, a.limit) - b.left / Math.max(1, b.limit))
    .map((share) => [
      share.budget,
      wholeText(share),
      share.count,
      amountText(share, share.used),
      amountText(share, share.left),
      `${amountText(share, share.limit)} in ${formatDuration(share.windowMs)}`,
      share.refillsAt === undefined ? '' : relativeTime(share.refillsAt, now),
    ]);
  const heads = ['BUDGET', 'WHOSE', 'COUNTS', 'USED', 'LEFT', 'LIMIT', 'MORE'];
  for (const line of tableLines(heads, rows, terminal.width)) terminal.out(line);
}

function wholeText({ principal, database, label, session }: BudgetStatus): string {
  const parts = [principal, database, label, session].filter((part) => part !== undefined);
  return parts.length === 0 ? 'everybody' : printableLine(parts.join(' '));
}

function amountText({ count }: BudgetStatus, amount: number): string {
  return count === 'bytes' ? formatBytes(amount) : String(amount);
}
