/** `sluice check`: what would the gate do with a statement? Runs nothing. */

import { type Command, Option } from 'commander';
import { factRows, reachRows, type TextRow } from '../approvals/fact-rows.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { printable } from '../html/visible-text.ts';
import type { Outcome } from '../model/decision.ts';
import type { CheckedStatement, CheckQuery, CheckReport } from '../session/check-report.ts';
import { askGateway } from './api-client.ts';
import { type Finding, failureFinding, findingsOf, githubAnnotations, sarifLog } from './check-formats.ts';
import { type CliContext, configOf, type GlobalOptions, listOption, readNamedFile } from './cli-context.ts';
import { exitCodeOf } from './exit-code.ts';
import { decisionRows } from './facts-text.ts';
import type { Style, Terminal } from './terminal.ts';

interface CheckOptions extends GlobalOptions {
  readonly as: string;
  readonly database: string;
  readonly onBehalfOf?: readonly string[];
  readonly purpose?: string;
  readonly file?: string;
  readonly gateway?: true;
  readonly format: (typeof FORMATS)[number];
  readonly json?: true;
}

const FORMATS = ['text', 'json', 'sarif', 'github'] as const;

const OUTCOME_STYLES: Readonly<Record<Outcome, Style>> = { allow: 'green', hold: 'yellow', deny: 'red' };

export function addCheckCommand(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('say what the gate would do with a statement, and why; runs nothing')
    .argument('[sql]', 'the statement; read from --file or stdin if left out')
    .requiredOption('--as <principal>', 'who would send it')
    .requiredOption('--database <name>', 'where: a name under databases in the configuration')
    .option(
      '--on-behalf-of <principal>',
      'for whom an agent would act; repeat for a chain, nearest first',
      listOption,
    )
    .option('--purpose <text>', 'why, as a token would say')
    .option('--file <path>', 'read the statement from a file')
    .option(
      '--gateway',
      'ask the running gateway, with its policies as loaded, instead of reading the files anew',
    )
    .addOption(
      new Option('--format <format>', 'text for people; json; sarif or github for code hosts')
        .choices(FORMATS)
        .default('text'),
    )
    .option('--json', 'the same as --format json')
    .addHelpText(
      'after',
      `
Exit codes:
  0  every statement would run
  3  one needs approval
  4  one would be refused
  1  it cannot be decided (a syntax error, the database is down, …)
  2  the command line is wrong

Examples:
  $ sluice check --as bob --database shop "SELECT email FROM customers"
  $ sluice check --as report-bot --on-behalf-of bob --database shop --file migration.sql --json
  $ sluice check --as deploy --database shop --file migration.sql --format github`,
    )
    .action((sql: string | undefined, _options, command: Command) =>
      check(context, command.optsWithGlobals(), sql, (message) => command.error(message)),
    );
}

async function check(
  context: CliContext,
  options: CheckOptions,
  argument: string | undefined,
  refuseUsage: (message: string) => never,
): Promise<void> {
  if (argument !== undefined && options.file !== undefined)
    refuseUsage('error: give the statement once: as argument or by --file');
  const sql =
    argument ?? (options.file === undefined ? await context.readStdin() : readNamedFile(options.file));
  if (sql === undefined) refuseUsage('error: give a statement as argument, by --file or on stdin');
  const query = {
    principal: options.as,
    database: options.database,
    sql,
    ...(options.onBehalfOf && { onBehalfOf: options.onBehalfOf }),
    ...(options.purpose !== undefined && { purpose: options.purpose }),
  };
  const format = options.json ? 'json' : options.format;
  const file = options.file ?? 'stdin.sql';
  try {
    const report = await decide(context, options, query);
    context.exitCode = exitCodeOf(report.statements.map(({ decision }) => decision.outcome));
    if (format === 'json') context.terminal.json(report);
    else if (format === 'text') printReport(context.terminal, report, sql);
    else printFindings(context, format, findingsOf(report, sql), file);
  } catch (thrown) {
    // Code hosts show what is wrong beside the line that is.
    if (thrown instanceof SluiceError && (format === 'sarif' || format === 'github'))
      printFindings(context, format, failureFinding(thrown, sql), file);
    throw thrown;
  }
}

function printFindings(
  { terminal, version }: CliContext,
  format: 'sarif' | 'github',
  findings: readonly Finding[],
  file: string,
): void {
  if (format === 'sarif') terminal.json(sarifLog(findings, file, version));
  else for (const line of githubAnnotations(findings, file)) terminal.out(printable(line));
}

async function decide(context: CliContext, options: CheckOptions, query: CheckQuery): Promise<CheckReport> {
  if (options.gateway) {
    const { listen } = configOf(context, options);
    return (await askGateway(
      { socketPath: listen.adminSocket },
      'POST',
      '/admin/check',
      query,
    )) as CheckReport;
  }
  const config = configOf(context, options, 'read');
  const { openStatementChecker } = await import('../gateway/postgres/statement-check.ts');
  const checker = await openStatementChecker(config);
  try {
    return await checker.check(query);
  } finally {
    await checker.close();
  }
}

function printReport(terminal: Terminal, report: CheckReport, sql: string): void {
  if (report.statements.length === 0) terminal.out('The text holds no statement.');
  for (const statement of report.statements) printStatement(terminal, statement);
  if (report.rewritten === sql) return;
  terminal.out(terminal.paint('bold', 'sent to the database instead'));
  terminal.out(indented(report.rewritten));
}

function printStatement(terminal: Terminal, { text, facts, decision, blastRadius }: CheckedStatement): void {
  terminal.out(terminal.paint(OUTCOME_STYLES[decision.outcome], decision.outcome));
  terminal.out(indented(text));
  terminal.out();
  printRows(terminal, [...factRows(facts), ...reachRows(blastRadius), ...decisionRows(decision)]);
  terminal.out();
}

/** Labels in one column, texts in the next; a label that repeats is shown once. */
export function printRows(terminal: Terminal, rows: readonly TextRow[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  let last = '';
  for (const [label, text] of rows) {
    const shown = (label === last ? '' : label).padEnd(width);
    terminal.out(`  ${terminal.paint('dim', shown)}  ${printable(text).replaceAll('\n', ' ')}`);
    last = label;
  }
}

function indented(text: string): string {
  return printable(text.trim())
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
