/**
 * Checks a log without trusting whoever wrote it: the checkpoint's signature, every tile against the root, every entry against its tile,
 * every part against its entry, and that no lane's entries have gaps. Reads only; may run beside the gateway that writes. Memory stays flat.
 *
 * Needs nothing but the log and its verifier key: a directory, a copy of one, or the address it is served at.
 */
import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SluiceError } from '../errors/sluice-error.ts';
import { LENGTH_BYTES } from './entry-bundle.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { HttpSource } from './http-source.ts';
import { checkLanes, LaneOrder } from './lane-order.ts';
import { ledgerError } from './ledger-error.ts';
import { HASH_BYTES, leafHash, rootAt } from './merkle-tree.ts';
import { mayHaveParts, PartCheck } from './part-check.ts';
import { PRUNED_RECORDS, PrunedEntries, parseRecordsHint, prunedEventIn } from './pruned-entries.ts';
import { checkCheckpoint } from './signed-checkpoint.ts';
import { formatVkey, type NoteKey, parseVkey } from './signed-note.ts';
import { CHECKPOINT, keptPath, TILE_WIDTH, tilePath, tileWidth } from './tile.ts';
import { DirectoryStore, type TileSource } from './tile-store.ts';
import { TileFault, VerifiedTiles } from './verified-tiles.ts';

export interface VerifyOptions {
  /** The verifier key to hold the log against; default: the one beside it. Pin it to exclude its exchange. */
  readonly vkey?: string;
  /** Verifier keys of witnesses whose cosignatures are looked for. */
  readonly witnesses?: readonly string[];
  /** Only these entries, both inclusive. */
  readonly fromSeq?: number;
  readonly toSeq?: number;
  /** Checkpoints noted earlier or elsewhere: the log must continue each, and so each of them those before it. */
  readonly earlier?: string | readonly string[];
  /** Where an earlier run stopped: what it verified is not read again, only shown to be part of this log. */
  readonly resume?: VerifiedPart;
  readonly fileSystem?: LedgerFileSystem;
  readonly source?: TileSource;
  /** Called now and then. */
  readonly onProgress?: (progress: VerifyProgress) => void | Promise<void>;
}

/** How far a run came. What is left can be verified by another one. */
export interface VerifiedPart {
  readonly size: number;
  /** The root of the first `size` entries, in hex. */
  readonly root: string;
}

export interface VerifyProgress {
  /** Entries verified in this run. */
  readonly entries: number;
  readonly of: number;
  /** To go on from later; only without a range. */
  part(): Promise<VerifiedPart>;
}

/** Where the log is not what was signed. */
export interface LedgerFault {
  /** The first entry that does not verify, as far as that can be said. */
  readonly seq: number;
  readonly file: string;
  /** Where in the file the bad entry begins: the first byte that is not proven. */
  readonly offset: number;
  readonly reason: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** The log's name and key; undefined if there is no key. */
  readonly vkey: string | undefined;
  /** What the checkpoint covers; undefined if it does not verify. */
  readonly checkpoint:
    | { readonly size: number; readonly root: string; readonly cosigners: readonly string[] }
    | undefined;
  /** Entries verified. */
  readonly entries: number;
  readonly bytes: number;
  /** Entries whose hash is proven, but whose text was pruned, as the log itself records. */
  readonly pruned: number;
  /** Where those are: first and last of each run, the first thousand. */
  readonly prunedRanges: readonly (readonly [first: number, last: number])[];
  /** Entries in lanes that no checkpoint covers yet: each is whole, none is proven. */
  readonly pending: number;
  readonly fault: LedgerFault | undefined;
}

/**
 * Verifies the log in a directory or at an address. One that does not verify is a report, not an error.
 * @throws {SluiceError} not_found if there is none; bad_request if a key given is none; ledger_unavailable if it cannot be read.
 */
export async function verifyLedger(place: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const source = options.source ?? sourceOf(place, options.fileSystem);
  const records = async () => (await source.read(PRUNED_RECORDS))?.toString('latin1');
  try {
    for (let run = 1; ; run++) {
      const before = await records();
      const report = await new Verification(place, source, options).run();
      // What was pruned while this looked, under a record that it did not know, is no fault.
      if (report.ok || run === MAX_RUNS || before === (await records())) return report;
    }
  } catch (cause) {
    throw ledgerError(cause, `cannot read the ledger in ${place}`);
  }
}

/** What a place that somebody typed holds: a directory, or what is served at an address. */
export function sourceOf(place: string, fileSystem: LedgerFileSystem = nodeFileSystem): TileSource {
  return /^https?:\/\//.test(place) ? new HttpSource(place) : new DirectoryStore(fileSystem, place);
}

