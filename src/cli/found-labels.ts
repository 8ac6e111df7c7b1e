/**
 * `sluice labels found`: unlabelled columns in whose results a scan saw what looks personal, from the ledger, newest first. Changes
 * nothing; as `sluice search`, over the gateway's own socket or through the HTTP API.
 */
import type { Command } from 'commander';
import type { SearchAnswer } from '../api/audit-routes.ts';
import { printableLine } from '../html/visible-text.ts';
import { filterValue } from '../report/filter-text.ts';
import { askGateway } from './api-client.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { type Door, doorOf, doorOptions, type GatewayOptions } from './gateway-address.ts';
import { relativeTime, tableLines } from './table.ts';

type Options = GlobalOptions & GatewayOptions & { readonly json?: true };

/** What a scan saw. */
interface FoundLabel {
  /** `schema.table.column`, or `(computed)`. */
  readonly column: string;
  readonly label: string;
  /** Milliseconds since the epoch: when it was seen last. */
  readonly at: number;
}

/** What one request may bring. */
const PAGE = 1000;

export function addFoundLabels(labels: Command, context: CliContext): void {
  doorOptions(
    labels
      .command('found')
      .description(
        'list unlabelled columns whose results held what looks personal, where scan looks at them',
      ),
  )
    .argument('<database>', 'a name under databases in the configuration')
    .option('--json', 'for programs')
    .action((database: string, _options, command: Command) =>
      list(context, command.optsWithGlobals(), database),
    );
}

async function list(context: CliContext, options: Options, database: string): Promise<void> {
  const { terminal } = context;
  const found = await allFound(await doorOf(context, options), database);
  if (options.json) return terminal.json({ found });
  if (found.length === 0) return terminal.note('No scan has seen anything personal in unlabelled columns.');
  const now = context.now();
  const rows = found.map(({ column, label, at }) =>
    [column, label, relativeTime(at, now)].map((cell) => printableLine(cell)),
  );
  for (const line of tableLines(['COLUMN', 'LOOKS LIKE', 'SEEN'], rows, terminal.width)) terminal.out(line);
}

/** Each column and label once, although every process of a gateway may have reported it. */
async function allFound({ address, prefix }: Door, database: string): Promise<FoundLabel[]> {
  const found = new Map<string, FoundLabel>();
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      q: `kind:label database:${filterValue(database)}`,
      limit: String(PAGE),
    });
    if (cursor !== undefined) query.set('cursor', cursor);
    const page = (await askGateway(address, 'GET', `${prefix}/search?${query}`)) as SearchAnswer;
    for (const { at, event } of page.hits) {
      if (event.kind !== 'label' || event.step !== 'found') continue;
      for (const text of event.columns) {
        const colon = text.lastIndexOf(':');
        if (!found.has(text))
          found.set(text, { column: text.slice(0, colon), label: text.slice(colon + 1), at });
      }
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...found.values()];
}
