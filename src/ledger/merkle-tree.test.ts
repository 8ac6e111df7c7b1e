import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogTree } from './log-tree.ts';
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  provesConsistency,
  provesInclusion,
  rootAt,
} from './merkle-tree.ts';
import { tilePath } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** MTH as section 2.1 of RFC 6962 says it, word for word. */
function mth(entries: readonly Buffer[]): Buffer {
  if (entries.length === 0) return sha256();
  if (entries.length === 1) return sha256(Buffer.from([0]), entries[0] as Buffer);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha256(Buffer.from([1]), mth(entries.slice(0, k)), mth(entries.slice(k)));
}

const entriesOf = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(`entry ${index}`));

/** A log in memory, written in portions. */
async function logOf(
  entries: readonly Buffer[],
  portion = entries.length,
): Promise<TileSource & { files: Map<string, Buffer> }> {
  const files = new Map<string, Buffer>();
  const source = { name: 'memory', files, read: async (path: string) => files.get(path) };
  for (let from = 0; from < entries.length; from += portion) {
    // Loaded anew each time: what a restart sees.
    const tree = await LogTree.load(source, from);
    for (const entry of entries.slice(from, from + portion)) tree.append(entry, leafHash(entry));
    const { parts, outdated } = tree.takeParts();
    for (const [path, bytes] of parts) files.set(path, bytes);
    for (const directory of outdated) {
      for (const path of files.keys()) if (path.startsWith(`${directory}/`)) files.delete(path);
    }
    expect(tree.root()).toEqual(mth(entries.slice(0, from + portion)));
  }
  return source;
}

// The tree of RFC 6962's test data in certificate-transparency and its descendants.
const KNOWN = [
  ['', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
  ['00', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
  ['10', 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
  ['2021', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'],
  ['3031', '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4'],
  ['40414243', '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef'],
  ['5051525354555657', 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
  ['606162636465666768696a6b6c6d6e6f', '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
] as const;

it('gives the roots that other implementations give', async () => {
  const entries = KNOWN.map(([hex]) => Buffer.from(hex, 'hex'));
  expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  const source = await logOf(entries, 1);
  for (const [index, [, root]] of KNOWN.entries()) {
    const { subtree } = new TileReader(source, KNOWN.length);
    expect((await rootAt(index + 1, subtree)).toString('hex')).toBe(root);
  }
});

describe.each([
  [1, 1],
  [7, 3],
  [255, 100],
  [256, 256],
  [257, 64],
  [1000, 77],
  [65_536 + 300, 30_000],
])('a log of %i entries, written %i at a time', (size, portion) => {
  it('has the tiles that the layout asks for, and all proofs hold', async () => {
    const entries = entriesOf(size);
    const source = await logOf(entries, portion);
    const { subtree } = new TileReader(source, size);
    const root = mth(entries);
    expect(await rootAt(size, subtree)).toEqual(root);
    for (let level = 0; size / 256 ** level >= 1; level++) {
      const hashes = Math.floor(size / 256 ** level);
      for (let index = 0; index * 256 < hashes; index++) {
        const width = Math.min(256, hashes - index * 256);
        expect(source.files.get(tilePath({ level, index, width }))?.length).toBe(width * 32);
      }
    }
    const sample = [0, 1, 254, 255, 256, 257, 511, 512, size >> 1, size - 2, size - 1].filter(
      (n) => n >= 0 && n < size && (size < 2000 || n % 2 === 0),
    );
    for (const index of sample) {
      const proof = await inclusionProof(index, size, subtree);
      const leaf = leafHash(entries[index] as Buffer);
      expect(provesInclusion(leaf, index, size, root, proof)).toBe(true);
      expect(provesInclusion(leaf, index + 1, size, root, proof)).toBe(false);
      expect(provesInclusion(leafHash(Buffer.from('other')), index, size, root, proof)).toBe(false);
      expect(provesInclusion(leaf, index, size, root, [...proof, root])).toBe(false);
      const oldSize = index + 1;
      const oldRoot = mth(entries.slice(0, oldSize));
      expect(await rootAt(oldSize, subtree)).toEqual(oldRoot);
      const path = await consistencyProof(oldSize, size, subtree);
      expect(provesConsistency(oldSize, size, oldRoot, root, path)).toBe(true);
      if (oldSize === size) continue;
      expect(provesConsistency(oldSize, size, root, root, path)).toBe(false);
      expect(provesConsistency(oldSize, size, oldRoot, oldRoot, path)).toBe(false);
      expect(provesConsistency(oldSize + 1, size, oldRoot, root, path)).toBe(false);
    }
  });
});

it('proves any entry and any earlier size, and nothing else', async () => {
  const most = 600;
  const entries = entriesOf(most);
  const source = await logOf(entries, 50);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: most }), fc.nat(), fc.nat(), async (size, a, b) => {
      const { subtree } = new TileReader(source, most);
      const [index, oldSize] = [a % size, b % (size + 1)];
      const root = mth(entries.slice(0, size));
      const proof = await inclusionProof(index, size, subtree);
      expect(provesInclusion(leafHash(entries[index] as Buffer), index, size, root, proof)).toBe(true);
      const flipped = proof.map((hash, at) =>
        at === a % proof.length ? Buffer.from(hash.map((byte) => byte ^ 1)) : hash,
      );
      if (proof.length > 0) {
        expect(provesInclusion(leafHash(entries[index] as Buffer), index, size, root, flipped)).toBe(false);
      }
      const path = await consistencyProof(oldSize, size, subtree);
      expect(provesConsistency(oldSize, size, mth(entries.slice(0, oldSize)), root, path)).toBe(true);
    }),
    { numRuns: 150 },
  );
});

it.each([
  [0, '000'],
  [5, '005'],
  [999, '999'],
  [1000, 'x001/000'],
  [1234067, 'x001/x234/067'],
])('names tile %i %s', (index, name) => {
  expect(tilePath({ level: 0, index, width: 256 })).toBe(`tile/0/${name}`);
  expect(tilePath({ level: 'entries', index, width: 7 })).toBe(`tile/entries/${name}.p/7`);
});
