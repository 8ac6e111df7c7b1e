/** `sluice search`: finds entries of the ledger, over the admin socket or through the HTTP API. */
import { type Command, InvalidArgumentError } from 'commander';
import type { SearchAnswer } from '../api/audit-routes.ts';
import { printable } from '../html/visible-text.ts';
import type { Hit } from '../search/hits.ts';
import { askGateway } from './api-client.ts';
import { type CliContext, countOption, type GlobalOptions } from './cli-context.ts';
import { type Door, doorOf, doorOptions, type GatewayOptions } from './gateway-address.ts';
import { CSV_HEADS, csvLine, csvRow, TABLE_HEADS, tableRow } from './hit-columns.ts';
import { tableLines } from './table.ts';

type Format = 'table' | 'json' | 'csv';

interface Options extends GlobalOptions, GatewayOptions {
  readonly format: Format;
  readonly limit: number;
  readonly order: 'newest' | 'oldest';
  readonly cursor?: string;
  readonly all?: true;
  readonly count?: true;
}

/** What one request may bring. */
const PAGE = 1000;

export function addSearchCommand(program: Command, context: CliContext): void {
  doorOptions(program.command('search'))
    .description('find what happened: entries of the ledger, by a filter')
    .argument('[filter...]', 'such as: column:customers.balance write since:02:00')
    .option('--format <format>', 'table, json (a hit a line) or csv', formatOption, 'table')
    .option('--limit <count>', 'at most so many', countOption, 50)
    .option('--order <order>', 'newest or oldest first', orderOption, 'newest')
    .option('--cursor <cursor>', 'go on where an earlier search ended, as it said')
    .option('--all', 'all there are, whatever --limit says')
    .option('--count', 'only how many there are')
    .addHelpText(
      'after',
      `
Everything side by side must hold; "or", "not" or "-", and parentheses join them otherwise. Fields: principal, for, who, chain, agent,
database, environment, relation, column, reads, writes, function, label, masked, unmasked, command, action, decision, policy, approval,
sqlstate, outcome, purpose, client, application, session, token, form, kind, is, rows, bytes, duration, since, until, on, text.
Words without a field stand in the statement. Times are UTC. All of it: docs/search.md.

Without --url or --token-file, the gateway is asked over its admin socket. With a token you find what you did yourself, what was
done on your behalf, and all of the databases whose audit you may read (ReadAudit).

Examples:
  $ sluice search 'column:customers.balance write since:02:00'
  $ sluice search 'agent:* decision:deny since:24h' --count
  $ sluice search 'unmasked:email -principal:app since:2026-11-01' --format csv --all > reads.csv
  $ sluice search '"drop table" or is:unbounded on:yesterday'`,
    )
    .action((words: string[], _options, command: Command) =>
      search(context, command.optsWithGlobals(), words.join(' ')),
    );
}

async function search(context: CliContext, options: Options, filter: string): Promise<void> {
  const { terminal } = context;
  const door = await doorOf(context, options);
  if (options.count) {
    const { count = 0, behind } = await ask(door, { ...query(options, filter), limit: '1', count: 'true' });
    terminal.out(String(count));
    noteBehind(context, behind);
    return;
  }
  const { hits, cursor, behind } = await collect(door, options, filter);
  show(context, options.format, hits);
  if (cursor !== undefined) terminal.note(`There are more: --cursor ${printable(cursor)}`);
  noteBehind(context, behind);
}

/** As many pages as it takes. */
async function collect(door: Door, options: Options, filter: string): Promise<SearchAnswer> {
  const hits: Hit[] = [];
  let { cursor } = options;
  for (;;) {
    const left = options.all ? PAGE : Math.min(PAGE, options.limit - hits.length);
    if (left <= 0) return { hits, behind: 0, ...(cursor === undefined ? {} : { cursor }) };
    const page = await ask(door, {
      ...query(options, filter),
      limit: String(left),
      ...(cursor === undefined ? {} : { cursor }),
    });
    hits.push(...page.hits);
    cursor = page.cursor;
    if (cursor === undefined || (!options.all && hits.length >= options.limit)) return { ...page, hits };
  }
}

function query({ order }: Options, q: string): Record<string, string> {
  return { q, order };
}

async function ask({ address, prefix }: Door, parameters: Record<string, string>): Promise<SearchAnswer> {
  return (await askGateway(
    address,
    'GET',
    `${prefix}/search?${new URLSearchParams(parameters)}`,
  )) as SearchAnswer;
}

function show({ terminal }: CliContext, format: Format, hits: readonly Hit[]): void {
  if (format === 'json') for (const hit of hits) terminal.jsonLine(hit);
  else if (format === 'csv')
    for (const row of [CSV_HEADS, ...hits.map(csvRow)]) terminal.out(printable(csvLine(row)));
  else if (hits.length === 0) terminal.note('Nothing was found.');
  else for (const line of tableLines(TABLE_HEADS, hits.map(tableRow), terminal.width)) terminal.out(line);
}

function noteBehind({ terminal }: CliContext, behind: number): void {
  // A gateway at work is always some entries ahead.
  if (behind > 10_000)
    terminal.warn(`the index is still ${behind} entries behind the ledger: the newest are missing`);
}

function formatOption(text: string): Format {
  if (text === 'table' || text === 'json' || text === 'csv') return text;
  throw new InvalidArgumentError('Write table, json or csv.');
}

function orderOption(text: string): 'newest' | 'oldest' {
  if (text === 'newest' || text === 'oldest') return text;
  throw new InvalidArgumentError('Write newest or oldest.');
}
