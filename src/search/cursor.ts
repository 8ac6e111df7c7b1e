/** Where a page ended, as an opaque text: the place in the ledger, and the time that relative times count from on all pages alike. */
import { SluiceError } from '../errors/sluice-error.ts';

export interface Cursor {
  /** Of the last hit. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function cursorText({ seq, now }: Cursor): string {
  return Buffer.from(JSON.stringify([seq, now])).toString('base64url');
}

/** @throws {SluiceError} bad_request */
export function parseCursor(text: string): Cursor {
  try {
    const [seq, now] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown[];
    if (isCount(seq) && isCount(now)) return { seq, now };
  } catch {
    // Said below.
  }
  throw new SluiceError('bad_request', 'the cursor is none that a search gave', {
    hint: 'Leave it out to begin with the first page.',
  });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
