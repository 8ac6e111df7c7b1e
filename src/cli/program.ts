/** The command line: which commands there are, and how a run of one ends. */
import { Command, CommanderError } from 'commander';
import { addAccessCommand } from './access-command.ts';
import { addApprovalsCommand } from './approvals-command.ts';
import { addBudgetsCommand } from './budgets-command.ts';
import { addCheckCommand } from './check-command.ts';
import { addCheckConfigCommand } from './check-config-command.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { addExplainCommand } from './explain-command.ts';
import { addFindingsCommand } from './findings-command.ts';
import { addIndexCommand } from './index-command.ts';
import { addLabelsCommand } from './labels-command.ts';
import { addLedgerCommand } from './ledger-command.ts';
import { addPolicyCommand } from './policy-command.ts';
import { addReportCommand } from './report-command.ts';
import { addSearchCommand } from './search-command.ts';
import { addSessionsCommand } from './sessions-command.ts';
import { addStartCommand } from './start-command.ts';
import { addTokenCommand } from './token-command.ts';

/** Runs one command line (without node and script) and resolves with the exit code. Never rejects. */
export async function runCli(args: readonly string[], context: CliContext): Promise<ExitCode> {
  try {
    await buildProgram(context).parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    context.terminal.fail(thrown);
    return EXIT.failure;
  }
}

function buildProgram(context: CliContext): Command {
  const program = new Command('sluice');
  program
    .description('The identity-aware gate in front of every database, for people and AI agents.')
    .version(context.version)
    .option('--config <path>', 'the configuration (default: SLUICE_CONFIG, or ./sluice.yaml)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.write('out', text),
      writeErr: (text) => context.terminal.write('err', text),
      getOutHelpWidth: () => context.terminal.width ?? 100,
      getErrHelpWidth: () => context.terminal.width ?? 100,
    })
    .showHelpAfterError('Run sluice help for the commands, or add --help to one.')
    .addHelpText(
      'after',
      `
Exit codes:
  0  done        1  failed; the message says why        2  the command line is wrong
  3  check: approval needed        4  check: refused

Examples:
  $ sluice demo                                a gate, a real PostgreSQL and three people to be
  $ sluice check-config                        is the configuration right?
  $ sluice start                               serve
  $ sluice token issue alice --ttl 1h          a password for Alice
  $ sluice check --as bob --database shop "DROP TABLE customers"

Colours are used on terminals only, and never if NO_COLOR is set.`,
    );
  addStartCommand(program, context);
  addDemoCommand(program, context);
  addCheckConfigCommand(program, context);
  addTokenCommand(program, context);
  addApprovalsCommand(program, context);
  addAccessCommand(program, context);
  addSessionsCommand(program, context);
  addBudgetsCommand(program, context);
  addSearchCommand(program, context);
  addFindingsCommand(program, context);
  addIndexCommand(program, context);
  addLedgerCommand(program, context);
  addReportCommand(program, context);
  addLabelsCommand(program, context);
  addCheckCommand(program, context);
  addPolicyCommand(program, context);
  addExplainCommand(program, context);
  return program;
}

/** Everything behind `demo` belongs to the demo, its options included. */
function addDemoCommand(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('start a real PostgreSQL with a small shop, the gate in front of it, and say what to try')
    .argument('[args...]')
    .helpOption(false)
    .allowUnknownOption()
    .action(async (args: string[]) => {
      const { runDemo } = await import('./demo/demo.ts');
      context.exitCode = await runDemo(args);
    });
}
