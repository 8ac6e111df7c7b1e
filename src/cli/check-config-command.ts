/** `sluice check-config`: everything that is wrong with the configuration, the masks and the policies, at once. */
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { type ConfigProblem, formatProblem } from '../config/config-source.ts';
import { checkConfig, SYSTEM_DEPS } from '../config/load-config.ts';
import { readPolicyTexts } from '../config/policy-files.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { printable } from '../html/visible-text.ts';
import { parseMask } from '../masking/mask-text.ts';
import { type CliContext, configPath, type GlobalOptions } from './cli-context.ts';
import { EXIT } from './exit-code.ts';

interface CheckConfigOptions extends GlobalOptions {
  readonly secrets: boolean;
  readonly json?: true;
}

export function addCheckConfigCommand(program: Command, context: CliContext): void {
  program
    .command('check-config')
    .description(
      'check the configuration, its masks and the policies; name every problem with file, line and fix',
    )
    .option('--no-secrets', 'do not read passwords and keys, where they are not at hand')
    .option('--json', 'for programs')
    .action((_options, command: Command) => checkAll(context, command.optsWithGlobals()));
}

async function checkAll(context: CliContext, options: CheckConfigOptions): Promise<void> {
  const { terminal } = context;
  const path = configPath(context, options);
  const deps = { ...SYSTEM_DEPS, env: context.env };
  const { config, problems: found } = checkConfig(path, deps, { secrets: options.secrets ? 'read' : 'skip' });
  const problems = [...found, ...(config === undefined ? [] : maskProblems(config))];
  const policies = config === undefined ? undefined : await policyProblem(config);
  const errors =
    problems.filter(({ severity }) => severity === 'error').length + (policies === undefined ? 0 : 1);
  context.exitCode = errors === 0 ? EXIT.ok : EXIT.failure;
  if (options.json)
    return terminal.json({ valid: errors === 0, problems, ...(policies && { policies: policies.message }) });
  for (const problem of problems) printProblem(context, problem);
  if (policies !== undefined) terminal.fail(policies);
  if (config !== undefined && errors === 0) {
    const { principals, databases } = config;
    terminal.out(
      `${path} is valid: ${count(principals.size, 'principal')}, ${count(databases.size, 'database')}.`,
    );
  }
}

function printProblem({ terminal }: CliContext, problem: ConfigProblem): void {
  const paint = problem.severity === 'error' ? 'red' : 'yellow';
  const file = relative(process.cwd(), resolve(problem.file));
  const shown = { ...problem, file: file.startsWith('..') ? problem.file : file };
  terminal.note(`${terminal.paintError(paint, `${problem.severity}:`)} ${printable(formatProblem(shown))}`);
}

function maskProblems(config: Config): ConfigProblem[] {
  return [...config.databases.values()].flatMap(({ name, masks }) =>
    Object.entries(masks).flatMap(([label, text]) => {
      try {
        parseMask(text);
        return [];
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw thrown;
        return [
          config.source.problem(['databases', name, 'masks', label], thrown.message, thrown.hint ?? ''),
        ];
      }
    }),
  );
}

/** Reads and validates the policies as a start would. */
async function policyProblem(config: Config): Promise<SluiceError | undefined> {
  const { loadPolicies } = await import('../policy/load.ts');
  try {
    loadPolicies(readPolicyTexts(config), config.approvals);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown;
    throw thrown;
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
