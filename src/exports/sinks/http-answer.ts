/** What the answer of an HTTP receiver means. */
import { RejectedError } from './sink.ts';

/** The content is at fault, not who sends it or when. */
const REFUSALS: readonly number[] = [400, 413, 415, 422];

/** @throws {RejectedError} if the receiver will never take it; {Error} if it may be tried again */
export function checkAnswer(status: number): void {
  if (status >= 200 && status < 300) return;
  if (REFUSALS.includes(status)) throw new RejectedError(`the receiver refuses with ${status}`);
  throw new Error(`the receiver answers ${status}`);
}
