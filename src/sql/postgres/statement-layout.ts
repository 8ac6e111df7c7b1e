/**
 * A statement laid out for people who have to judge it, with what is risky in it marked. White space between tokens is all that changes: the
 * result is cut into tokens again and compared, and a text that would read differently is shown as it is. For the eye only.
 */

import { looksLikeAnother } from '../../html/lookalikes.ts';
import type { Hazard, HazardKind } from '../../model/facts.ts';
import { offsetsOf } from './hazard-places.ts';
import { type Token, tokenize } from './lexer.ts';

/** Part of a laid-out text, [start, end), and why it is marked. */
export interface Mark {
  readonly start: number;
  readonly end: number;
  readonly hazard: HazardKind | 'looks-like-another';
}

export type PlacedHazard = Pick<Hazard, 'kind' | 'place'>;

export interface Layout {
  readonly text: string;
  readonly marks: readonly Mark[];
}

/** Longer texts are shown as they are. */
const MAX_LAID_OUT = 65_536;
const MAX_MARKS = 200;
const INDENT = '  ';
/** What begins a line, where a statement or a subquery stands. */
const LINE_STARTS: ReadonlySet<string> = new Set([
  ...['from', 'where', 'set', 'values', 'returning', 'group', 'order', 'having', 'limit', 'offset', 'window'],
  ...['union', 'except', 'intersect', 'left', 'right', 'inner', 'full', 'cross', 'when', 'on'],
]);
const STATEMENTS: ReadonlySet<string> = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'with',
  'values',
]);

/** The words that make a statement a hazard of each kind, for hazards without a place. Those that no word shows have none. */
const WORDS: Readonly<Record<HazardKind, readonly string[]>> = {
  'drops-object': ['drop'],
  'drops-column': ['drop'],
  'drops-constraint': ['drop'],
  renames: ['rename'],
  'empties-table': ['truncate'],
  'rewrites-table': ['type', 'cluster', 'vacuum', 'add'],
  'checks-every-row': ['constraint', 'check', 'references', 'validate', 'not'],
  'blocks-others': ['lock', 'reindex', 'cluster', 'vacuum', 'index', 'alter'],
  'unbounded-write': ['update', 'delete', 'merge'],
  'hidden-write': ['insert', 'update', 'delete', 'merge', 'analyze', 'do', 'execute'],
  'bulk-read': ['select', 'copy', 'table'],
  'changes-privileges': ['grant', 'revoke', 'privileges', 'owner'],
  'changes-roles': ['role', 'user', 'group'],
  'acts-as-another': ['role', 'authorization', 'definer'],
  'lifts-safeguard': ['set', 'disable', 'reset'],
  'administers-server': ['system', 'alter', 'checkpoint'],
  'runs-program': ['program'],
  'reaches-files': ['copy', 'from', 'to'],
  'loads-code': ['extension', 'language', 'load', 'function', 'procedure'],
  'reaches-other-sessions': ['pg_terminate_backend', 'pg_cancel_backend'],
  'reaches-other-servers': ['dblink', 'server', 'foreign', 'subscription'],
  'uses-large-objects': ['large', 'lo_import', 'lo_export', 'lo_unlink'],
  'runs-unseen-code': ['do', 'call', 'execute', 'function'],
  'ends-transaction': ['commit', 'rollback', 'end', 'abort', 'prepare'],
};

/** Never throws. @param hazards of all that the text holds, those of its own with their places in it */
export function layOut(text: string, hazards: readonly PlacedHazard[]): Layout {
  const tokens = text.length > MAX_LAID_OUT ? [] : tokenize(text);
  const laid = arrange(text, tokens);
  const shown = tokens.length > 0 && readsAs(laid, text, tokens) ? laid : text;
  return { text: shown, marks: shown.length > MAX_LAID_OUT ? [] : marksIn(shown, hazards) };
}

function arrange(text: string, tokens: readonly Token[]): string {
  let out = '';
  /** For each open parenthesis: whether a query stands in it. */
  const nesting: boolean[] = [];
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1];
    const gap = text.slice(before?.end ?? 0, token.start);
    if (token.word === ')') nesting.pop();
    out += spaceBetween(before, token, gap, nesting) + text.slice(token.start, token.end);
    if (token.word === '(') nesting.push(STATEMENTS.has(tokens[index + 1]?.word ?? ''));
  }
  return out + text.slice(tokens.at(-1)?.end ?? 0).trimEnd();
}

function spaceBetween(
  before: Token | undefined,
  token: Token,
  gap: string,
  nesting: readonly boolean[],
): string {
  // A comment stays where it is; a line break between two strings makes them one.
  const isBlank = gap.trim() === '';
  if (!isBlank || (before?.kind === 'literal' && token.kind === 'literal')) return gap;
  if (before === undefined) return '';
  if (before.word === ';' && nesting.length === 0) return '\n';
  const breaks = token.kind === 'word' && LINE_STARTS.has(token.word) && (nesting.at(-1) ?? true);
  if (breaks && gap !== '') return `\n${INDENT.repeat(nesting.length)}`;
  return gap === '' ? '' : ' ';
}

function readsAs(laid: string, text: string, tokens: readonly Token[]): boolean {
  const again = tokenize(laid);
  return (
    again.length === tokens.length &&
    again.every(({ start, end, kind }, index) => {
      const token = tokens[index]!;
      return kind === token.kind && laid.slice(start, end) === text.slice(token.start, token.end);
    })
  );
}

function marksIn(text: string, hazards: readonly PlacedHazard[]): Mark[] {
  const tokens = tokenize(text);
  const placed = hazards.flatMap(({ kind, place }): Mark[] => {
    const offsets = place && offsetsOf(tokens, place);
    return offsets === undefined ? [] : [{ ...offsets, hazard: kind }];
  });
  const unplaced = hazards.filter(({ place }) => place === undefined);
  return apart([...placed, ...wordsOf(tokens, unplaced), ...lookalikesIn(text, tokens)]).slice(0, MAX_MARKS);
}

/** Of hazards that stand nowhere in particular, every word that may show them. */
function wordsOf(tokens: readonly Token[], hazards: readonly PlacedHazard[]): readonly Mark[] {
  const kinds = new Map<string, HazardKind>();
  for (const { kind } of hazards) for (const word of WORDS[kind]) if (!kinds.has(word)) kinds.set(word, kind);
  if (kinds.size === 0) return [];
  return tokens.flatMap(({ start, end, kind, word }): Mark[] => {
    const hazard = kind === 'word' ? kinds.get(word) : undefined;
    return hazard === undefined ? [] : [{ start, end, hazard }];
  });
}

function lookalikesIn(text: string, tokens: readonly Token[]): readonly Mark[] {
  return tokens.flatMap(({ start, end, kind }): Mark[] => {
    const isName = kind === 'word' || kind === 'quoted-name';
    const isMarked = isName && looksLikeAnother(text.slice(start, end));
    return isMarked ? [{ start, end, hazard: 'looks-like-another' }] : [];
  });
}

/** In their order; of those that overlap, the one that begins first, and the longer one of those. */
function apart(marks: readonly Mark[]): Mark[] {
  const kept: Mark[] = [];
  for (const mark of marks.toSorted((a, b) => a.start - b.start || b.end - a.end))
    if (mark.start >= (kept.at(-1)?.end ?? 0)) kept.push(mark);
  return kept;
}
