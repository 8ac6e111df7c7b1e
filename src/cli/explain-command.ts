/** `sluice explain`: what an error of the gate means, by its code or SQLSTATE. */
import type { Command } from 'commander';
import { nearestName } from '../config/nearest-name.ts';
import { ERROR_TABLE, type ErrorCode } from '../errors/error-table.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { CliContext } from './cli-context.ts';

export function addExplainCommand(program: Command, context: CliContext): void {
  program
    .command('explain')
    .description('say what an error of the gate means, and what to do')
    .argument('<code>', 'as the error said it: SL002, statement_held')
    .option('--json', 'for programs')
    .action((code: string, options: { json?: true }) => explain(context, code, options));
}

function explain({ terminal }: CliContext, wanted: string, { json }: { readonly json?: true }): void {
  const codes = Object.keys(ERROR_TABLE) as ErrorCode[];
  const found = codes.filter(
    (code) => code === wanted.toLowerCase() || ERROR_TABLE[code].sqlstate === wanted.toUpperCase(),
  );
  if (found.length === 0) {
    const near = nearestName(wanted.toLowerCase(), codes);
    throw new SluiceError('not_found', `the gate has no error ${JSON.stringify(wanted)}`, {
      hint:
        near === undefined
          ? "docs/errors.md lists all; others are the database's own."
          : `Did you mean ${near}?`,
    });
  }
  const rows = found.map((code) => ({ code, ...ERROR_TABLE[code] }));
  if (json) {
    terminal.json(rows);
    return;
  }
  for (const { code, sqlstate, httpStatus, meaning, ...more } of rows) {
    terminal.out(`${terminal.paint('bold', code)}  SQLSTATE ${sqlstate}, HTTP ${httpStatus}`);
    terminal.out(`  ${meaning}`);
    if ('hint' in more) terminal.out(`  ${terminal.paint('cyan', 'hint:')} ${more.hint}`);
  }
}
