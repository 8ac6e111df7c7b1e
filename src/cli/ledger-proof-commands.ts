/** `sluice ledger prove|verify-proof|shred`: evidence that stands alone, and values that nobody reads again. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { SluiceError } from '../errors/sluice-error.ts';
import { printable } from '../html/visible-text.ts';
import { recordCommand } from '../ledger/command-lane.ts';
import { destroyKey, listKeys } from '../ledger/data-key.ts';
import { nodeFileSystem } from '../ledger/file-system.ts';
import { leafHash } from '../ledger/merkle-tree.ts';
import { type ProvenEntry, verifyProof } from '../ledger/proof-file.ts';
import { type EntryName, proveEntry } from '../ledger/prove.ts';
import type { NoteKey } from '../ledger/signed-note.ts';
import { pinnedKey, sourceOf } from '../ledger/verify.ts';
import { type CliContext, listOption, readNamedFile } from './cli-context.ts';
import { EXIT } from './exit-code.ts';
import { ledgerPlace, type PlaceOptions, tilesOf } from './ledger-place.ts';
import { keyText } from './ledger-verification.ts';

interface ProveOptions extends PlaceOptions {
  readonly vkey?: string;
  readonly out?: string;
}

interface VerifyProofOptions {
  readonly vkey: string;
  readonly witness?: readonly string[];
  readonly entry?: string;
  readonly json?: true;
}

interface ShredOptions extends PlaceOptions {
  readonly database: string;
  readonly month?: readonly string[];
  readonly subject?: readonly string[];
  readonly reason?: string;
  readonly yes?: true;
}

export function addProofCommands(ledger: Command, context: CliContext, place: string): void {
  ledger
    .command('prove <entry>')
    .description('write everything that proves one entry to a file (c2sp.org/tlog-proof)')
    .option('--directory <place>', place)
    .option(
      '--vkey <key>',
      'the verifier key of the log, or a file with it (default: the one beside the log)',
    )
    .option('--out <file>', 'where to (default: standard output)')
    .addHelpText('after', '\nThe entry is its number in the log, or its id such as 0.17.')
    .action((entry: string, _options, command: Command) => prove(context, entry, command.optsWithGlobals()));
  ledger
    .command('verify-proof <file>')
    .description('check such a file: needs nothing but the verifier key')
    .requiredOption('--vkey <key>', 'the verifier key of the log, or a file with it')
    .option('--entry <file>', 'a copy of the entry, where the log has pruned it: whether it is the one')
    .option('--witness <key...>', 'verifier keys of witnesses whose cosignatures are to be reported')
    .option('--json', 'for programs')
    .action((file: string, _options, command: Command) =>
      checkProof(context, file, command.optsWithGlobals()),
    );
  ledger
    .command('shred')
    .description(
      'destroy data keys, so that what was encrypted under them cannot be read again; proofs stay valid',
    )
    .option('--directory <path>', 'the ledger itself (default: the one of the configuration)')
    .requiredOption('--database <name>', 'whose keys')
    .option('--month <YYYY-MM>', 'of which months; may be repeated (default: all)', listOption)
    .option('--subject <group>', 'of which groups of people; may be repeated (default: all)', listOption)
    .option('--reason <text>', 'recorded with it')
    .option('--yes', 'do it; without, it is only said what would go')
    .action((_options, command: Command) => shred(context, command.optsWithGlobals()));
}

async function prove(context: CliContext, entry: string, options: ProveOptions): Promise<void> {
  const key = options.vkey === undefined ? undefined : pinnedKey(keyText(options.vkey));
  const proof = await proveEntry(
    tilesOf(context, options) ?? sourceOf(ledgerPlace(context, options)),
    entryName(entry),
    key,
  );
  if (options.out === undefined) return context.terminal.write('out', proof);
  writeFileSync(options.out, proof, { mode: 0o600 });
  context.terminal.out(`${options.out} proves entry ${entry}.`);
}

function entryName(text: string): EntryName {
  if (/^\d{1,15}$/.test(text)) return { seq: Number(text) };
  if (/^\d{1,4}\.\d{1,15}$/.test(text)) return { id: text };
  throw new SluiceError('bad_request', `${text} names no entry: write its number, or its id such as 0.17`);
}

function checkProof(context: CliContext, file: string, options: VerifyProofOptions): void {
  const { terminal } = context;
  const witnesses = (options.witness ?? []).map((one) => pinnedKey(keyText(one)));
  const proven = proofOrReason(readNamedFile(file), pinnedKey(keyText(options.vkey)), witnesses);
  const copy = options.entry === undefined ? undefined : readNamedFile(options.entry).replace(/\n$/, '');
  const checked = copy === undefined || typeof proven === 'string' ? proven : withCopy(proven, copy);
  const holds = typeof checked !== 'string';
  if (!holds) context.exitCode = EXIT.failure;
  if (options.json)
    terminal.json(holds ? { ok: true, ...withoutSteps(checked) } : { ok: false, reason: checked });
  else if (holds) sayProven(context, checked);
  else terminal.out(terminal.paint('red', printable(`NOT proven: ${checked}`)));
}

function proofOrReason(text: string, key: NoteKey, witnesses: readonly NoteKey[]): ProvenEntry | string {
  try {
    return verifyProof(text, key, witnesses);
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'ledger_corrupt') return thrown.message;
    throw thrown;
  }
}

/** The proof with the entry's text, if that is what its hash is of. */
function withCopy(proven: ProvenEntry, entry: string): ProvenEntry | string {
  const isIt = leafHash(Buffer.from(entry)).toString('hex') === proven.leaf;
  return isIt ? { ...proven, entry } : 'the copy is not the entry that was proven';
}

