/**
 * Finds what may be pruned from a log, in one walk over it from the beginning: memory holds the sessions that are open, the forms that may
 * still be referred to, and a bit for each entry that may go.
 *
 * An entry goes when the rules say so, and stays as long as one that stays needs it: beginning and end of a session are needed by every
 * entry of it, a form by the statements that name it. The beginning of a session that may still be open stays.
 */
import { canonicalJson } from './canonical-json.ts';
import { readPart } from './entry-part.ts';
import { formHash } from './entry-text.ts';
import { FORM_REACH } from './form-shelf.ts';
import { noteHold } from './legal-holds.ts';
import { PrunedEntries, prunedEventIn } from './pruned-entries.ts';
import { type LegalHold, mayBePruned, type RetainedEntry, type RetentionRule } from './retention.ts';
import { TILE_WIDTH } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

export interface PruneRules {
  readonly rules: readonly RetentionRule[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Hashes of parts that may be left of an earlier run. */
  readonly candidates?: readonly string[];
  /** Called now and then, with the entries looked at; what it throws ends the walk. */
  readonly onProgress?: (entries: number, of: number) => Promise<void>;
}

const YIELD_BUNDLES = 64;

export interface PrunePlan {
  /** Entries of the log that were looked at. */
  readonly size: number;
  readonly entries: PrunedEntries;
  readonly count: number;
  readonly bytes: number;
  readonly byKind: ReadonlyMap<string, number>;
  /** Hashes of parts that no entry needs any more. */
  readonly parts: ReadonlySet<string>;
  readonly holds: readonly LegalHold[];
  /** Entries that record what was pruned before, and what they say. */
  readonly records: readonly number[];
  readonly recorded: PrunedEntries;
}

/** @throws {SluiceError} ledger_corrupt; else what the source throws */
export async function planPruning(source: TileSource, size: number, rules: PruneRules): Promise<PrunePlan> {
  // Holds come later than what they hold: where there are some, the walk is made again with them.
  let holds: readonly LegalHold[] = [];
  for (;;) {
    const walk = new Walk(source, size, rules, holds);
    await walk.run();
    if (JSON.stringify(walk.holds) === JSON.stringify(holds)) return walk.plan();
    holds = walk.holds;
  }
}

interface OpenSession {
  readonly database: string;
  readonly principals: readonly string[];
  readonly seq: number;
  readonly bytes: number;
  /** It may go itself, and nothing of its session stays so far. */
  isFree: boolean;
}

interface LiveForm {
  readonly seq: number;
  readonly number: number;
  readonly bytes: number;
  readonly part: string | undefined;
  isNeeded: boolean;
}

type Members = Record<string, unknown> & { readonly at: number; readonly id: string; readonly kind: string };

class Walk {
  readonly holds: LegalHold[] = [];
  readonly #source: TileSource;
  readonly #size: number;
  /** What comes after it is in a bundle that still grows: it is looked at, and stays. */
  readonly #wholeSize: number;
  readonly #rules: PruneRules;
  readonly #holds: readonly LegalHold[];
  readonly #sessions = new Map<string, OpenSession>();
  /** By lane and hash; in the order of the lane. */
  readonly #forms = new Map<string, Map<string, LiveForm>>();
  readonly #entries = new PrunedEntries();
  readonly #records: number[] = [];
  readonly #recorded = new PrunedEntries();
  readonly #byKind = new Map<string, number>();
  readonly #freeParts = new Set<string>();
  readonly #neededParts = new Set<string>();
  /** Where a gateway started last: what was open before it is over, whether somebody said so or a crash did not let them. */
  #startedAt = -1;
  #count = 0;
  #bytes = 0;

  constructor(source: TileSource, size: number, rules: PruneRules, holds: readonly LegalHold[]) {
    this.#source = source;
    this.#size = size;
    this.#wholeSize = size - (size % TILE_WIDTH);
    for (const part of rules.candidates ?? []) this.#freeParts.add(part);
    this.#rules = rules;
    this.#holds = holds;
  }

