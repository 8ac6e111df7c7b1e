/**
 * Checkpoints: the size and the root of the log at one moment, as a signed note. Pure.
 *
 * @see https://c2sp.org/tlog-checkpoint
 */
import { HASH_BYTES } from './merkle-tree.ts';

export interface Checkpoint {
  /** The name of the log. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The text to be signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Reads a note's text; undefined if it is no checkpoint. Extension lines are ignored. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin, digits, encoded] = text.split('\n');
  if (!text.endsWith('\n') || origin === undefined || origin === '' || encoded === undefined)
    return undefined;
  const [size, root] = [Number(digits), Buffer.from(encoded, 'base64')];
  if (String(size) !== digits || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (root.length !== HASH_BYTES || root.toString('base64') !== encoded) return undefined;
  return { origin, size, root };
}
