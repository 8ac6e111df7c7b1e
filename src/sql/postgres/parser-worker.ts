/**
 * The worker in which long texts are parsed: a deep stack of its own, and nothing lost when it must be killed.
 *
 * Started by `parser.ts`, never imported. One request at a time: `{id, text}` in, `{id, json}` or `{id, failure}` out;
 * the tree travels as JSON text because cloning a deep object overflows the receiver's stack.
 */
import { parentPort } from 'node:worker_threads';
import { loadModule, parseSync } from 'libpg-query';

/** A text to parse. */
export interface ParseRequest {
  readonly id: number;
  readonly text: string;
}

/** Why there is no tree. `poisoned` failures leave the WebAssembly instance unusable. */
export interface ParseFailure {
  readonly kind: 'syntax' | 'complex' | 'poisoned';
  readonly message: string;
  /** 0-based, in characters; only for `syntax`. */
  readonly position?: number;
}

export type ParseReply =
  | { readonly id: number; readonly json: string }
  | { readonly id: number; readonly failure: ParseFailure };

/** Deeper trees could overflow the stack of whoever walks them on the main thread. */
const MAX_DEPTH = 2_000;

const port = parentPort;
if (port) {
  await loadModule();
  port.on('message', ({ id, text }: ParseRequest) => port.postMessage(reply(id, text)));
}

function reply(id: number, text: string): ParseReply {
  try {
    const tree = parseSync(text);
    if (depthExceeds(tree, MAX_DEPTH)) {
      return { id, failure: { kind: 'complex', message: 'the statement is nested too deeply' } };
    }
    return { id, json: JSON.stringify(tree) };
  } catch (thrown) {
    return { id, failure: failureOf(thrown) };
  }
}

/** What a throw of the parser means. Anything but a report of PostgreSQL's own parser may have broken the instance. */
export function failureOf(thrown: unknown): ParseFailure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error.name !== 'SqlError') return { kind: 'poisoned', message: error.message };
  const details = (error as { sqlDetails?: { cursorPosition?: number } }).sqlDetails;
  if (error.message.startsWith('stack depth limit exceeded')) {
    return { kind: 'complex', message: error.message };
  }
  return { kind: 'syntax', message: error.message, position: details?.cursorPosition ?? 0 };
}

/** Breadth first, so that the check itself needs no stack. */
function depthExceeds(tree: unknown, limit: number): boolean {
  let level: unknown[] = [tree];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      for (const child of Object.values(value)) if (typeof child === 'object') next.push(child);
    }
    level = next;
  }
  return false;
}
