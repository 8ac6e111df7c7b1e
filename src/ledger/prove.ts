/** Makes the proof of one entry from a log: a directory, or the address it is served at. What it reads it checks. */
import { SluiceError } from '../errors/sluice-error.ts';
import { canonicalJson } from './canonical-json.ts';
import { readPart } from './entry-part.ts';
import { formHash } from './entry-text.ts';
import { ledgerError } from './ledger-error.ts';
import { HASH_BYTES, inclusionProof, leafHash, provesInclusion } from './merkle-tree.ts';
import { type EntryProof, formatProof } from './proof-file.ts';
import { checkCheckpoint } from './signed-checkpoint.ts';
import { type NoteKey, parseVkey } from './signed-note.ts';
import { CHECKPOINT, TILE_WIDTH } from './tile.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

/** Which entry: its place in the log, or its id (`<lane>.<number>`). */
export type EntryName = { readonly seq: number } | { readonly id: string };

/**
 * The proof file of a published entry; of one that was pruned, that its hash is in the log.
 * @param key the log's; default: the one beside the log
 * @throws {SluiceError} not_found if no checkpoint covers the entry; ledger_corrupt if the log does not verify; ledger_unavailable
 */
export async function proveEntry(source: TileSource, name: EntryName, key?: NoteKey): Promise<string> {
  try {
    const vkey = key ?? parseVkey((await source.read('vkey'))?.toString('utf8') ?? '');
    const checkpoint = (await source.read(CHECKPOINT))?.toString('utf8');
    if (vkey === undefined || checkpoint === undefined)
      throw new SluiceError('not_found', `there is no log in ${source.name}`);
    const checked = checkCheckpoint(checkpoint, vkey);
    if ('reason' in checked) throw new SluiceError('ledger_corrupt', checked.reason);
    const { size, root } = checked;
    const reader = new TileReader(source, size);
    const index = 'seq' in name ? name.seq : await find(reader, name.id);
    if (index >= size) throw new SluiceError('not_found', `entry ${index} is not published`);
    const bytes = await entryAt(reader, index);
    const leaf = bytes === undefined ? await leafAt(reader, index) : leafHash(bytes);
    const hashes = await inclusionProof(index, size, reader.subtree);
    if (!provesInclusion(leaf, index, size, root, hashes)) {
      throw new SluiceError('ledger_corrupt', `entry ${index} is not the one that was signed`);
    }
    if (bytes === undefined) return formatProof({ index, entry: undefined, leaf, hashes, checkpoint });
    const entry = bytes.toString('utf8');
    return formatProof({
      index,
      entry,
      ...(await belongings(source, reader, index, entry)),
      hashes,
      checkpoint,
    });
  } catch (cause) {
    throw ledgerError(cause, `cannot read the log in ${source.name}`);
  }
}

async function entryAt(reader: TileReader, index: number): Promise<Buffer | undefined> {
  return (await reader.bundle(Math.floor(index / TILE_WIDTH)))?.[index % TILE_WIDTH];
}

/** What is left of an entry that was pruned. */
async function leafAt(reader: TileReader, index: number): Promise<Buffer> {
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  return (await reader.hashes(0, Math.floor(index / TILE_WIDTH))).subarray(at, at + HASH_BYTES);
}

/** The place of an entry that is known by its id: looked for from the end. */
async function find(reader: TileReader, id: string): Promise<number> {
  const wanted = `"id":"${id}"`;
  for await (const [index, bytes] of backwards(reader, reader.size)) {
    if (bytes.includes(wanted) && JSON.parse(bytes.toString('utf8')).id === id) return index;
  }
  throw new SluiceError('not_found', `no published entry has the id ${id}`);
}

async function belongings(
  source: TileSource,
  reader: TileReader,
  index: number,
  entry: string,
): Promise<Pick<EntryProof, 'form' | 'part'>> {
  const members = JSON.parse(entry) as { part?: string; of?: string };
  const part =
    members.part === undefined ? undefined : (await readPart(source, members.part))?.toString('utf8');
  const { of } = { ...members, ...(part === undefined ? {} : (JSON.parse(part) as { of?: string })) };
  const form = of === undefined ? undefined : await formBefore(source, reader, index, of);
  return { ...(form === undefined ? {} : { form }), ...(part === undefined ? {} : { part }) };
}

async function formBefore(
  source: TileSource,
  reader: TileReader,
  index: number,
  of: string,
): Promise<string | undefined> {
  for await (const [, bytes] of backwards(reader, index)) {
    if (!bytes.includes('"kind":"form"')) continue;
    const members = JSON.parse(bytes.toString('utf8')) as { form?: unknown; part?: string };
    const part = members.part === undefined ? undefined : await readPart(source, members.part);
    const { form } = part === undefined ? members : (JSON.parse(part.toString('utf8')) as { form?: unknown });
    const json = form === undefined ? undefined : canonicalJson(form);
    if (json !== undefined && formHash(json) === of) return json;
  }
  return undefined;
}

async function* backwards(reader: TileReader, before: number): AsyncGenerator<[number, Buffer], void, void> {
  for (let bundle = Math.floor((before - 1) / TILE_WIDTH); bundle >= 0; bundle--) {
    const entries = (await reader.bundle(bundle)) ?? [];
    for (let at = Math.min(entries.length, before - bundle * TILE_WIDTH) - 1; at >= 0; at--) {
      const bytes = entries[at];
      if (bytes !== undefined) yield [bundle * TILE_WIDTH + at, bytes];
    }
  }
}
