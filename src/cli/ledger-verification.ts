/** `sluice ledger verify`: what it is asked, what it says, and the state that lets it go on where it stopped. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { SluiceError } from '../errors/sluice-error.ts';
import { printable } from '../html/visible-text.ts';
import { parseVkey } from '../ledger/signed-note.ts';
import { type VerifiedPart, type VerifyProgress, type VerifyReport, verifyLedger } from '../ledger/verify.ts';
import { type CliContext, readNamedFile } from './cli-context.ts';
import { EXIT } from './exit-code.ts';
import { ledgerPlace, type PlaceOptions, tilesOf } from './ledger-place.ts';

export interface VerifyCommandOptions extends PlaceOptions {
  readonly vkey?: string;
  readonly witness?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly earlier?: readonly string[];
  readonly state?: string;
  readonly json?: true;
}

const SAY_EVERY_MS = 500;

export async function verify(context: CliContext, options: VerifyCommandOptions): Promise<void> {
  const { terminal } = context;
  if (options.state !== undefined && (options.from !== undefined || options.to !== undefined)) {
    throw new SluiceError('bad_request', '--state goes with the whole log, not with a range');
  }
  const resume = options.state === undefined ? undefined : readState(options.state);
  const startedAt = performance.now();
  const source = tilesOf(context, options);
  const report = await verifyLedger(ledgerPlace(context, options), {
    ...(options.vkey !== undefined && { vkey: keyText(options.vkey) }),
    ...(options.witness !== undefined && { witnesses: options.witness.map(keyText) }),
    ...(options.from !== undefined && { fromSeq: options.from }),
    ...(options.to !== undefined && { toSeq: options.to }),
    ...(options.earlier !== undefined && { earlier: options.earlier.map(readNamedFile) }),
    ...(resume !== undefined && { resume }),
    ...(source !== undefined && { source }),
    onProgress: progressTeller(context, options, startedAt),
  });
  if (report.ok && options.state !== undefined && report.checkpoint !== undefined) {
    writeState(options.state, { size: report.checkpoint.size, root: report.checkpoint.root });
  }
  context.exitCode = report.ok ? EXIT.ok : EXIT.failure;
  if (options.json) return terminal.json(report);
  for (const line of reportLines(report, performance.now() - startedAt)) terminal.out(printable(line));
  const verdict = report.ok
    ? terminal.paint('green', 'The ledger verifies.')
    : terminal.paint('red', `The ledger does NOT verify from entry ${report.fault?.seq} on.`);
  terminal.out(verdict);
}

function progressTeller(context: CliContext, { state, json }: VerifyCommandOptions, startedAt: number) {
  let saidAt = startedAt;
  return async (progress: VerifyProgress): Promise<void> => {
    const now = performance.now();
    if (now - saidAt < SAY_EVERY_MS) return;
    saidAt = now;
    const share = Math.floor((100 * progress.entries) / Math.max(1, progress.of));
    if (json === undefined)
      context.terminal.note(`${progress.entries} of ${progress.of} entries (${share} %)`);
    if (state !== undefined) writeState(state, await progress.part());
  };
}

function reportLines(report: VerifyReport, tookMs: number): string[] {
  const { vkey, entries, bytes, checkpoint, pruned, pending, fault } = report;
  return [
    `log        ${vkey ?? 'unknown: there is no verifier key'}`,
    checkpoint === undefined
      ? 'checkpoint none that verifies'
      : `checkpoint ${checkpoint.size} entries, root ${checkpoint.root}`,
    ...(checkpoint?.cosigners.map((name) => `witness    ${name}`) ?? []),
    `verified   ${entries} entries, ${bytes} bytes, in ${(tookMs / 1000).toFixed(1)} s`,
    ...(pruned === 0
      ? []
      : [
          `pruned     ${pruned} entries: their hashes are proven, their text is gone${rangesText(report.prunedRanges)}`,
        ]),
    ...(pending === 0 ? [] : [`pending    ${pending} entries that no checkpoint covers yet`]),
    ...(fault === undefined ? [] : [`fault      ${fault.file}, byte ${fault.offset}: ${fault.reason}`]),
  ];
}

const SHOWN_RANGES = 8;

function rangesText(ranges: VerifyReport['prunedRanges']): string {
  const shown = ranges
    .slice(0, SHOWN_RANGES)
    .map(([first, last]) => (first === last ? first : `${first}-${last}`));
  return ` (${shown.join(', ')}${ranges.length > SHOWN_RANGES ? ', …' : ''})`;
}

/** A verifier key as it is, or from the file that was named. */
export function keyText(named: string): string {
  return parseVkey(named) === undefined ? readNamedFile(named) : named;
}

function readState(file: string): VerifiedPart | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { size, root } = JSON.parse(readFileSync(file, 'utf8')) as VerifiedPart;
    if (Number.isSafeInteger(size) && size >= 0 && typeof root === 'string') return { size, root };
  } catch {
    // Said below.
  }
  throw new SluiceError('bad_request', `${file} does not say how far a verification came`);
}

function writeState(file: string, part: VerifiedPart): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(part)}\n`);
  renameSync(`${file}.new`, file);
}
