/**
 * `sluice policy replay`: decides every recorded statement again under a draft, and shows what would change. The facts are those
 * of the databases as they are now; what each statement was decided then stands in the ledger. Changes nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { readPolicyTexts } from '../config/policy-files.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { printable } from '../html/visible-text.ts';
import { type CliContext, configOf, durationOption, type GlobalOptions } from './cli-context.ts';
import { openerOf } from './ledger-place.ts';
import { type Change, PolicyReplay } from './policy-replay.ts';
import { tableLines } from './table.ts';

interface ReplayOptions extends GlobalOptions {
  readonly since: number;
  readonly directory?: string;
  readonly json?: true;
}

export function addPolicyReplayCommand(policy: Command, context: CliContext): void {
  policy
    .command('replay')
    .description('decide what was recorded again under a draft, and show what would change')
    .argument('<draft>', 'a folder of .cedar files that take the place of the configured ones')
    .requiredOption('--since <duration>', 'how far back: 24h, 7d', durationOption)
    .option('--directory <path>', 'the ledger, such as a copy (default: the one of the configuration)')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
The policies that ship stay in force, unless policies.defaults is off. Statements are analysed against the databases as they
are now; what cannot be decided any more is counted apart.

Example:
  $ sluice policy replay --since 7d ./draft`,
    )
    .action((draft: string, _options, command: Command) => replay(context, command.optsWithGlobals(), draft));
}

async function replay(context: CliContext, options: ReplayOptions, draft: string): Promise<void> {
  const { terminal } = context;
  const config = configOf(context, options, 'read');
  const { openStatementChecker } = await import('../gateway/postgres/statement-check.ts');
  const { readEntries } = await import('../ledger/read-entries.ts');
  const checker = await openStatementChecker(config, draftSources(config, draft));
  const run = new PolicyReplay(checker);
  try {
    const since = context.now() - options.since;
    const opener = await openerOf(context, options, 'policy replay');
    const reading = opener === undefined ? {} : { opener };
    for await (const entry of readEntries(options.directory ?? join(config.dataDir, 'ledger'), reading))
      await run.entry(entry, since);
  } finally {
    await checker.close();
  }
  const report = run.report();
  if (options.json) return terminal.json(report);
  const { statements, same, undecidable, changes } = report;
  terminal.out(
    `${statements} statements, ${same} decided as before, ${statements - same - undecidable} otherwise.`,
  );
  if (undecidable > 0)
    terminal.out(`${undecidable} cannot be decided: their text is gone, or does not parse any more.`);
  if (changes.length === 0) return;
  terminal.out();
  const rows = changes.map(changeRow);
  for (const line of tableLines(['TIMES', 'WHO', 'FROM', 'TO', 'BY', 'FOR EXAMPLE'], rows, terminal.width))
    terminal.out(line);
}

function changeRow({ count, principal, from, to, policies, example }: Change): readonly string[] {
  return [String(count), principal, from, to, policies.join(' ') || '-', example.replaceAll(/\s+/g, ' ')].map(
    printable,
  );
}

/**
 * The shipped policies, if they are in force, and those of the draft.
 * @throws {SluiceError} bad_request
 */
function draftSources(config: Config, draft: string) {
  const shipped = readPolicyTexts({ ...config, policies: { ...config.policies, files: [] } });
  let names: string[];
  try {
    names = readdirSync(draft).filter((name) => name.endsWith('.cedar'));
  } catch (cause) {
    throw new SluiceError('bad_request', `cannot read ${draft}: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
  if (names.length === 0) throw new SluiceError('bad_request', `${draft} holds no .cedar file`);
  return [
    ...shipped,
    ...names
      .sort()
      .map((name) => ({ file: join(draft, name), text: readFileSync(join(draft, name), 'utf8') })),
  ];
}
