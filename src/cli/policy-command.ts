/** `sluice policy validate|test|explain|replay`: what policies say, before they say it to anybody. Changes nothing. */

import type { Command } from 'commander';
import { factRows } from '../approvals/fact-rows.ts';
import type { Config } from '../config/config.ts';
import { readPolicyTexts } from '../config/policy-files.ts';
import { printable } from '../html/visible-text.ts';
import { BUDGET_COUNTS } from '../model/standing.ts';
import type { AtomExplanation } from '../policy/engine.ts';
import type { KnownNames, LintFinding } from '../policy/lint.ts';
import type { SupposedStanding } from '../session/check-report.ts';
import { printRows } from './check-command.ts';
import { type CliContext, configOf, type GlobalOptions, listOption, readNamedFile } from './cli-context.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { decisionRows } from './facts-text.ts';
import { type CaseResult, parseCases, runCases } from './policy-cases.ts';
import { addPolicyReplayCommand } from './policy-replay-command.ts';

export function addPolicyCommand(program: Command, context: CliContext): void {
  const policy = program
    .command('policy')
    .description('validate, test, explain and replay policies; changes nothing');
  policy
    .command('validate')
    .description('check that the policies load, and tell what is suspicious about them')
    .option('--strict', 'fail if anything is suspicious')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      '\nExit codes:\n  0  they load\n  1  they do not, or --strict and something is suspicious',
    )
    .action((_options, command: Command) => validate(context, command.optsWithGlobals()));
  policy
    .command('test')
    .description('decide the cases of YAML files and compare; needs the databases for their catalogs')
    .argument('<file...>', 'files of cases; docs/policy.md describes them')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExit codes:\n  0  every case passed\n  1  one did not, or a file cannot be read')
    .action((files: string[], _options, command: Command) => test(context, command.optsWithGlobals(), files));
  policy
    .command('explain')
    .description('say what each policy says of each part of a statement; runs nothing')
    .argument('[sql]', 'the statement; read from stdin if left out')
    .requiredOption('--as <principal>', 'who would send it')
    .requiredOption('--database <name>', 'where')
    .option('--on-behalf-of <principal>', 'for whom an agent would act; repeat for a chain', listOption)
    .option('--purpose <text>', 'why, as a token would say')
    .option('--at <time>', 'when, such as 2026-11-21T22:30Z; now if left out')
    .option(
      '--taint <column>',
      'untrusted text that the session has read, such as public.reviews.body; may be repeated',
      listOption,
    )
    .option('--left <count=number>', 'what is left of budgets, such as rows=100; may be repeated', listOption)
    .option('--json', 'for programs')
    .action((sql: string | undefined, _options, command: Command) =>
      explain(context, command.optsWithGlobals(), sql, (message) => command.error(message)),
    );
  addPolicyReplayCommand(policy, context);
}

type ValidateOptions = GlobalOptions & { readonly strict?: true; readonly json?: true };

async function validate(context: CliContext, options: ValidateOptions): Promise<void> {
  const { terminal } = context;
  const config = configOf(context, options);
  const { loadPolicies } = await import('../policy/load.ts');
  const { lintPolicies } = await import('../policy/lint.ts');
  const set = loadPolicies(readPolicyTexts(config), config.approvals);
  const findings = lintPolicies(set, knownNames(config));
  context.exitCode = findings.length > 0 && options.strict ? EXIT.failure : EXIT.ok;
  const policies = set.policies.length;
  if (options.json) return terminal.json({ version: set.version, policies, findings });
  for (const finding of findings) terminal.note(findingLine(context, finding));
  terminal.out(`${policies} policies load, version ${set.version}.`);
}

function findingLine({ terminal }: CliContext, { policy, file, line, message }: LintFinding): string {
  return `${terminal.paintError('yellow', 'suspicious:')} ${printable(`${file}:${line}: ${policy}: ${message}`)}`;
}

function knownNames({ principals, databases }: Config): KnownNames {
  const all = [...principals.values()];
  const targets = [...databases.values()];
  return {
    principals: new Set(principals.keys()),
    groups: new Set(all.flatMap(({ groups }) => groups)),
    databases: new Set(databases.keys()),
    environments: new Set(targets.map(({ environment }) => environment)),
    labels: new Set(targets.flatMap(({ labels }) => labels.map(({ label }) => label))),
    members: (group) =>
      all.filter(({ kind, groups }) => kind !== 'Agent' && groups.includes(group)).map(({ id }) => id),
  };
}

