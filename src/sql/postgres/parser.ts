/**
 * PostgreSQL's own parser, kept alive whatever is thrown at it.
 *
 * Short texts are parsed on the calling thread: no nesting that fits into `SHORT_TEXT` overflows its stack. Longer ones go
 * to one worker with a deep stack and a time-out, replaced whenever it may have been damaged. It never guesses: a text
 * gives the tree of exactly that text or an error.
 *
 * @see https://github.com/pganalyze/libpg_query
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import { createParserThread, type ParserThread } from './parser-thread.ts';
import { failureOf, type ParseFailure } from './parser-worker.ts';
import type { ParseTree } from './tree.ts';

/** The longest text, in UTF-16 code units, that is parsed on the calling thread. */
export const SHORT_TEXT = 4_096;

/** After so many overflows the main thread's parser is no longer trusted, even if it still answers. */
const MAX_OVERFLOWS = 8;

export interface ParserOptions {
  /** How long one long text may take. Default 5,000. */
  readonly timeoutMs?: number;
  /** The longest text accepted, in UTF-16 code units. Default 16 MiB. */
  readonly maxTextLength?: number;
  /** How many long texts may wait. Default 64. */
  readonly maxQueued?: number;
}

export interface Parser {
  /**
   * Parses a text. Synchronous for short ones.
   * @throws {SluiceError} syntax_error, statement_too_complex, statement_too_large, bad_encoding
   */
  parse(text: string): ParseTree | Promise<ParseTree>;
  /** Ends the worker. Texts under way fail. */
  close(): Promise<void>;
}

const EMPTY: ParseTree = { version: 0, stmts: [] };

/** Loads the parser (some 140 MB for the process; a second call shares it). */
export async function createParser(options: ParserOptions = {}): Promise<Parser> {
  const library = await import('libpg-query');
  await library.loadModule();
  const thread = createParserThread(options.timeoutMs ?? 5_000, options.maxQueued ?? 64);
  return new HardenedParser(library.parseSync, thread, options.maxTextLength ?? 16 * 1024 * 1024);
}

class HardenedParser implements Parser {
  readonly #parseSync: (text: string) => ParseTree;
  readonly #thread: ParserThread;
  readonly #maxTextLength: number;
  #overflows = 0;

  constructor(parseSync: (text: string) => ParseTree, thread: ParserThread, maxTextLength: number) {
    this.#parseSync = parseSync;
    this.#thread = thread;
    this.#maxTextLength = maxTextLength;
  }

  parse(text: string): ParseTree | Promise<ParseTree> {
    if (text.length > this.#maxTextLength) {
      throw new SluiceError(
        'statement_too_large',
        `the statement is longer than ${this.#maxTextLength} characters`,
      );
    }
    requireCleanText(text);
    if (text === '') return EMPTY;
    if (text.length <= SHORT_TEXT && this.#overflows < MAX_OVERFLOWS) return this.#parseHere(text);
    return this.#thread.parse(text).then((reply) => {
      if ('json' in reply) return JSON.parse(reply.json) as ParseTree;
      throw errorOf(reply.failure);
    });
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #parseHere(text: string): ParseTree {
    try {
      return this.#parseSync(text);
    } catch (thrown) {
      const failure = failureOf(thrown);
      if (failure.kind === 'poisoned')
        this.#overflows = this.#isAlive() ? this.#overflows + 1 : MAX_OVERFLOWS;
      throw errorOf(failure);
    }
  }

  #isAlive(): boolean {
    try {
      return this.#parseSync('SELECT 1').stmts?.length === 1;
    } catch {
      return false;
    }
  }
}

function errorOf(failure: ParseFailure): SluiceError {
  if (failure.kind === 'syntax') {
    return new SluiceError('syntax_error', failure.message, { position: (failure.position ?? 0) + 1 });
  }
  return new SluiceError('statement_too_complex', 'the statement is too complex to be analysed', {
    detail: failure.message,
  });
}

/** The parser would cut the text at a NUL, and silently replace a lone surrogate: what it saw would not be what runs. */
function requireCleanText(text: string): void {
  if (text.includes('\0')) throw new SluiceError('bad_encoding', 'the statement holds a NUL character');
  if (!text.isWellFormed()) throw new SluiceError('bad_encoding', 'the statement is no well-formed Unicode');
}
