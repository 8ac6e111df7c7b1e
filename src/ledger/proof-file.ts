/**
 * One entry with everything that proves it, in one file: the format `tlog-proof`, with the entry, its form and its part as extra data. The
 * entry commits to both by their hashes; the checkpoint in the file commits to the entry. Pure.
 *
 * @see https://c2sp.org/tlog-proof
 */
import { hash } from 'node:crypto';
import { SluiceError } from '../errors/sluice-error.ts';
import { HASH_BYTES, leafHash, type ProofStep, proofSteps } from './merkle-tree.ts';
import { checkCheckpoint } from './signed-checkpoint.ts';
import type { NoteKey } from './signed-note.ts';

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';
const MAX_PROOF_HASHES = 63;
const MAX_FILE_LENGTH = 64 * 1024 * 1024;

/** What a proof is made of. */
export interface EntryProof {
  readonly index: number;
  /** The entry's bytes as text: canonical JSON; undefined if it was pruned. */
  readonly entry: string | undefined;
  /** In place of an entry that was pruned: its leaf hash. */
  readonly leaf?: Buffer;
  /** The form that a statement names by its hash: canonical JSON. */
  readonly form?: string;
  /** What the entry gave up because it was too large: canonical JSON. */
  readonly part?: string;
  readonly hashes: readonly Buffer[];
  /** The signed note, as it is published. */
  readonly checkpoint: string;
}

/** What a proof shows, if it holds. */
export interface ProvenEntry {
  readonly origin: string;
  readonly index: number;
  /** Entries of the log at that time. */
  readonly size: number;
  readonly root: string;
  /** Witnesses, of those asked for, that saw the same. */
  readonly cosigners: readonly string[];
  /** Undefined if it was pruned: then only its hash is proven. */
  readonly entry: string | undefined;
  /** Its leaf hash, in hex. */
  readonly leaf: string;
  readonly form: string | undefined;
  readonly part: string | undefined;
  /** From the entry's leaf hash to the root. */
  readonly steps: readonly ProofStep[];
}

export function formatProof({ index, entry, leaf, form, part, hashes, checkpoint }: EntryProof): string {
  const extra = JSON.stringify({
    ...(entry === undefined ? { leaf: leaf?.toString('hex') } : { entry }),
    ...(form !== undefined && { form }),
    ...(part !== undefined && { part }),
  });
  const lines = [
    FIRST_LINE,
    `extra ${Buffer.from(extra).toString('base64')}`,
    `index ${index}`,
    ...hashes.map((one) => one.toString('base64')),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/**
 * Checks a proof against the log's key.
 * @param witnesses whose cosignatures are looked for
 * @throws {SluiceError} bad_request if the text is no such proof; ledger_corrupt if it does not hold
 */
export function verifyProof(text: string, key: NoteKey, witnesses: readonly NoteKey[] = []): ProvenEntry {
  const { index, entry, form, part, hashes, checkpoint, ...proof } = parseProof(text);
  const checked = checkCheckpoint(checkpoint, key, witnesses);
  if ('reason' in checked) throw failed(checked.reason);
  const { origin, size, root, cosigners } = checked;
  const leaf = entry === undefined ? (proof.leaf as Buffer) : leafHash(Buffer.from(entry));
  const steps = proofSteps(leaf, index, size, hashes);
  if (steps === undefined || !(steps.at(-1)?.hash ?? leaf).equals(root)) {
    throw failed(`the entry is not number ${index} of the log`);
  }
  const members = entry === undefined ? {} : membersOf(entry);
  if (part !== undefined && hash('sha256', part, 'hex') !== members.part)
    throw failed('the part is not the entry\u2019s');
  const { of } = { ...members, ...(part === undefined ? {} : membersOf(part)) };
  if (form !== undefined && hash('sha256', form, 'base64url') !== of)
    throw failed('the form is not the entry\u2019s');
  return {
    ...{ origin, index, size, root: root.toString('hex'), cosigners, entry, form, part, steps },
    leaf: leaf.toString('hex'),
  };
}

/** @throws {SluiceError} bad_request */
function parseProof(text: string): EntryProof {
  const end = text.indexOf('\n\n');
  const [first, extra = '', index = '', ...hashes] = text.slice(0, Math.max(0, end)).split('\n');
  const digits = /^index (0|[1-9]\d{0,15})$/.exec(index)?.[1];
  const decoded = hashes.map((one) => Buffer.from(one, 'base64'));
  const whole =
    text.length <= MAX_FILE_LENGTH &&
    first === FIRST_LINE &&
    extra.startsWith('extra ') &&
    digits !== undefined &&
    hashes.length <= MAX_PROOF_HASHES &&
    decoded.every((one, at) => one.length === HASH_BYTES && one.toString('base64') === hashes[at]);
  if (!whole) throw malformed();
  const { entry, leaf, form, part } = extraOf(extra.slice('extra '.length));
  return {
    index: Number(digits),
    entry,
    ...(leaf === undefined ? {} : { leaf: Buffer.from(leaf, 'hex') }),
    ...(form === undefined ? {} : { form }),
    ...(part === undefined ? {} : { part }),
    hashes: decoded,
    checkpoint: text.slice(end + 2),
  };
}

interface Extra {
  readonly entry: string | undefined;
  readonly leaf?: string;
  readonly form?: string;
  readonly part?: string;
}

/** The entry with what belongs to it, or the hash of one that was pruned. */
function extraOf(encoded: string): Extra {
  try {
    const extra = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as Record<string, unknown>;
    const { entry, leaf, form, part } = extra;
    if (entry === undefined && typeof leaf === 'string' && /^[0-9a-f]{64}$/.test(leaf))
      return { entry: undefined, leaf };
    const typed =
      typeof entry === 'string' && [form, part].every((one) => one === undefined || typeof one === 'string');
    if (typed)
      return {
        entry,
        ...(form !== undefined && { form: form as string }),
        ...(part !== undefined && { part: part as string }),
      };
  } catch {
    // Said below.
  }
  throw malformed();
}

function membersOf(json: string): { readonly of?: unknown; readonly part?: unknown } {
  try {
    const members: unknown = JSON.parse(json);
    if (typeof members === 'object' && members !== null) return members;
  } catch {
    // Said below.
  }
  throw malformed();
}

function malformed(): SluiceError {
  return new SluiceError('bad_request', 'the file is not a proof of a ledger entry');
}

function failed(reason: string): SluiceError {
  return new SluiceError('ledger_corrupt', `the proof does not hold: ${reason}`);
}