/** @throws {SluiceError} bad_request */
export function pinnedKey(vkey: string): NoteKey {
  const key = parseVkey(vkey);
  if (key !== undefined) return key;
  throw new SluiceError('bad_request', 'the verifier key given is none: it looks like name+12345678+base64');
}

const YIELD_BUNDLES = 64;
const MAX_RANGES = 1000;
const MAX_RUNS = 3;

class Verification {
  readonly #place: string;
  readonly #source: TileSource;
  readonly #options: VerifyOptions;
  readonly #order = new LaneOrder();
  readonly #parts: PartCheck;
  #key: NoteKey | undefined;
  #checkpoint: VerifyReport['checkpoint'];
  #entries = 0;
  #bytes = 0;
  #pruned = 0;
  readonly #prunedRanges: [number, number][] = [];
  /** What the log records as pruned: proven entries only. */
  readonly #recorded = new PrunedEntries();
  #pending = 0;

  constructor(place: string, source: TileSource, options: VerifyOptions) {
    this.#place = place;
    this.#source = source;
    this.#options = options;
    this.#parts = new PartCheck(source);
  }

  async run(): Promise<VerifyReport> {
    const witnesses = (this.#options.witnesses ?? []).map(pinnedKey);
    const [vkey, bytes] = [await this.#vkey(), await this.#source.read(CHECKPOINT)];
    if (bytes === undefined && vkey === undefined && !(await this.#hasLanes())) {
      throw new SluiceError('not_found', `there is no ledger in ${this.#place}`);
    }
    const whole = (file: string, reason: string) => this.#report({ seq: 0, file, offset: 0, reason });
    if (vkey === undefined) return whole('vkey', 'the verifier key of the log is missing');
    if (bytes === undefined) return whole(CHECKPOINT, 'the checkpoint is missing');
    this.#key = vkey;
    const checked = checkCheckpoint(bytes.toString('utf8'), vkey, witnesses);
    if ('reason' in checked) return whole(CHECKPOINT, checked.reason);
    const { size, root, cosigners } = checked;
    this.#checkpoint = { size, root: root.toString('hex'), cosigners };
    try {
      const tiles = await VerifiedTiles.of(this.#source, size, root);
      await this.#learnPruned(tiles);
      const fault =
        (await this.#discontinuity(tiles, vkey)) ?? (await this.#walk(tiles)) ?? (await this.#lanes());
      return this.#report(fault);
    } catch (cause) {
      if (!(cause instanceof TileFault)) throw cause;
      return this.#report({
        seq: this.#entries + this.#first(),
        file: cause.file,
        offset: 0,
        reason: cause.reason,
      });
    }
  }

  async #vkey(): Promise<NoteKey | undefined> {
    if (this.#options.vkey !== undefined) return pinnedKey(this.#options.vkey);
    return parseVkey((await this.#source.read('vkey'))?.toString('utf8') ?? '');
  }

  /** The first entry to be read. */
  #first(): number {
    return this.#options.fromSeq ?? this.#options.resume?.size ?? 0;
  }

  /** What was noted before must be a beginning of this log. */
  async #discontinuity({ reader }: VerifiedTiles, key: NoteKey): Promise<LedgerFault | undefined> {
    const { earlier, resume } = this.#options;
    const noted: { size: number; root: string; what: string }[] = [];
    if (resume !== undefined) noted.push({ ...resume, what: 'the part verified before' });
    for (const one of [earlier ?? []].flat()) {
      const checked = checkCheckpoint(one, key);
      if ('reason' in checked)
        return { seq: 0, file: 'the earlier checkpoint', offset: 0, reason: checked.reason };
      noted.push({ size: checked.size, root: checked.root.toString('hex'), what: 'the earlier checkpoint' });
    }
    for (const { size, root, what } of noted) {
      const fault = (reason: string) => ({ seq: 0, file: CHECKPOINT, offset: 0, reason });
      if (size > reader.size) return fault(`the log has ${reader.size} entries, ${what} ${size}`);
      if ((await rootAt(size, reader.subtree)).toString('hex') !== root)
        return fault(`the log does not continue ${what}`);
    }
    return undefined;
  }

  /** What is missing must have been recorded: a hint says where, and the entries there are held against their tiles. */
  async #learnPruned(tiles: VerifiedTiles): Promise<void> {
    const { reader } = tiles;
    for (const seq of parseRecordsHint(await this.#source.read(PRUNED_RECORDS))) {
      if (seq >= reader.size) continue;
      const [index, at] = [Math.floor(seq / TILE_WIDTH), seq % TILE_WIDTH];
      const bytes = (await reader.bundle(index))?.[at];
      const event = bytes === undefined ? undefined : prunedEventIn(bytes);
      if (bytes === undefined || event === undefined) continue;
      const proven = (await tiles.hashes(0, index)).subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
      if (leafHash(bytes).equals(proven)) this.#recorded.add(event);
    }
  }

  async #walk(tiles: VerifiedTiles): Promise<LedgerFault | undefined> {
    const { size } = tiles.reader;
    const from = this.#first();
    const to = Math.min(this.#options.toSeq ?? size - 1, size - 1);
    for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH <= to; index++) {
      const fault = await this.#bundle(tiles, index, from, to);
      if (fault !== undefined) return fault;
      if (index % YIELD_BUNDLES > 0) continue;
      await this.#options.onProgress?.({
        entries: this.#entries,
        of: to - from + 1,
        part: async () => {
          const done = Math.min(size, (index + 1) * TILE_WIDTH);
          return { size: done, root: (await rootAt(done, tiles.reader.subtree)).toString('hex') };
        },
      });
      await nextTurn();
    }
    return undefined;
  }

