/**
 * The Merkle tree of RFC 6962, as arithmetic over hashes: which ones a root, an inclusion proof and a consistency proof are made
 * of, and how they are checked. Never reads a file; whoever has the tiles gives the hashes of perfect subtrees.
 *
 * Sizes and indices are non-negative safe integers. Hashes are 32 bytes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6962#section-2.1
 */
import { hash } from 'node:crypto';

export const HASH_BYTES = 32;

/** The root of the tree without leaves. */
export const EMPTY_ROOT: Buffer = hash('sha256', '', 'buffer');

/** The hash of the perfect subtree of 2^`level` leaves that begins with leaf `index` × 2^`level`. */
export type SubtreeHash = (level: number, index: number) => Promise<Buffer>;

const LEAF_PREFIX = Buffer.from([0]);
/** The input of a node's hash: used again and again, because a tree has as many nodes as leaves. */
const NODE_INPUT = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

/** What stands in the tree for an entry: SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Buffer): Buffer {
  return hash('sha256', Buffer.concat([LEAF_PREFIX, entry], entry.length + 1), 'buffer');
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  NODE_INPUT.set(left, 1);
  NODE_INPUT.set(right, 1 + HASH_BYTES);
  return hash('sha256', NODE_INPUT, 'buffer');
}

/** The root over hashes of perfect subtrees of one size: `hashes` holds them end to end; at least one. */
export function rootOver(hashes: Buffer): Buffer {
  let row = hashes;
  for (let count = row.length / HASH_BYTES; count > 1; count = row.length / HASH_BYTES) {
    const next = Buffer.allocUnsafe(Math.ceil(count / 2) * HASH_BYTES);
    for (let i = 0; i + 1 < count; i += 2) {
      row.copy(NODE_INPUT, 1, i * HASH_BYTES, (i + 2) * HASH_BYTES);
      // As text it costs a third of what a buffer does.
      next.write(hash('sha256', NODE_INPUT, 'binary'), (i / 2) * HASH_BYTES, 'latin1');
    }
    // One without a sibling moves up as it is: RFC 6962 splits at the largest power of two, so it is always the last one.
    if (count % 2 === 1) hashAt(row, count - 1).copy(next, next.length - HASH_BYTES);
    row = next;
  }
  return Buffer.from(row);
}

/** The hash number `index` of hashes that lie end to end. A view. */
export function hashAt(hashes: Buffer, index: number): Buffer {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** The root of the tree of the first `size` leaves. */
export function rootAt(size: number, subtree: SubtreeHash): Promise<Buffer> {
  return size === 0 ? Promise.resolve(EMPTY_ROOT) : rangeHash(0, size, subtree);
}

/**
 * The proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling upwards. Section 2.1.1.
 * @throws {RangeError} unless `index` < `size`.
 */
export async function inclusionProof(index: number, size: number, subtree: SubtreeHash): Promise<Buffer[]> {
  if (!(index < size)) throw new RangeError(`leaf ${index} is not in a tree of ${size}`);
  const proof: Buffer[] = [];
  let [low, high] = [0, size];
  while (high - low > 1) {
    const middle = low + splitOf(high - low);
    if (index < middle) {
      proof.push(await rangeHash(middle, high, subtree));
      high = middle;
    } else {
      proof.push(await rangeHash(low, middle, subtree));
      low = middle;
    }
  }
  return proof.reverse();
}

/**
 * The proof that the tree of `size` leaves begins with that of `oldSize` leaves. Section 2.1.2; empty if one of them is trivial.
 * @throws {RangeError} unless `oldSize` ≤ `size`.
 */
export async function consistencyProof(
  oldSize: number,
  size: number,
  subtree: SubtreeHash,
): Promise<Buffer[]> {
  if (!(oldSize <= size)) throw new RangeError(`a tree of ${size} cannot begin with one of ${oldSize}`);
  if (oldSize === 0 || oldSize === size) return [];
  const proof: Buffer[] = [];
  let [low, high, whole] = [0, size, true];
  while (high !== oldSize) {
    const middle = low + splitOf(high - low);
    if (oldSize <= middle) {
      proof.push(await rangeHash(middle, high, subtree));
      high = middle;
    } else {
      proof.push(await rangeHash(low, middle, subtree));
      low = middle;
      whole = false;
    }
  }
  if (!whole) proof.push(await rangeHash(low, high, subtree));
  return proof.reverse();
}

/** One step of the way from a leaf to the root. */
export interface ProofStep {
  /** On which side the other hash stands. */
  readonly side: 'left' | 'right';
  readonly sibling: Buffer;
  /** Of both together. */
  readonly hash: Buffer;
}

/** The way from a leaf upwards that a proof describes; undefined if it cannot lead to a root. RFC 9162, section 2.1.3.2. */
export function proofSteps(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
): readonly ProofStep[] | undefined {
  if (!(index < size)) return undefined;
  const steps: ProofStep[] = [];
  let [at, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return undefined;
    const side = at % 2 === 1 || at === last ? 'left' : 'right';
    hash = side === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
    steps.push({ side, sibling, hash });
    if (side === 'left') while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? steps : undefined;
}

/** True if `proof` leads from the leaf to the root. */
export function provesInclusion(
  leaf: Buffer,
  index: number,
  size: number,
  root: Buffer,
  proof: readonly Buffer[],
): boolean {
  const steps = proofSteps(leaf, index, size, proof);
  return steps !== undefined && (steps.at(-1)?.hash ?? leaf).equals(root);
}

/** True if `proof` shows that both roots are of one growing tree. RFC 9162, section 2.1.4.2. */
export function provesConsistency(
  oldSize: number,
  size: number,
  oldRoot: Buffer,
  root: Buffer,
  proof: readonly Buffer[],
): boolean {
  if (oldSize > size) return false;
  if (oldSize === size) return proof.length === 0 && oldRoot.equals(root);
  if (oldSize === 0) return proof.length === 0 && oldRoot.equals(EMPTY_ROOT);
  let [at, last] = [oldSize - 1, size - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  const rest = at === 0 ? [oldRoot, ...proof] : [...proof];
  const first = rest.shift();
  if (first === undefined) return false;
  let [oldComputed, computed] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldComputed = nodeHash(sibling, oldComputed);
      computed = nodeHash(sibling, computed);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      computed = nodeHash(computed, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && oldComputed.equals(oldRoot) && computed.equals(root);
}

/** MTH(D[low:high]). A perfect subtree is one hash of the tiles. */
async function rangeHash(low: number, high: number, subtree: SubtreeHash): Promise<Buffer> {
  const width = high - low;
  const split = splitOf(width);
  // `low` is a multiple of every split above it, so a range of a power of two is always aligned.
  if (width === 1 || split * 2 === width) return subtree(Math.log2(width), low / width);
  const left = await subtree(Math.log2(split), low / split);
  return nodeHash(left, await rangeHash(low + split, high, subtree));
}

/** The largest power of two below `width`, which is at least 2; 1 for 1. */
function splitOf(width: number): number {
  let split = 1;
  while (split * 2 < width) split *= 2;
  return split;
}
