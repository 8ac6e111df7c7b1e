/**
 * `sluice labels list|forget`: labels that no configuration gives to a column, because values were copied there or because it was renamed.
 * Over the gateway's own socket, or through the public HTTP API as whoever the token says.
 */
import type { Command } from 'commander';
import type { ListedLabel } from '../api/label-routes.ts';
import { printableLine } from '../html/visible-text.ts';
import { askGateway } from './api-client.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { doorOf, doorOptions, type GatewayOptions } from './gateway-address.ts';
import { relativeTime, tableLines } from './table.ts';

type Options = GlobalOptions &
  GatewayOptions & {
    readonly json?: true;
    readonly all?: true;
    readonly label?: string;
    readonly reason?: string;
  };

export function addRememberedLabels(labels: Command, context: CliContext): void {
  doorOptions(
    labels.command('list').description('list labels that columns have because of what was copied into them'),
  )
    .argument('<database>', 'a name under databases in the configuration')
    .option('--all', 'also those of the configuration, as the gateway remembers them')
    .option('--json', 'for programs')
    .action((database: string, _options, command: Command) =>
      list(context, command.optsWithGlobals(), database),
    );
  doorOptions(
    labels.command('forget').description('let go of labels that came into a column with copied values'),
  )
    .argument('<database>', 'a name under databases in the configuration')
    .argument('<column>', 'as labels list shows it: schema.table.column')
    .option('--label <label>', 'only this one')
    .option('--reason <text>', 'why, for the ledger')
    .action((database: string, column: string, _options, command: Command) =>
      forget(context, command.optsWithGlobals(), database, column),
    );
}

async function list(context: CliContext, options: Options, database: string): Promise<void> {
  const { terminal } = context;
  const { address, prefix } = await doorOf(context, options);
  const path = `${prefix}/labels/${encodeURIComponent(database)}`;
  const { labels } = (await askGateway(address, 'GET', path)) as { readonly labels: readonly ListedLabel[] };
  const shown = labels.filter(({ origin }) => options.all === true || origin.startsWith('copy:'));
  if (options.json) return terminal.json({ labels: shown });
  if (shown.length === 0) return terminal.note('No column has a label because of what was copied into it.');
  const now = context.now();
  const rows = shown.map(({ relation, column, path: keys = [], label, since, ...why }) =>
    [
      `${relation}.${[column || '(all)', ...keys].join('->')}`,
      label,
      relativeTime(since, now),
      reasonText(why, `${relation}.${column}`),
    ].map((cell) => printableLine(cell)),
  );
  for (const line of tableLines(['COLUMN', 'LABEL', 'SINCE', 'BECAUSE'], rows, terminal.width))
    terminal.out(line);
}

function reasonText({ origin, because }: Pick<ListedLabel, 'origin' | 'because'>, own: string): string {
  const [kind, source] = [origin.slice(0, origin.indexOf(':')), origin.slice(origin.indexOf(':') + 1)];
  if (kind === 'suspect') return `the name of ${source}`;
  if (kind === 'config') return source === own ? 'the configuration' : `the configuration labels ${source}`;
  return source === own ? `copied from ${because ?? 'a labelled column'}` : `follows from ${source}`;
}

async function forget(
  context: CliContext,
  options: Options,
  database: string,
  column: string,
): Promise<void> {
  const { address, prefix } = await doorOf(context, options);
  const { label, reason } = options;
  const { forgotten } = (await askGateway(
    address,
    'POST',
    `${prefix}/labels/${encodeURIComponent(database)}/forget`,
    { column, ...(label === undefined ? {} : { label }), ...(reason === undefined ? {} : { reason }) },
  )) as { readonly forgotten: readonly string[] };
  for (const one of forgotten) context.terminal.note(`Forgot ${printableLine(one)}.`);
}