  async #bundle(
    tiles: VerifiedTiles,
    index: number,
    from: number,
    to: number,
  ): Promise<LedgerFault | undefined> {
    // As text: comparing parts of it costs a fraction of what slices of a buffer do.
    const hashes = (await tiles.hashes(0, index)).toString('latin1');
    const first = index * TILE_WIDTH;
    const width = tileWidth('entries', index, tiles.reader.size);
    const bundle = await tiles.reader.bundleBytes(index);
    const bytes = bundle ?? (await tiles.reader.keptBytes(index)) ?? Buffer.alloc(LENGTH_BYTES * width);
    const file = bundle === undefined ? keptPath(index) : tilePath({ level: 'entries', index, width });
    const hasParts = mayHaveParts(bytes);
    let offset = 0;
    for (let at = 0; at < width; at++) {
      const start = offset + LENGTH_BYTES;
      const fault = (reason: string) => ({ seq: first + at, file, offset, reason });
      const end = start <= bytes.length ? start + bytes.readUInt16BE(offset) : Number.POSITIVE_INFINITY;
      if (end > bytes.length) return fault('the bundle ends too early');
      const isWanted = first + at >= from && first + at <= to;
      if (isWanted && bundle === undefined && end === start) {
        if (!this.#recorded.has(first + at))
          return fault('the entry is missing, and the log does not say that it was pruned');
        this.#notePruned(first + at);
      } else if (isWanted) {
        // The length has been read: its last byte makes room for the one that RFC 6962 wants in front of an entry.
        bytes[start - 1] = 0;
        const actual = hash('sha256', bytes.subarray(start - 1, end), 'binary');
        if (actual !== hashes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES))
          return fault('the entry is not the one that was signed');
        const gap = this.#order.check(bytes, start, end);
        if (gap !== undefined) return fault(gap);
        const isGoing = hasParts && this.#recorded.has(first + at);
        const part = hasParts ? await this.#parts.check(bytes.subarray(start, end), isGoing) : undefined;
        if (part !== undefined)
          return part.file === undefined
            ? fault(part.reason)
            : { seq: first + at, file: part.file, offset: 0, reason: part.reason };
        this.#entries++;
        this.#bytes += end - offset;
      }
      offset = end;
    }
    const surplus = width === TILE_WIDTH && offset !== bytes.length;
    return surplus
      ? { seq: first + width, file, offset, reason: 'the bundle holds more than its entries' }
      : undefined;
  }

  #notePruned(seq: number): void {
    this.#pruned++;
    this.#order.passOver();
    const last = this.#prunedRanges.at(-1);
    if (last?.[1] === seq - 1) last[1] = seq;
    else if (this.#prunedRanges.length < MAX_RANGES) this.#prunedRanges.push([seq, seq]);
  }

  async #lanes(): Promise<LedgerFault | undefined> {
    if (this.#options.source !== undefined || /^https?:/.test(this.#place)) return undefined;
    const { pending, fault } = checkLanes(this.#options.fileSystem ?? nodeFileSystem, this.#place);
    this.#pending = pending;
    return fault === undefined
      ? undefined
      : { seq: this.#checkpoint?.size ?? 0, file: 'lanes', offset: 0, reason: fault };
  }

  async #hasLanes(): Promise<boolean> {
    if (this.#options.source !== undefined || /^https?:/.test(this.#place)) return false;
    return checkLanes(this.#options.fileSystem ?? nodeFileSystem, this.#place).pending > 0;
  }

  #report(fault: LedgerFault | undefined): VerifyReport {
    return {
      ok: fault === undefined,
      vkey: this.#key === undefined ? undefined : formatVkey(this.#key),
      checkpoint: this.#checkpoint,
      entries: this.#entries,
      bytes: this.#bytes,
      pruned: this.#pruned,
      prunedRanges: this.#prunedRanges,
      pending: this.#pending,
      fault,
    };
  }
}
