/** `sluice ledger prune|hold`: what goes when it was kept long enough, and what nobody may prune meanwhile. */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { SluiceError } from '../errors/sluice-error.ts';
import { printableLine } from '../html/visible-text.ts';
import { recordCommand } from '../ledger/command-lane.ts';
import { readHolds } from '../ledger/legal-holds.ts';
import { pruneLedger } from '../ledger/prune.ts';
import type { LegalHold } from '../ledger/retention.ts';
import { S3Bucket } from '../ledger/s3-bucket.ts';
import type { HoldScope } from '../model/ledger-entry.ts';
import { placeOf } from '../search/index-place.ts';
import { logName } from '../search/log-name.ts';
import { indexPlace } from '../workers/index-config.ts';
import { storageConfig } from '../workers/sequencing.ts';
import { askGateway, NobodyListens } from './api-client.ts';
import { type CliContext, configOf, listOption } from './cli-context.ts';
import { ledgerPlace, type PlaceOptions, tilesOf } from './ledger-place.ts';
import { tableLines, timeText } from './table.ts';

interface PruneCommandOptions extends PlaceOptions {
  readonly dryRun?: true;
  readonly json?: true;
}

interface HoldOptions extends PlaceOptions {
  readonly database?: readonly string[];
  readonly kind?: readonly string[];
  readonly principal?: readonly string[];
  readonly session?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly reason: string;
}

const DIRECTORY = 'the ledger itself (default: the one of the configuration)';

export function addRetentionCommands(ledger: Command, context: CliContext): void {
  ledger
    .command('prune')
    .description('take out what was kept as long as ledger.retention says; the rest still verifies')
    .option('--dry-run', 'only say what would go')
    .option('--json', 'for programs')
    .action((_options, command: Command) => prune(context, command.optsWithGlobals()));
  const hold = ledger
    .command('hold')
    .description('keep entries from being pruned, whatever ledger.retention says');
  hold
    .command('add')
    .description('place a hold on entries that fit all that is given')
    .option('--database <name>', 'what concerns this database; may be repeated', listOption)
    .option('--kind <kind>', 'entries of this kind; may be repeated', listOption)
    .option('--principal <name>', 'what this principal did, or was done for it; may be repeated', listOption)
    .option('--session <id>', 'this session; may be repeated', listOption)
    .option('--from <time>', 'not before, such as 2027-01-31 or 2027-01-31T12:00:00Z', timeOption)
    .option('--to <time>', 'not after', timeOption)
    .requiredOption('--reason <text>', 'recorded with it')
    .option('--directory <path>', DIRECTORY)
    .action((_options, command: Command) => add(context, command.optsWithGlobals()));
  hold
    .command('list')
    .description('the holds in force')
    .option('--json', 'for programs')
    .option('--directory <path>', DIRECTORY)
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  hold
    .command('release <hold>')
    .description('end a hold')
    .requiredOption('--reason <text>', 'recorded with it')
    .option('--directory <path>', DIRECTORY)
    .action((name: string, _options, command: Command) => release(context, name, command.optsWithGlobals()));
}

async function prune(context: CliContext, options: PruneCommandOptions): Promise<void> {
  const { terminal, version } = context;
  const { tiles, retention } = configOf(
    context,
    options,
    tilesAreElsewhere(context, options) ? 'read' : 'skip',
  ).ledger;
  if (retention.rules.length === 0)
    throw new SluiceError('bad_request', 'ledger.retention has no rules: everything is kept', {
      hint: 'docs/retention.md has an example.',
    });
  const plan = await pruneLedger({
    ...{ directory: ledgerPlace(context, options), rules: retention.rules, now: context.now() },
    ...{ by: userInfo().username, version, dryRun: options.dryRun === true },
    ...(tiles && { store: new S3Bucket(storageConfig(tiles)) }),
  });
  const { count, bytes, byKind, size, holds } = plan;
  if (count > 0 && options.dryRun !== true) await forgetInIndex(context, options);
  if (options.json) {
    terminal.json({
      count,
      bytes,
      of: size,
      byKind: Object.fromEntries(byKind),
      holds,
      dryRun: options.dryRun === true,
    });
    return;
  }
  for (const [kind, entries] of [...byKind].sort(([, a], [, b]) => b - a))
    terminal.out(`${String(entries).padStart(10)}  ${kind}`);
  if (holds.length > 0) terminal.out(`${holds.length} holds are in force.`);
  const what = `${count} of ${size} entries, ${bytes} bytes`;
  terminal.out(options.dryRun ? `${what} would go.` : `${what} are gone.`);
}

