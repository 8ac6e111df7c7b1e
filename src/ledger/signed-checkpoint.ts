/** A checkpoint that somebody read somewhere: believed only if the log's key signed it. */
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { isSignedBy, type NoteKey, parseNote } from './signed-note.ts';

/** What is wrong with it, or what it says. */
export type CheckedCheckpoint =
  | (Checkpoint & { readonly cosigners: readonly string[] })
  | { readonly reason: string };

/**
 * Checks a checkpoint against the log's key.
 * @param witnesses whose cosignatures count; those that are good are named in `cosigners`
 */
export function checkCheckpoint(
  text: string,
  key: NoteKey,
  witnesses: readonly NoteKey[] = [],
): CheckedCheckpoint {
  const note = parseNote(text);
  if (note === undefined) return { reason: 'the checkpoint is malformed' };
  if (!isSignedBy(note, key)) return { reason: `the checkpoint is not signed by the key of ${key.name}` };
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint === undefined) return { reason: 'the checkpoint is malformed' };
  if (checkpoint.origin !== key.name) return { reason: `the checkpoint is of the log ${checkpoint.origin}` };
  const cosigners = witnesses.filter((witness) => isSignedBy(note, witness)).map((witness) => witness.name);
  return { ...checkpoint, cosigners };
}