type TestOptions = GlobalOptions & { readonly json?: true };

async function test(context: CliContext, options: TestOptions, files: readonly string[]): Promise<void> {
  const { terminal } = context;
  const parsed = files.map((file) => ({ file, cases: parseCases(file, readNamedFile(file)) }));
  const config = configOf(context, options, 'read');
  const { openStatementChecker } = await import('../gateway/postgres/statement-check.ts');
  const checker = await openStatementChecker(config);
  const results: CaseResult[] = [];
  try {
    for (const { file, cases } of parsed) results.push(...(await runCases(checker, file, cases)));
  } finally {
    await checker.close();
  }
  const failed = results.filter(({ differences }) => differences.length > 0);
  context.exitCode = failed.length === 0 ? EXIT.ok : EXIT.failure;
  if (options.json) return terminal.json({ policyVersion: checker.policyVersion, results });
  for (const { name, file, line, differences } of failed) {
    terminal.out(`${terminal.paint('red', 'failed')}  ${printable(`${file}:${line}  ${name}`)}`);
    for (const difference of differences) terminal.out(`        ${printable(difference)}`);
  }
  const verdict = failed.length === 0 ? terminal.paint('green', 'passed') : terminal.paint('red', 'failed');
  terminal.out(`${verdict}: ${results.length - failed.length} of ${results.length} cases.`);
}

interface ExplainOptions extends GlobalOptions {
  readonly as: string;
  readonly database: string;
  readonly onBehalfOf?: readonly string[];
  readonly purpose?: string;
  readonly at?: string;
  readonly taint?: readonly string[];
  readonly left?: readonly string[];
  readonly json?: true;
}

async function explain(
  context: CliContext,
  options: ExplainOptions,
  argument: string | undefined,
  refuseUsage: (message: string) => never,
): Promise<void> {
  const { terminal } = context;
  const sql = argument ?? (await context.readStdin());
  if (sql === undefined) refuseUsage('error: give a statement as argument or on stdin');
  const at = options.at === undefined ? undefined : Date.parse(options.at);
  if (Number.isNaN(at)) refuseUsage('error: --at is no time; write 2026-11-21T22:30Z');
  const left = leftOf(options.left);
  if (left === undefined) refuseUsage(`error: --left is ${BUDGET_COUNTS.join(', ')} and a number: rows=100`);
  const { openStatementChecker } = await import('../gateway/postgres/statement-check.ts');
  const checker = await openStatementChecker(configOf(context, options, 'read'));
  const query = {
    standing: { left, ...(options.taint && { taints: options.taint }) },
    principal: options.as,
    database: options.database,
    sql,
    ...(options.onBehalfOf && { onBehalfOf: options.onBehalfOf }),
    ...(options.purpose !== undefined && { purpose: options.purpose }),
  };
  const report = await checker.explain(query, at).finally(() => checker.close());
  context.exitCode = exitCodeOf(report.statements.map(({ decision }) => decision.outcome));
  if (options.json) return terminal.json(report);
  for (const [index, { text, facts, decision }] of report.statements.entries()) {
    terminal.out(
      `${terminal.paint('bold', decision.outcome)}  ${printable(text.trim()).replaceAll('\n', ' ')}`,
    );
    printRows(terminal, [
      ...factRows(facts),
      ...(report.explanations[index]?.atoms ?? []).map((atom) => ['asked', atomText(atom)] as const),
      ...decisionRows(decision),
    ]);
    terminal.out();
  }
}

/** Of `rows=100`; undefined if it is anything else. */
function leftOf(texts: readonly string[] = []): SupposedStanding['left'] | undefined {
  const pairs = texts.map((text) => /^([a-z]+)=(\d{1,15})$/.exec(text));
  const known = pairs.every((pair) => BUDGET_COUNTS.some((count) => count === pair?.[1]));
  return known ? Object.fromEntries(pairs.map((pair) => [pair![1], Number(pair![2])])) : undefined;
}

/** `Update on Table::"shop/public.orders" as bob: hold, by people-unbounded-write`. */
function atomText({ action, resource, principal, outcome, policies }: AtomExplanation): string {
  const ids = policies.map(({ id }) => id).join(', ') || 'nothing permits it';
  return `${action} on ${resource} as ${principal}: ${outcome}, by ${ids}`;
}
