/**
 * Checks a ledger without trusting whoever wrote it: every hash, every sequence number, the times, the segments' order, and
 * the signed head. Reads only; may run beside the gateway that writes. Memory stays flat.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SluiceError } from '../errors/sluice-error.ts';
import { type LedgerFileSystem, nodeFileSystem } from './file-system.ts';
import { type LedgerHead, readHead } from './head.ts';
import { laneDirectory, lanesOf } from './lane.ts';
import { ledgerError } from './ledger-error.ts';
import { listLane, statedLog } from './ledger-files.ts';
import { logIdOf, readPublicKey } from './ledger-key.ts';
import { type ChainPosition, ORIGIN, segmentsOf } from './segment-format.ts';
import { type SegmentScan, scanSegment } from './segment-scan.ts';

export interface VerifyOptions {
  /** The public key (PEM) to hold the head against; default: the one in the directory. Pin it to exclude its exchange. */
  readonly publicKey?: string;
  /** The ledger's id the caller expects. */
  readonly log?: string;
  readonly fileSystem?: LedgerFileSystem;
  /** Called now and then with the entries and bytes checked so far. */
  readonly onProgress?: (progress: { readonly entries: number; readonly bytes: number }) => void;
}

/** Where the ledger is not what it was. */
export interface LedgerFault {
  /** The first entry that does not verify, as far as that can be said. */
  readonly seq: number;
  readonly file: string;
  /** Where in the file the bad line begins. */
  readonly offset: number;
  readonly reason: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** Good entries, counted from the first. */
  readonly entries: number;
  readonly bytes: number;
  readonly segments: number;
  /** The ledger's id; undefined if there is no key. */
  readonly log: string | undefined;
  /** The hash of the last good entry: two copies of a ledger with the same one are the same up to there. */
  readonly hash: string;
  /** What the head covers; entries behind it are chained, but not signed yet. */
  readonly head: LedgerHead | undefined;
  /** Bytes of an unfinished line at the end: a write under way, or what a crash left. Recovery cuts it. */
  readonly tornBytes: number;
  readonly fault: LedgerFault | undefined;
}

/**
 * Verifies the ledger of a directory. A ledger that does not verify is a report, not an error.
 * @throws {SluiceError} not_found if there is no ledger; bad_request if `publicKey` is none; ledger_unavailable if a file
 *   cannot be read.
 */
export async function verifyLedger(directory: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  try {
    const fileSystem = options.fileSystem ?? nodeFileSystem;
    const lanes = lanesOf(fileSystem, directory);
    if (lanes.length === 0) throw new SluiceError('not_found', `there is no ledger in ${directory}`);
    const reports: VerifyReport[] = [];
    for (const lane of lanes) reports.push(await new Verification(directory, lane, options).run());
    return combined(reports);
  } catch (cause) {
    throw ledgerError(cause, `cannot read the ledger in ${directory}`);
  }
}

