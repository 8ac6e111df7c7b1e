/**
 * The text of a configuration file: YAML 1.2 to plain values, and where each of them stands. A problem of
 * syntax or shape never quotes a value, because it may be a password in the wrong place.
 *
 * Spec: https://yaml.org/spec/1.2.2/
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { SluiceError } from '../errors/sluice-error.ts';

/** A way to a value: keys of maps and indexes of lists. */
export type ConfigPath = readonly (string | number)[];

/** Something wrong at one place of the file. `line` and `column` count from 1. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted: `databases.shop.port`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  /** What to do about it, as one sentence. */
  readonly fix: string;
}

/** A place in a file, counted from 1. */
export interface ConfigPosition {
  readonly line: number;
  readonly column: number;
}

/** The most a configuration may weigh: far beyond any real one, far below what would hurt. */
const MAX_TEXT_LENGTH = 4 * 1024 * 1024;

/** One sentence a code of the YAML parser; its own messages quote the file and stay out. */
const SYNTAX_FIXES: Readonly<Record<string, readonly [message: string, fix: string]>> = {
  ALIAS_PROPS: ['an alias cannot carry an anchor or a tag', 'Remove the anchor or tag.'],
  BAD_ALIAS: ['an alias has no anchor', 'Define the anchor before its first use, or quote the text.'],
  BAD_COLLECTION_TYPE: ['a tag does not fit its collection', 'Remove the tag.'],
  BAD_DIRECTIVE: ['an unknown directive', 'Remove the line that starts with %.'],
  BAD_DQ_ESCAPE: [
    'an unknown escape in a double-quoted text',
    'Use single quotes, or write \\\\ for a backslash.',
  ],
  BAD_INDENT: [
    'the indentation does not fit',
    'Align the line with its neighbours, using spaces, and close every bracket before it.',
  ],
  BAD_PROP_ORDER: ['an anchor or tag stands in the wrong place', 'Put it directly before the value.'],
  BAD_SCALAR_START: ['a text starts with a character that YAML reserves', 'Quote the text.'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a nested mapping is not allowed here',
    'Put the value on its own, indented line, or quote it.',
  ],
  BLOCK_IN_FLOW: ['an indented block stands inside { } or [ ]', 'Write the whole value in one style.'],
  DUPLICATE_KEY: ['the key is defined twice', 'Remove one of the two.'],
  IMPOSSIBLE: ['not valid YAML', 'Compare the line with docs/configuration.md.'],
  KEY_OVER_1024_CHARS: ['the key is too long', 'Shorten it, or check for a missing quote.'],
  MISSING_CHAR: [
    'a closing character is missing',
    'Close the quote, bracket or brace, or put a comma between the items.',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key runs over several lines', 'Check for a missing colon or quote.'],
  MULTIPLE_ANCHORS: ['a value has two anchors', 'Remove one of them.'],
  MULTIPLE_DOCS: ['the file holds more than one document', 'Remove the line ---.'],
  MULTIPLE_TAGS: ['a value has two tags', 'Remove one of them.'],
  NON_STRING_KEY: ['a key is not a text', 'Quote the key.'],
  RESOURCE_EXHAUSTION: ['the file is nested too deeply', 'Flatten it.'],
  TAB_AS_INDENT: ['a tab is used for indentation', 'Indent with spaces.'],
  TAG_RESOLVE_FAILED: ['an unknown tag', 'Remove the tag (it starts with !).'],
  UNEXPECTED_TOKEN: [
    'something is left over here',
    'Check indentation, quotes and colons just before this place.',
  ],
};

/** A parsed file. Immutable. */
export class ConfigSource {
  readonly file: string;
  /** The file as plain values; undefined if it does not parse. */
  readonly value: unknown;
  /** What the YAML parser found. */
  readonly problems: readonly ConfigProblem[];
  readonly #root: Node | null;
  readonly #lines = new LineCounter();

  /** @param file only for messages */
  constructor(file: string, text: string) {
    this.file = file;
    if (text.length > MAX_TEXT_LENGTH) {
      this.#root = null;
      this.problems = [this.problem([], 'the file is too large', 'Keep it under 4 MiB.')];
      return;
    }
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      version: '1.2',
      schema: 'core',
      uniqueKeys: true,
      stringKeys: true,
    });
    this.#root = document.contents;
    const problems = [...document.errors, ...document.warnings].map((error) =>
      this.#syntaxProblem(error.code, error.pos[0]),
    );
    visit(document, {
      Alias: (_key, alias) => {
        if (alias.resolve(document) === undefined) {
          problems.push(this.#syntaxProblem('BAD_ALIAS', startOf(alias) ?? 0));
        }
      },
    });
    if (problems.length === 0) {
      try {
        this.value = document.toJS({ maxAliasCount: 100 });
      } catch {
        problems.push(
          this.problem([], 'too many aliases', 'Write the values out instead of repeating anchors.'),
        );
      }
    }
    this.problems = problems;
  }

  /**
   * Where `path` stands; where its nearest existing parent stands if it does not exist. `at` chooses the key or the
   * value.
   */
  positionOf(path: ConfigPath, at: 'key' | 'value' = 'value'): ConfigPosition {
    let node: unknown = this.#root;
    let offset = startOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      const child = childOf(node, step);
      if (child === undefined) break;
      const last = index === path.length - 1;
      offset =
        (last && at === 'key' ? startOf(child.key) : startOf(child.value)) ?? startOf(child.key) ?? offset;
      node = child.value;
    }
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** A problem at `path`. */
  problem(
    path: ConfigPath,
    message: string,
    fix: string,
    options: { readonly at?: 'key' | 'value'; readonly severity?: 'error' | 'warning' } = {},
  ): ConfigProblem {
    const { severity = 'error', at = 'value' } = options;
    return { severity, file: this.file, ...this.positionOf(path, at), path: dotted(path), message, fix };
  }

  #syntaxProblem(code: string, offset: number): ConfigProblem {
    const [message, fix] = SYNTAX_FIXES[code] ?? SYNTAX_FIXES.IMPOSSIBLE!;
    const { line, col } = this.#lines.linePos(offset);
    const place = { line: Math.max(1, line), column: Math.max(1, col) };
    return { severity: 'error', file: this.file, ...place, path: '', message, fix };
  }
}

/** `sluice.yaml:12:7: unknown key "prot" …. Fix.` */
export function formatProblem(problem: ConfigProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}. ${problem.fix}`;
}

/** One error for all problems of a file, a line each. Takes at least one. */
export function configError(problems: readonly ConfigProblem[]): SluiceError {
  return new SluiceError('config_invalid', problems.map(formatProblem).join('\n'));
}

function childOf(node: unknown, step: string | number): { key: unknown; value: unknown } | undefined {
  if (isSeq(node)) {
    const value = node.items[Number(step)];
    return value === undefined ? undefined : { key: value, value };
  }
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step));
}

function startOf(node: unknown): number | undefined {
  if (!(isScalar(node) || isMap(node) || isSeq(node) || isAlias(node))) return undefined;
  return node.range?.[0];
}

/** Keys that hold dots are quoted, as in `databases.shop.labels."public.customers"`. */
export function dotted(path: ConfigPath): string {
  return path.map((step) => (String(step).includes('.') ? JSON.stringify(step) : String(step))).join('.');
}
