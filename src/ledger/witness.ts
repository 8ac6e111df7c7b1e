/**
 * Asks a witness to cosign checkpoints: it remembers the last one it saw of this log, and signs only what continues it.
 *
 * @see https://c2sp.org/tlog-witness
 */
import { SluiceError } from '../errors/sluice-error.ts';
import { readBody } from './bounded-body.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { consistencyProof } from './merkle-tree.ts';
import {
  isSignedBy,
  type NoteKey,
  type NoteSignature,
  parseNote,
  parseSignatureLines,
} from './signed-note.ts';
import { TileReader } from './tile-reader.ts';
import type { TileSource } from './tile-store.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

export class Witness {
  readonly key: NoteKey;
  readonly #url: string;
  /** The size that it cosigned last, as far as is known. */
  #lastSize = 0;

  /** @param url its submission prefix */
  constructor(key: NoteKey, url: string) {
    this.key = key;
    this.#url = `${url.replace(/\/+$/, '')}/add-checkpoint`;
  }

  /**
   * The witness's signatures on a checkpoint.
   * @param source the log it is of
   * @throws {SluiceError} ledger_unavailable if it does not answer, refuses, or signs something else
   */
  async cosign(checkpoint: string, source: TileSource): Promise<readonly NoteSignature[]> {
    const note = parseNote(checkpoint);
    const { size } = (note && parseCheckpoint(note.text)) ?? { size: -1 };
    const reader = new TileReader(source, size);
    let answer = await this.#submit(checkpoint, size, reader);
    if (answer.status === 409) {
      // It remembers another size than this process does: a restart, or another of its answers that was lost.
      const known = /^(\d{1,15})\n?$/.exec(answer.body)?.[1];
      if (known === undefined) throw this.#refusal('it does not say how many entries it has seen');
      // Not to be shrugged off: somebody has published more of this log than there is here.
      if (Number(known) > size) throw this.#refusal(`it has seen ${known} entries, and the log has ${size}`);
      this.#lastSize = Number(known);
      answer = await this.#submit(checkpoint, size, reader);
    }
    if (answer.status !== 200) throw this.#refusal(`it answers ${answer.status}`);
    // One is enough, however many it sends: what is added to the checkpoint stays small.
    const own = (parseSignatureLines(answer.body) ?? [])
      .filter(({ name, id }) => name === this.key.name && id === this.key.id)
      .slice(0, 1);
    const signed =
      note !== undefined && own.length > 0 && isSignedBy({ text: note.text, signatures: own }, this.key);
    if (!signed) throw this.#refusal('it signed something else');
    this.#lastSize = size;
    return own;
  }

  async #submit(
    checkpoint: string,
    size: number,
    reader: TileReader,
  ): Promise<{ status: number; body: string }> {
    const old = Math.min(this.#lastSize, size);
    const proof = await consistencyProof(old, size, reader.subtree);
    const lines = [`old ${old}`, ...proof.map((hash) => hash.toString('base64')), '', checkpoint];
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        body: lines.join('\n'),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: answer.status, body: (await readBody(answer, MAX_ANSWER_BYTES)).toString('utf8') };
    } catch (cause) {
      throw new SluiceError('ledger_unavailable', `the witness ${this.key.name} does not answer`, { cause });
    }
  }

  #refusal(reason: string): SluiceError {
    return new SluiceError('ledger_unavailable', `the witness ${this.key.name} does not cosign: ${reason}`);
  }
}
