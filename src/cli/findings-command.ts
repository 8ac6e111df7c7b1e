/** `sluice findings`: what was out of the ordinary for a principal, newest first. A search of its own kind of entries. */
import type { Command } from 'commander';
import type { SearchAnswer } from '../api/audit-routes.ts';
import { printableLine } from '../html/visible-text.ts';
import { askGateway } from './api-client.ts';
import { type CliContext, countOption, type GlobalOptions } from './cli-context.ts';
import { doorOf, doorOptions, type GatewayOptions } from './gateway-address.ts';
import { tableLines, timeText } from './table.ts';

type Options = GlobalOptions & GatewayOptions & { readonly limit: number; readonly json?: true };

export function addFindingsCommand(program: Command, context: CliContext): void {
  doorOptions(program.command('findings'))
    .description('see what was out of the ordinary for a principal')
    .argument('[filter...]', 'only those, as sluice search has it: principal:report-bot since:7d')
    .option('--limit <count>', 'at most so many', countOption, 50)
    .option('--json', 'for programs: a finding a line')
    .addHelpText(
      'after',
      '\nWhat is found, and how: docs/behaviour.md. With a token, for whoever may read the audit.',
    )
    .action((words: string[], _options, command: Command) =>
      list(context, command.optsWithGlobals(), words.join(' ')),
    );
}

async function list(context: CliContext, options: Options, filter: string): Promise<void> {
  const { terminal } = context;
  const { address, prefix } = await doorOf(context, options);
  const query = new URLSearchParams({
    q: filter.trim() === '' ? 'kind:finding' : `kind:finding (${filter})`,
    limit: String(Math.max(1, Math.min(1000, options.limit))),
  });
  const { hits } = (await askGateway(address, 'GET', `${prefix}/search?${query}`)) as SearchAnswer;
  if (options.json) {
    for (const hit of hits) terminal.jsonLine(hit);
    return;
  }
  if (hits.length === 0) return terminal.note('Nothing was out of the ordinary.');
  const rows = hits.flatMap(({ at, event }) =>
    event.kind === 'finding'
      ? [
          [
            timeText(at),
            event.rule,
            printableLine(event.database),
            event.session,
            printableLine(event.what, 500),
          ],
        ]
      : [],
  );
  for (const line of tableLines(['TIME', 'RULE', 'DATABASE', 'SESSION', 'WHAT'], rows, terminal.width))
    terminal.out(line);
}
