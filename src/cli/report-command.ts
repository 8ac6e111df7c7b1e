/** `sluice report`: what happened in a period, as a page and as data, for whoever has to show it. Reads the ledger's files only. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SluiceError } from '../errors/sluice-error.ts';
import { readEntries } from '../ledger/read-entries.ts';
import { verifyLedger } from '../ledger/verify.ts';
import { collectEvidence } from '../report/collect-evidence.ts';
import type { Evidence, LogState } from '../report/evidence.ts';
import { FRAMEWORKS, type FrameworkId } from '../report/frameworks.ts';
import { reportPage } from '../report/report-page.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT } from './exit-code.ts';
import { ledgerPlace, type PlaceOptions, tilesOf } from './ledger-place.ts';
import { keyText } from './ledger-verification.ts';
import { anchoringOf } from './second-places.ts';

interface ReportOptions extends PlaceOptions {
  readonly from: number;
  readonly to?: number;
  readonly database?: string;
  readonly framework?: FrameworkId;
  readonly out: string;
  readonly vkey?: string;
  readonly anchors?: readonly string[];
  /** False after --no-verify. */
  readonly verify: boolean;
}

const DAY_MS = 24 * 3600_000;

export function addReportCommand(program: Command, context: CliContext): void {
  program
    .command('report')
    .description('write what happened in a period, as a page and as JSON, with how to check each number')
    .requiredOption(
      '--from <time>',
      'the first day, or a time, in UTC: 2026-11-01 or 2026-11-01T08:00Z',
      startOption,
    )
    .option('--to <time>', 'the last day, included, or a time, excluded (default: now)', endOption)
    .option('--database <name>', 'only what concerns this database')
    .addOption(
      new Option('--framework <name>', 'show which controls the parts speak to').choices(
        Object.keys(FRAMEWORKS),
      ),
    )
    .option('--out <directory>', 'where to write', '.')
    .option('--directory <path>', 'the ledger itself, such as a copy (default: the one of the configuration)')
    .option('--vkey <key>', 'the verifier key of the log, or a file with it, kept elsewhere')
    .option(
      '--anchors <place>',
      'a directory or address with checkpoints that were kept as a second place; may be repeated (default: those of the configuration)',
      placeOption,
    )
    .option('--no-verify', 'do not verify the log first')
    .addHelpText(
      'after',
      `
Examples:
  $ sluice report --from 2026-10-01 --to 2026-10-31 --framework soc2 --out ./evidence
  $ sluice report --from 2026-11-01 --database shop

Exit codes:
  0  written        1  the log does not verify (the report is written and says so), or failed`,
    )
    .action((_options, command: Command) => report(context, command.optsWithGlobals()));
}

async function report(context: CliContext, options: ReportOptions): Promise<void> {
  const { terminal, now, version } = context;
  // Whole seconds are easier to type again; one that is not over would have other entries later.
  const { from, to = Math.floor(now() / 1000) * 1000, database, framework } = options;
  if (to <= from) throw new SluiceError('bad_request', 'the period ends before it begins');
  const place = ledgerPlace(context, options);
  const source = tilesOf(context, options);
  const verified = await logState(place, options, source);
  const within = { from, to };
  const anchoring = await anchoringOf(context, options, { place, log: verified, within });
  const log = { ...verified, ...(anchoring && { anchors: anchoring.state }) };
  // No keys: what is sealed in the ledger stays so in a report that is handed around.
  const entries = readEntries(place, source === undefined ? {} : { source });
  const evidence = await collectEvidence(
    entries,
    { from, to, ...(database === undefined ? {} : { database }) },
    {
      ...{ madeAt: now(), madeBy: userInfo().username, version, log },
      ...(framework === undefined ? {} : { framework }),
    },
    anchoring?.anchoring === undefined ? {} : { anchoring: anchoring.anchoring },
  );
  for (const file of writeReport(options.out, evidence)) terminal.out(file);
  const problem =
    log.verified?.fault ?? (log.anchors?.unfit ? 'a checkpoint kept elsewhere does not fit it' : undefined);
  if (problem === undefined) return;
  context.exitCode = EXIT.failure;
  terminal.note(`The ledger does NOT verify: ${problem}`);
}

async function logState(
  place: string,
  { verify, vkey }: ReportOptions,
  source: ReturnType<typeof tilesOf>,
): Promise<LogState> {
  if (!verify) return {};
  const found = await verifyLedger(place, {
    ...(vkey === undefined ? {} : { vkey: keyText(vkey) }),
    ...(source === undefined ? {} : { source }),
  });
  const { ok, entries, pending, pruned, fault } = found;
  return {
    ...(found.vkey === undefined ? {} : { vkey: found.vkey }),
    ...(found.checkpoint === undefined ? {} : { checkpoint: found.checkpoint }),
    verified: {
      ok,
      entries,
      pending,
      pruned,
      ...(fault === undefined ? {} : { fault: `${fault.file}: ${fault.reason}` }),
    },
  };
}

/** Both files, which only their owner may read: they say who did what. @returns their paths */
function writeReport(directory: string, evidence: Evidence): readonly string[] {
  mkdirSync(directory, { recursive: true });
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  const parts = ['evidence', evidence.framework, evidence.database, day(evidence.from), day(evidence.to - 1)];
  const name = parts
    .filter((part) => part !== undefined)
    .join('-')
    .replace(/[^\w.@+-]/g, '_');
  const files = [
    [join(directory, `${name}.html`), reportPage(evidence)],
    [join(directory, `${name}.json`), `${JSON.stringify(evidence, undefined, 2)}\n`],
  ] as const;
  for (const [path, text] of files) writeFileSync(path, text, { mode: 0o600 });
  return files.map(([path]) => path);
}

/** May hold commas. */
function placeOption(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function startOption(text: string): number {
  return timeOption(text, 0);
}

/** A day is included whole. */
function endOption(text: string): number {
  return timeOption(text, DAY_MS);
}

function timeOption(text: string, ofDay: number): number {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const at = isDay || isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('Write a day or a time: 2026-11-01 or 2026-11-01T08:00Z.');
  return isDay ? at + ofDay : at;
}
