/** `sluice ledger verify|show`: reads the files only, so it works beside a running gateway and without one. */
import type { Command } from 'commander';
import type { Opener } from '../ledger/entry-decoder.ts';
import { readEntries } from '../ledger/read-entries.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { type CliContext, countOption, type GlobalOptions } from './cli-context.ts';
import { ledgerPlace, openerOf, tilesOf } from './ledger-place.ts';
import { addProofCommands } from './ledger-proof-commands.ts';
import { entryLine } from './ledger-text.ts';
import { verify } from './ledger-verification.ts';
import { addRetentionCommands } from './retention-commands.ts';

interface ShowOptions extends GlobalOptions {
  readonly directory?: string;
  readonly from?: number;
  readonly limit: number;
  readonly session?: string;
  readonly kind?: string;
  readonly json?: true;
}

const PLACE =
  'the ledger itself: a copy, or the address it is served at (default: the one of the configuration)';

export function addLedgerCommand(program: Command, context: CliContext): void {
  const ledger = program
    .command('ledger')
    .description('verify and read the record of everything that happened');
  ledger
    .command('verify')
    .description('check the signed checkpoint, every tile and every entry, without trusting the gateway')
    .option('--directory <place>', PLACE)
    .option(
      '--vkey <key>',
      'the verifier key of the log, or a file with it, kept elsewhere, so that an exchanged one shows',
    )
    .option('--witness <key...>', 'verifier keys of witnesses whose cosignatures are to be reported')
    .option('--from <seq>', 'begin at this entry', countOption)
    .option('--to <seq>', 'end with this entry', countOption)
    .option(
      '--earlier <file...>',
      'checkpoints noted earlier or elsewhere: the log must continue each of them',
    )
    .option('--state <file>', 'remember there how far it came, and go on from there')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExit codes:\n  0  the log verifies\n  1  it does not, or cannot be read')
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
  addProofCommands(ledger, context, PLACE);
  addRetentionCommands(ledger, context);
}

async function show(context: CliContext, options: ShowOptions): Promise<void> {
  const { terminal } = context;
  const entries = await selectEntries(
    ledgerPlace(context, options),
    options,
    await openerOf(context, options, queryText(options)),
    tilesOf(context, options),
  );
  for (const entry of entries) {
    if (options.json) terminal.jsonLine(entry);
    else terminal.out(entryLine(entry, terminal.width));
  }
}

async function selectEntries(
  directory: string,
  options: ShowOptions,
  opener: Opener | undefined,
  source: TileSource | undefined,
): Promise<readonly LedgerEntry[]> {
  const reverse = options.from === undefined;
  const found: LedgerEntry[] = [];
  for await (const entry of readEntries(directory, {
    reverse,
    ...(opener !== undefined && { opener }),
    ...(source !== undefined && { source }),
    ...(options.from !== undefined && { fromSeq: options.from }),
  })) {
    if (found.length >= options.limit) break;
    if (isWanted(entry, options)) found.push(entry);
  }
  return reverse ? found.reverse() : found;
}

function isWanted({ event }: LedgerEntry, { session, kind }: ShowOptions): boolean {
  if (kind !== undefined && event.kind !== kind) return false;
  return session === undefined || ('session' in event && event.session === session);
}

function queryText({ from, limit, session, kind }: ShowOptions): string {
  return [
    'ledger show',
    ...(from === undefined ? [] : [`--from ${from}`]),
    `--limit ${limit}`,
    ...(session === undefined ? [] : [`--session ${session}`]),
    ...(kind === undefined ? [] : [`--kind ${kind}`]),
  ].join(' ');
}
