/**
 * `sluice labels discover`: looks at names and samples of values, proposes labels, and writes those that are accepted into the
 * configuration. Values are looked at on this machine only; what is shown of them is masked.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { SluiceError } from '../errors/sluice-error.ts';
import { sampleTables } from '../gateway/postgres/label-sampling.ts';
import { printable } from '../html/visible-text.ts';
import { discoverLabels, type LabelProposal } from '../masking/discovery/discover-labels.ts';
import {
  type CliContext,
  configOf,
  configPath,
  countOption,
  type GlobalOptions,
  listOption,
} from './cli-context.ts';
import { addFoundLabels } from './found-labels.ts';
import { addLabels } from './labels-writing.ts';
import { addRememberedLabels } from './remembered-labels.ts';
import { tableLines } from './table.ts';

interface DiscoverOptions extends GlobalOptions {
  readonly schema?: readonly string[];
  readonly rows: number;
  readonly region?: string;
  readonly minConfidence: number;
  readonly accept?: readonly string[];
  readonly json?: true;
}

export function addLabelsCommand(program: Command, context: CliContext): void {
  const labels = program.command('labels').description('find out what columns hold');
  addRememberedLabels(labels, context);
  addFoundLabels(labels, context);
  labels
    .command('discover')
    .description(
      'sample a database and propose labels for its columns; changes the configuration only with --accept',
    )
    .argument('<database>', 'a name under databases in the configuration')
    .option('--schema <name>', 'only this schema; may be repeated', listOption)
    .option('--rows <count>', 'rows to look at in each table', countOption, 500)
    .option('--region <country>', 'where phone numbers without a country code are from, such as DE')
    .option('--min-confidence <percent>', 'leave out what is less certain', countOption, 50)
    .option(
      '--accept <what>',
      'write labels into the configuration: all, certain (90 % and more), or table.column, …; may be repeated',
      listOption,
    )
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Samples are read in read-only transactions with a time-out, and stay on this machine. Examples are masked: letters as x, digits as 9.

Examples:
  $ sluice labels discover shop
  $ sluice labels discover shop --accept certain
  $ sluice labels discover shop --accept public.customers.email,public.customers.phone`,
    )
    .action((database: string, _options, command: Command) =>
      discover(context, database, command.optsWithGlobals()),
    );
}

async function discover(context: CliContext, name: string, options: DiscoverOptions): Promise<void> {
  const { terminal } = context;
  const config = configOf(context, options, 'read');
  const database = config.databases.get(name);
  if (database === undefined) throw new SluiceError('unknown_database', `database "${name}" does not exist`);
  const proposals: LabelProposal[] = [];
  const progress = terminal.progress();
  let columns = 0;
  for await (const table of sampleTables(database.upstream, {
    rows: Math.min(options.rows, 10_000),
    schemas: options.schema ?? [],
    skip: new Set([
      ...database.decided,
      ...database.labels.map(({ relation, column }) => `${relation}.${column}`),
    ]),
  })) {
    columns += table.columns.length;
    proposals.push(
      ...discoverLabels(table.columns, {
        minConfidence: options.minConfidence / 100,
        ...(options.region === undefined ? {} : { region: options.region.toUpperCase() }),
      }),
    );
    if (table.problem !== undefined)
      terminal.warn(`${table.relation}: ${table.problem}; judged by names alone`);
    progress.show(table.done, table.total, table.relation);
  }
  progress.end();
  const accepted = acceptedOf(proposals, options.accept ?? []);
  if (options.json) terminal.json({ columns, proposals, accepted });
  else printProposals(context, columns, proposals);
  if (accepted.length > 0) accept(context, options, name, accepted);
  else if (!options.json && proposals.length > 0)
    terminal.note('Nothing is changed. --accept all, certain or a list writes them into the configuration.');
}

function printProposals(
  { terminal }: CliContext,
  columns: number,
  proposals: readonly LabelProposal[],
): void {
  if (proposals.length === 0)
    terminal.out(`Nothing personal was found in ${columns} columns without a label.`);
  if (proposals.length === 0) return;
  const rows = proposals.map(({ relation, column, path, label, confidence, evidence, examples }) =>
    [
      `${relation}.${column}${path === undefined ? '' : `->${path.join('->')}`}`,
      label,
      `${Math.round(confidence * 100)} %`,
      evidence.join('; '),
      examples.join('  '),
    ].map((cell) => printable(cell).replaceAll('\n', ' ')),
  );
  for (const line of tableLines(
    ['COLUMN', 'LABEL', 'SURE', 'BECAUSE', 'EXAMPLES, MASKED'],
    rows,
    terminal.width,
  ))
    terminal.out(line);
}

const CERTAIN = 0.9;

/** @throws {SluiceError} bad_request for a column that was not proposed */
function acceptedOf(
  proposals: readonly LabelProposal[],
  wanted: readonly string[],
): readonly LabelProposal[] {
  const columnOf = ({ relation, column, path = [] }: LabelProposal) =>
    `${relation}.${[column, ...path].join('->')}`;
  for (const name of wanted) {
    if (name !== 'all' && name !== 'certain' && !proposals.some((one) => columnOf(one) === name))
      throw new SluiceError('bad_request', `no label is proposed for ${JSON.stringify(name)}`, {
        hint: 'Name columns as they are listed: schema.table.column.',
      });
  }
  return proposals.filter(
    (one) =>
      wanted.includes('all') ||
      (wanted.includes('certain') && one.confidence >= CERTAIN) ||
      wanted.includes(columnOf(one)),
  );
}

function accept(
  context: CliContext,
  options: GlobalOptions,
  database: string,
  accepted: readonly LabelProposal[],
): void {
  const path = configPath(context, options);
  const { text, added } = addLabels(readFileSync(path, 'utf8'), database, accepted);
  if (added > 0) writeFileSync(path, text);
  context.terminal.note(`${added} labels written to ${path}. Restart the gateway to apply them.`);
}