  async run(): Promise<void> {
    const reader = new TileReader(this.#source, this.#size);
    for (let index = 0; index * TILE_WIDTH < this.#size; index++) {
      const bundle = (await reader.bundle(index)) ?? [];
      for (const [at, bytes] of bundle.entries()) {
        if (bytes !== undefined) await this.#visit(index * TILE_WIDTH + at, bytes);
      }
      if (index % YIELD_BUNDLES === 0) await this.#rules.onProgress?.(index * TILE_WIDTH, this.#size);
    }
    for (const { seq, bytes, isFree } of this.#sessions.values()) {
      if (isFree && seq < this.#startedAt) this.#free(seq, 'session-opened', bytes, undefined);
    }
    for (const forms of this.#forms.values()) {
      for (const { part } of forms.values()) if (part !== undefined) this.#neededParts.add(part);
    }
  }

  plan(): PrunePlan {
    return {
      ...{ size: this.#size, entries: this.#entries, count: this.#count, bytes: this.#bytes },
      ...{ byKind: this.#byKind, holds: this.#holds, records: this.#records, recorded: this.#recorded },
      parts: new Set([...this.#freeParts].filter((part) => !this.#neededParts.has(part))),
    };
  }

  async #visit(seq: number, bytes: Buffer): Promise<void> {
    const members = JSON.parse(bytes.toString('utf8')) as Members;
    const part = typeof members.part === 'string' ? members.part : undefined;
    if (members.kind === 'form') return this.#form(seq, members, part, bytes.length);
    const session = typeof members.session === 'string' ? members.session : undefined;
    const open = session === undefined ? undefined : this.#sessions.get(session);
    const entry = retained(members, session, open);
    const mayGo =
      seq < this.#wholeSize && mayBePruned(entry, this.#rules.rules, this.#holds, this.#rules.now);
    noteHold(this.holds, members);
    this.#noteRecord(seq, bytes);
    if (await this.#isStart(members, part)) this.#startedAt = seq;
    if (members.kind === 'session-opened' && session !== undefined && part === undefined) {
      this.#sessions.set(session, {
        ...{ database: entry.database ?? '', principals: entry.principals, seq, isFree: mayGo },
        bytes: bytes.length,
      });
      return;
    }
    if (open !== undefined && !mayGo) open.isFree = false;
    if (members.kind === 'session-closed' && session !== undefined) {
      this.#sessions.delete(session);
      // The end stays with the beginning: without it, the session would count as open.
      if (open?.isFree === false) return this.#keep(members, part);
      if (open !== undefined) this.#free(open.seq, 'session-opened', open.bytes, undefined);
    }
    if (mayGo) this.#free(seq, members.kind, bytes.length, part);
    else await this.#keep(members, part);
  }

  async #keep(members: Members, part: string | undefined): Promise<void> {
    if (part !== undefined) this.#neededParts.add(part);
    if (members.kind !== 'statement') return;
    const of = members.of ?? (part === undefined ? undefined : (await this.#part(part)).of);
    const [lane] = members.id.split('.') as [string];
    const form = this.#forms.get(lane)?.get(of as string);
    if (form !== undefined) form.isNeeded = true;
  }

  /** A form is done with when the same is written again, or no statement can name it any more. */
  async #form(seq: number, members: Members, part: string | undefined, bytes: number): Promise<void> {
    const form = part === undefined ? members.form : (await this.#part(part)).form;
    const hash = formHash(canonicalJson(form));
    const [lane, number] = members.id.split('.') as [string, string];
    const forms = this.#forms.get(lane) ?? new Map<string, LiveForm>();
    this.#forms.set(lane, forms);
    for (const [known, live] of forms) {
      if (Number(number) - live.number <= FORM_REACH) break;
      this.#done(forms, known, live);
    }
    const former = forms.get(hash);
    if (former !== undefined) this.#done(forms, hash, former);
    forms.set(hash, { seq, number: Number(number), bytes, part, isNeeded: false });
  }

  #done(forms: Map<string, LiveForm>, hash: string, { seq, bytes, part, isNeeded }: LiveForm): void {
    forms.delete(hash);
    if (!isNeeded) this.#free(seq, 'form', bytes, part);
    else if (part !== undefined) this.#neededParts.add(part);
  }

  #free(seq: number, kind: string, bytes: number, part: string | undefined): void {
    this.#entries.mark(seq);
    this.#count++;
    this.#bytes += bytes;
    this.#byKind.set(kind, (this.#byKind.get(kind) ?? 0) + 1);
    if (part !== undefined) this.#freeParts.add(part);
  }

  async #isStart({ kind, door }: Members, part: string | undefined): Promise<boolean> {
    if (kind !== 'config-loaded') return false;
    return (part === undefined ? door : (await this.#part(part)).door) === 'start';
  }

  #noteRecord(seq: number, bytes: Buffer): void {
    const event = prunedEventIn(bytes);
    if (event === undefined) return;
    this.#records.push(seq);
    this.#recorded.add(event);
  }

  async #part(hash: string): Promise<Record<string, unknown>> {
    const bytes = await readPart(this.#source, hash);
    return bytes === undefined ? {} : (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>);
  }
}

function retained(
  members: Members,
  session: string | undefined,
  open: OpenSession | undefined,
): RetainedEntry {
  const { at, kind, database, principal, onBehalfOf, by, user } = members;
  const chain = Array.isArray(onBehalfOf) ? onBehalfOf : [];
  const named = [principal, by, user, ...chain].filter(
    (one) => typeof one === 'string' && one !== '',
  ) as string[];
  return {
    ...{ at, kind, session },
    database: open?.database ?? (typeof database === 'string' && database !== '' ? database : undefined),
    principals: [...(open?.principals ?? []), ...named],
  };
}
