/** `sluice ledger verify|show`: reads the files only, so it works beside a running gateway and without one. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { readEntries, type StoredEntry } from '../ledger/read-entries.ts';
import { type VerifyReport, verifyLedger } from '../ledger/verify.ts';
import { type CliContext, configOf, countOption, type GlobalOptions, readNamedFile } from './cli-context.ts';
import { EXIT } from './exit-code.ts';
import { entryLine } from './ledger-text.ts';
import { timeText } from './table.ts';

interface VerifyCommandOptions extends GlobalOptions {
  readonly directory?: string;
  readonly publicKey?: string;
  readonly log?: string;
  readonly json?: true;
}

interface ShowOptions extends GlobalOptions {
  readonly directory?: string;
  readonly from?: number;
  readonly limit: number;
  readonly session?: string;
  readonly kind?: string;
  readonly json?: true;
}

export function addLedgerCommand(program: Command, context: CliContext): void {
  const ledger = program
    .command('ledger')
    .description('verify and read the record of everything that happened');
  ledger
    .command('verify')
    .description('check every entry, the chain and the signed head, without trusting the gateway')
    .option('--directory <path>', 'the ledger itself, such as a copy (default: the one of the configuration)')
    .option(
      '--public-key <path>',
      'the key to hold the head against, kept elsewhere, so that an exchanged one shows',
    )
    .option('--log <id>', 'the id that the ledger must have')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExit codes:\n  0  the ledger verifies\n  1  it does not, or cannot be read')
    .action((_options, command: Command) => verify(context, command.optsWithGlobals()));
  ledger
    .command('show')
    .description('show entries, the last ones unless --from says otherwise')
    .option('--directory <path>', 'the ledger itself, such as a copy (default: the one of the configuration)')
    .option('--from <seq>', 'begin at this entry', countOption)
    .option('--limit <count>', 'at most so many', countOption, 20)
    .option('--session <id>', 'only what this session did')
    .option('--kind <kind>', 'only entries of this kind, such as statement or approval')
    .option('--json', 'for programs: an entry a line')
    .action((_options, command: Command) => show(context, command.optsWithGlobals()));
}

async function verify(context: CliContext, options: VerifyCommandOptions): Promise<void> {
  const { terminal } = context;
  const report = await verifyLedger(ledgerDirectory(context, options), {
    ...(options.publicKey !== undefined && { publicKey: readNamedFile(options.publicKey) }),
    ...(options.log !== undefined && { log: options.log }),
  });
  context.exitCode = report.ok ? EXIT.ok : EXIT.failure;
  if (options.json) return terminal.json(report);
  for (const line of reportLines(report)) terminal.out(line);
  const verdict = report.ok
    ? terminal.paint('green', 'The ledger verifies.')
    : terminal.paint('red', `The ledger does NOT verify from entry ${report.fault?.seq} on.`);
  terminal.out(verdict);
}

function reportLines(report: VerifyReport): string[] {
  const { log, entries, bytes, segments, hash, head, tornBytes, fault } = report;
  return [
    `ledger   ${log ?? 'unknown: there is no key'}`,
    `entries  ${entries} in ${segments} files, ${bytes} bytes`,
    `hash     ${hash}`,
    head === undefined ? 'head     none' : `head     entry ${head.seq}, signed ${timeText(head.at)} UTC`,
    ...(tornBytes === 0
      ? []
      : [`torn     ${tornBytes} bytes at the end: a write under way, or what a crash left`]),
    ...(fault === undefined ? [] : [`fault    ${fault.file}, byte ${fault.offset}: ${fault.reason}`]),
  ];
}

async function show(context: CliContext, options: ShowOptions): Promise<void> {
  const { terminal } = context;
  const entries = await selectEntries(ledgerDirectory(context, options), options);
  for (const entry of entries) {
    if (options.json) terminal.jsonLine(entry);
    else terminal.out(entryLine(entry, terminal.width));
  }
}

async function selectEntries(directory: string, options: ShowOptions): Promise<readonly StoredEntry[]> {
  const reverse = options.from === undefined;
  const found: StoredEntry[] = [];
  for await (const entry of readEntries(directory, {
    reverse,
    ...(options.from !== undefined && { fromSeq: options.from }),
  })) {
    if (found.length >= options.limit) break;
    if (isWanted(entry, options)) found.push(entry);
  }
  return reverse ? found.reverse() : found;
}

function isWanted({ event }: StoredEntry, { session, kind }: ShowOptions): boolean {
  if (kind !== undefined && event.kind !== kind) return false;
  return session === undefined || ('session' in event && event.session === session);
}

function ledgerDirectory(
  context: CliContext,
  options: GlobalOptions & { readonly directory?: string },
): string {
  return options.directory ?? join(configOf(context, options).dataDir, 'ledger');
}