/** The index must not know more than the ledger: a running gateway makes it anew, or the next one does. */
async function forgetInIndex(context: CliContext, options: PlaceOptions): Promise<void> {
  const { dataDir, index, listen } = configOf(context, options);
  try {
    await askGateway({ socketPath: listen.adminSocket }, 'POST', '/admin/index/rebuild');
  } catch (cause) {
    if (!(cause instanceof NobodyListens)) throw cause;
    const config = index.postgres === undefined ? { dataDir, index } : configOf(context, options, 'read');
    await placeOf(indexPlace(config)).clear(logName(join(dataDir, 'ledger')));
  }
}

function tilesAreElsewhere(context: CliContext, options: PlaceOptions): boolean {
  return configOf(context, options).ledger.tiles !== undefined;
}

async function add(context: CliContext, options: HoldOptions): Promise<void> {
  const { database, kind, principal, session, from, to, reason } = options;
  const scope: HoldScope = {
    ...(database && { databases: database }),
    ...(kind && { kinds: kind }),
    ...(principal && { principals: principal }),
    ...(session && { sessions: session }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
  if (Object.keys(scope).length === 0)
    throw new SluiceError('bad_request', 'say what the hold is about', {
      hint: 'At least one of --database, --kind, --principal, --session, --from and --to.',
    });
  const hold = `hold_${randomBytes(6).toString('hex')}`;
  await recordCommand(ledgerPlace(context, options), context.version, [
    { kind: 'hold-placed', hold, by: userInfo().username, reason, ...scope },
  ]);
  context.terminal.out(`${hold} is in force.`);
}

async function list(context: CliContext, options: PlaceOptions & { readonly json?: true }): Promise<void> {
  const { terminal } = context;
  const holds = await readHolds(ledgerPlace(context, options), tilesOf(context, options));
  if (options.json) return terminal.json(holds);
  if (holds.length === 0) return terminal.note('No hold is in force.');
  const rows = holds.map((hold) => [
    hold.hold,
    timeText(hold.placedAt),
    hold.by,
    scopeText(hold),
    printableLine(hold.reason),
  ]);
  const heads = ['HOLD', 'SINCE', 'BY', 'ABOUT', 'REASON'];
  for (const line of tableLines(heads, rows, terminal.width)) terminal.out(line);
}

function scopeText({ databases, kinds, principals, sessions, from, to }: LegalHold): string {
  const parts = Object.entries({ databases, kinds, principals, sessions }).flatMap(([name, values]) =>
    values === undefined ? [] : `${name} ${values.join(', ')}`,
  );
  if (from !== undefined) parts.push(`from ${timeText(from)}`);
  if (to !== undefined) parts.push(`to ${timeText(to)}`);
  return printableLine(parts.join('; '));
}

async function release(context: CliContext, name: string, options: HoldOptions): Promise<void> {
  const directory = ledgerPlace(context, options);
  const holds = await readHolds(directory, tilesOf(context, options));
  if (!holds.some(({ hold }) => hold === name))
    throw new SluiceError('not_found', `no hold ${JSON.stringify(name.slice(0, 40))} is in force`, {
      hint: 'sluice ledger hold list shows those that are.',
    });
  const { reason } = options;
  await recordCommand(directory, context.version, [
    { kind: 'hold-released', hold: name, by: userInfo().username, reason },
  ]);
  context.terminal.out(`${name} is released.`);
}

function timeOption(text: string): number {
  const at = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('Write a date such as 2027-01-31, or 2027-01-31T12:00:00Z.');
  return at;
}