/** What is said of a ledger with several lanes: the sums, and the first fault. Hash and head are those of the first lane. */
function combined(reports: readonly VerifyReport[]): VerifyReport {
  const [first] = reports as [VerifyReport];
  const sum = (of: (report: VerifyReport) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  return {
    ...first,
    ok: reports.every((report) => report.ok),
    entries: sum((report) => report.entries),
    bytes: sum((report) => report.bytes),
    segments: sum((report) => report.segments),
    tornBytes: sum((report) => report.tornBytes),
    fault: reports.find((report) => report.fault !== undefined)?.fault,
  };
}

class Verification {
  readonly #directory: string;
  readonly #files: string;
  readonly #options: VerifyOptions;
  readonly #fileSystem: LedgerFileSystem;
  #position: ChainPosition = ORIGIN;
  #bytes = 0;
  #segments = 0;
  #log: string | undefined;
  #head: LedgerHead | undefined;
  #headHash: string | undefined;

  constructor(directory: string, lane: number, options: VerifyOptions) {
    this.#directory = directory;
    this.#files = laneDirectory(directory, lane);
    this.#options = options;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
  }

  async run(): Promise<VerifyReport> {
    // The head first: the gateway may append meanwhile, and the entries must not be fewer than the head says.
    const headFault = this.#readHead();
    const names = segmentsOf(listLane(this.#fileSystem, this.#files));
    let tornBytes = 0;
    for (const [index, name] of names.entries()) {
      const scan = await this.#scan(name);
      const fault = this.#faultOf(name, scan, index === names.length - 1);
      if (fault !== undefined) return this.#report(fault, 0);
      tornBytes = scan.unfinishedBytes;
    }
    return this.#report(headFault ?? this.#keyFault(names[0]) ?? this.#headFault(), tornBytes);
  }

  #readHead(): LedgerFault | undefined {
    const fault = (reason: string): LedgerFault => ({ seq: 0, file: 'head.json', offset: 0, reason });
    try {
      const key = this.#publicKey();
      if (key === undefined)
        return { ...fault('the public key of the ledger is missing'), file: 'key.pub.pem' };
      this.#log = logIdOf(key);
      if (this.#options.log !== undefined && this.#options.log !== this.#log) {
        return { ...fault(`the key is not that of ledger ${this.#options.log}`), file: 'key.pub.pem' };
      }
      this.#head = readHead(this.#fileSystem, this.#files, key);
      if (this.#head === undefined) return fault('the head is missing');
      return this.#head.log === this.#log ? undefined : fault('the head is of another ledger');
    } catch (cause) {
      if (cause instanceof SluiceError && cause.code === 'ledger_corrupt') return fault(cause.message);
      throw cause;
    }
  }

  #publicKey(): KeyObject | undefined {
    const pem = this.#options.publicKey;
    return pem === undefined ? readPublicKey(this.#fileSystem, this.#directory) : pinnedKey(pem);
  }

  async #scan(name: string): Promise<SegmentScan> {
    const fd = this.#fileSystem.open(join(this.#files, name), 'r', 0);
    try {
      const from = this.#bytes;
      const scan = scanSegment(this.#fileSystem, fd, this.#position, (position, endOffset) => {
        this.#position = position;
        this.#bytes = from + endOffset;
        if (position.seq - 1 === this.#head?.seq) this.#headHash = position.hash;
      });
      for (;;) {
        const step = scan.next();
        if (step.done) return step.value;
        this.#options.onProgress?.({ entries: this.#position.seq, bytes: this.#bytes });
        await nextTurn();
      }
    } finally {
      this.#fileSystem.close(fd);
      this.#segments++;
    }
  }

  #faultOf(name: string, scan: SegmentScan, last: boolean): LedgerFault | undefined {
    const at = { seq: scan.position.seq, file: name, offset: scan.goodBytes };
    if (scan.broken !== undefined) return { ...at, reason: scan.broken.reason };
    if (scan.unfinishedBytes > 0 && !last) return { ...at, reason: 'the line does not end' };
    return undefined;
  }

  /** The first entry names the key, so that neither can be exchanged without the other. */
  #keyFault(first: string | undefined): LedgerFault | undefined {
    if (first === undefined || this.#position.seq === 0) return undefined;
    const log = statedLog(this.#fileSystem, join(this.#files, first));
    if (log === this.#log) return undefined;
    return { seq: 0, file: 'key.pub.pem', offset: 0, reason: `the key is not that of ledger ${log}` };
  }

  #headFault(): LedgerFault | undefined {
    const head = this.#head;
    if (head === undefined || this.#headHash === head.hash) return undefined;
    if (this.#headHash !== undefined) {
      return {
        seq: head.seq,
        file: 'head.json',
        offset: 0,
        reason: 'the head holds another hash for this entry',
      };
    }
    const reason = `the ledger ends before entry ${head.seq}, which its head covers`;
    return { seq: this.#position.seq, file: 'head.json', offset: 0, reason };
  }

  #report(fault: LedgerFault | undefined, tornBytes: number): VerifyReport {
    return {
      ok: fault === undefined,
      entries: this.#position.seq,
      bytes: this.#bytes,
      segments: this.#segments,
      log: this.#log,
      hash: this.#position.hash,
      head: this.#head,
      tornBytes,
      fault,
    };
  }
}

function pinnedKey(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, without the file's text.
  }
  throw new SluiceError('bad_request', 'the public key given is not an Ed25519 key in PEM');
}
