/** `sluice index status|rebuild`: the index that searches are answered from. It holds nothing that the ledger does not. */
import type { Command } from 'commander';
import { printableLine } from '../html/visible-text.ts';
import type { IndexStatus } from '../search/index-loop.ts';
import { askGateway } from './api-client.ts';
import { type CliContext, configOf, type GlobalOptions } from './cli-context.ts';
import { EXIT } from './exit-code.ts';
import { timeText } from './table.ts';

type Options = GlobalOptions & { readonly json?: true };

export function addIndexCommand(program: Command, context: CliContext): void {
  const index = program.command('index').description('the index that searches are answered from');
  index
    .command('status')
    .description('how far the index is')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExit codes:\n  0  the index goes on\n  1  it does not; the message says why')
    .action((_options, command: Command) => status(context, command.optsWithGlobals()));
  index
    .command('rebuild')
    .description('throw it away and make it anew from the ledger, while the gateway serves')
    .action((_options, command: Command) => rebuild(context, command.optsWithGlobals()));
}

async function status(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const found = (await askGateway(addressOf(context, options), 'GET', '/admin/index')) as IndexStatus;
  if (found.failure !== undefined) context.exitCode = EXIT.failure;
  if (options.json) return terminal.json(found);
  const { indexed, entries, items, at, store, failure, rebuilt } = found;
  const behind = Math.max(0, entries - indexed);
  terminal.out(`${indexed} of ${entries} entries${behind === 0 ? ', up to date' : `, ${behind} behind`}`);
  terminal.out(`${items} can be found${at === 0 ? '' : `, the last of ${timeText(at)}`}`);
  terminal.out(`kept in: ${printableLine(store)}`);
  if (rebuilt !== undefined) terminal.out(`made anew: ${rebuilt}`);
  if (failure !== undefined) terminal.warn(printableLine(failure));
}

async function rebuild(context: CliContext, options: Options): Promise<void> {
  await askGateway(addressOf(context, options), 'POST', '/admin/index/rebuild');
  context.terminal.note('The index is made anew; sluice index status says how far it is.');
}

function addressOf(context: CliContext, options: Options) {
  return { socketPath: configOf(context, options).listen.adminSocket };
}
