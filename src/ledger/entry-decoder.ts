/**
 * Entries as they are written → entries for people and programs: parts and forms put back, values decrypted where somebody has the key.
 * Verifies nothing: that is what `verify` does.
 */
import { LRUCache } from 'lru-cache';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEntry, LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import { canonicalJson } from './canonical-json.ts';
import { readPart } from './entry-part.ts';
import { formHash } from './entry-text.ts';
import type { TileSource } from './tile-store.ts';

/** An entry's bytes with its place. */
export interface RawEntry {
  readonly seq: number;
  readonly bytes: Buffer;
  /** False while no state counts it: `seq` is the place it would get. */
  readonly sequenced: boolean;
  /** The part it gave up, if it lies in a lane still. */
  readonly part?: Buffer;
}

/** Decrypts what a statement's values were sealed to. */
export interface Opener {
  /** The text that was sealed for an entry; undefined if the key is not at hand or was destroyed. */
  open(sealed: string, entry: string): string | undefined;
}

/** Finds the bytes of forms that were not read yet: gives those before an entry, newest first. */
export type EntriesBefore = (seq: number) => AsyncIterable<RawEntry>;

/** Characters of forms kept at hand. */
const KEPT_FORMS = 32_000_000;
const SEALED = '\u2039sealed\u203a';

type Members = Record<string, unknown>;
type StatementEvent = Extract<LedgerEvent, { kind: 'statement' }>;

export class EntryDecoder {
  readonly #source: TileSource;
  readonly #before: EntriesBefore;
  readonly #opener: Opener | undefined;
  readonly #forms = new LRUCache<string, StatementForm>({
    maxSize: KEPT_FORMS,
    sizeCalculation: (form) => 500 + form.text.reduce((sum, piece) => sum + piece.length, 0),
  });
  /** Forms that are nowhere: pruned, or never there. */
  readonly #missing = new Set<string>();

  constructor(source: TileSource, before: EntriesBefore, opener?: Opener) {
    this.#source = source;
    this.#before = before;
    this.#opener = opener;
  }

  /**
   * The entry; undefined if it only keeps a form.
   * @throws {SluiceError} ledger_corrupt if it is none, or its part is missing
   */
  async decode(raw: RawEntry): Promise<LedgerEntry | undefined> {
    const { at, id, ...rest } = await readMembers(raw, this.#source);
    if (rest.kind === 'form') {
      this.#keep(rest.form as StatementForm);
      return undefined;
    }
    const event =
      rest.kind === 'statement'
        ? await this.#statement(raw.seq, id as string, rest)
        : rest.kind === 'outcome'
          ? outcomeOf(rest)
          : (rest as unknown as LedgerEvent);
    return {
      seq: raw.seq,
      id: id as string,
      lane: Number.parseInt(id as string, 10),
      at: at as number,
      event,
    };
  }

  #keep(form: StatementForm): void {
    const hash = formHash(canonicalJson(form));
    this.#missing.delete(hash);
    this.#forms.set(hash, form);
  }

  async #statement(seq: number, id: string, members: Members): Promise<StatementEvent> {
    return statementOf(id, members, await this.#form(members.of as string, seq), this.#opener);
  }

  /** Looks backwards for a form that was not met yet, and keeps all others it meets on the way. */
  async #form(hash: string, seq: number): Promise<StatementForm | undefined> {
    const known = this.#forms.get(hash);
    if (known !== undefined || this.#missing.has(hash)) return known;
    for await (const raw of this.#before(seq)) {
      if (!mayKeepForm(raw.bytes)) continue;
      await this.decode(raw);
      const found = this.#forms.get(hash);
      if (found !== undefined) return found;
    }
    this.#missing.add(hash);
    return undefined;
  }
}

/** The members of an entry as they are written, those that went to its part included. @throws {SluiceError} ledger_corrupt */
export async function readMembers(raw: RawEntry, source: TileSource): Promise<Members> {
  const members = parse(raw.bytes, raw.seq);
  if (!isEntry(members)) throw noEntry(raw.seq);
  if (members.part === undefined) return members;
  const { part, ...rest } = members;
  const bytes = raw.part ?? (await readPart(source, part));
  if (bytes === undefined) throw new SluiceError('ledger_corrupt', `a part of entry ${raw.seq} is missing`);
  return { ...parse(bytes, raw.seq), ...rest };
}

/**
 * A statement put together from its entry's members and its form, if that is there still. `id` is the entry's.
 */
export function statementOf(
  id: string,
  members: Members,
  form: StatementForm | undefined,
  opener?: Opener,
): StatementEvent {
  const { of, sealed, literals, parameters, ...rest } = members as Members & {
    of: string;
    sealed?: string;
  };
  const { text, ...facts } = form ?? LOST;
  const opened = sealed === undefined ? undefined : opener?.open(sealed, id);
  const values = (opened === undefined ? { literals, parameters } : JSON.parse(opened)) as {
    readonly literals?: readonly string[];
    readonly parameters?: readonly (string | null)[];
  };
  return {
    ...facts,
    ...(rest as { kind: 'statement'; session: string; statement: number; approval?: string }),
    of,
    text: text
      .map((piece, index) => (index === 0 ? piece : `${values.literals?.[index - 1] ?? SEALED}${piece}`))
      .join(''),
    ...(values.literals === undefined ? {} : { literals: values.literals }),
    ...(values.parameters === undefined ? {} : { parameters: values.parameters }),
    ...(sealed === undefined || opened !== undefined ? {} : { sealed: sealed.slice(0, sealed.indexOf(':')) }),
  };
}

/** Stands for a form that was pruned. */
const LOST: StatementForm = {
  text: ['\u2039pruned\u203a'],
  command: '',
  actions: [],
  relations: [],
  decision: 'deny',
  policies: [],
  policyVersion: '',
};

const FORM_ENDINGS = ['"kind":"form"}', '"kind":"form","part":"'];

function mayKeepForm(bytes: Buffer): boolean {
  return FORM_ENDINGS.some((ending) => bytes.includes(ending, Math.max(0, bytes.length - 100)));
}

function outcomeOf({ us, ...rest }: Members): LedgerEvent {
  return { ...rest, durationUs: us } as unknown as LedgerEvent;
}

function parse(bytes: Buffer, seq: number): Members {
  try {
    const members: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof members === 'object' && members !== null) return members as Members;
  } catch {
    // Said below.
  }
  throw noEntry(seq);
}

/** The last moment that a `Date` knows. */
const MAX_TIME = 8.64e15;

/** What every entry has: whoever signed a log may have put anything into it. */
function isEntry({ at, id, kind }: Members): boolean {
  return (
    Number.isSafeInteger(at) &&
    Math.abs(at as number) <= MAX_TIME &&
    typeof id === 'string' &&
    typeof kind === 'string'
  );
}

function noEntry(seq: number): SluiceError {
  return new SluiceError('ledger_corrupt', `entry ${seq} of the ledger is no entry`);
}