function withoutSteps({ steps: _, ...proven }: ProvenEntry): Omit<ProvenEntry, 'steps'> {
  return proven;
}

function sayProven({ terminal }: CliContext, proven: ProvenEntry): void {
  terminal.out(printable(`log        ${proven.origin}`));
  terminal.out(`checkpoint ${proven.size} entries, root ${proven.root}`);
  for (const name of proven.cosigners) terminal.out(printable(`witness    ${name}`));
  for (const json of [proven.entry, proven.form, proven.part]) {
    if (json !== undefined) terminal.jsonLine(JSON.parse(json));
  }
  const what =
    proven.entry === undefined
      ? `Entry ${proven.index}, of which only the hash is left (${proven.leaf}), is in the log.`
      : `Entry ${proven.index} is in the log.`;
  terminal.out(terminal.paint('green', what));
}

async function shred(context: CliContext, options: ShredOptions): Promise<void> {
  const { terminal, version } = context;
  const directory = ledgerPlace(context, options);
  const keys = listKeys(nodeFileSystem, directory).filter(
    ({ database, month, subject }) =>
      database === options.database &&
      (options.month?.includes(month) ?? true) &&
      (options.subject?.includes(subject) ?? true),
  );
  if (keys.length === 0) throw new SluiceError('not_found', 'there is no such key');
  for (const { id, database, month, subject } of keys)
    terminal.out(`${id}  ${database}  ${month}  ${subject}`);
  if (options.yes === undefined) {
    context.exitCode = EXIT.usage;
    return terminal.note('Nothing was destroyed: add --yes to do it. There is no way back.');
  }
  await recordCommand(directory, version, [
    {
      kind: 'keys-destroyed',
      by: userInfo().username,
      keys: keys.map(({ id }) => id),
      database: options.database,
      months: [...new Set(keys.map(({ month }) => month))],
      subjects: [...new Set(keys.map(({ subject }) => subject))],
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    },
  ]);
  for (const { id } of keys) await destroyKey(nodeFileSystem, directory, id);
  terminal.out(`${keys.length} keys are destroyed. Backups of ${directory}/keys still hold them.`);
}
