/** What a filter asks for, as a tree. Pure types; docs/search.md says how people write it. */

/** What is kept in the dictionary of the index: a field and a value, case folded. */
export type TermField =
  | 'kind'
  | 'is'
  | 'principal'
  | 'agent'
  | 'for'
  | 'who'
  | 'chain'
  | 'database'
  | 'environment'
  | 'relation'
  | 'reads'
  | 'writes'
  | 'column'
  | 'function'
  | 'label'
  | 'masked'
  | 'unmasked'
  | 'command'
  | 'action'
  | 'decision'
  | 'policy'
  | 'version'
  | 'approval'
  | 'sqlstate'
  | 'outcome'
  | 'purpose'
  | 'client'
  | 'application'
  | 'session'
  | 'token'
  | 'form'
  | 'word'
  // Ranges that numbers fall into.
  | '#rows'
  | '#bytes'
  | '#us'
  | '#statement'
  // What a reader is confined to; nobody can write these.
  | '=actor'
  | '=for'
  | '=database';

/** What is compared as a number. */
export type NumberField = 'rows' | 'bytes' | 'us' | 'seq' | 'statement';

export type Filter =
  | { readonly op: 'all' }
  | { readonly op: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly op: 'not'; readonly of: Filter }
  /** The value itself; may hold `*`, which stands for anything, if `pattern`. */
  | { readonly op: 'term'; readonly field: TermField; readonly value: string; readonly pattern: boolean }
  /** An address within a network, such as `10.0.0.0/8`. */
  | { readonly op: 'network'; readonly network: string; readonly bits: number }
  /** Words that follow each other in the text, whatever stands between them but letters and digits. */
  | { readonly op: 'phrase'; readonly words: readonly string[] }
  /** Both ends included. */
  | { readonly op: 'number'; readonly field: NumberField; readonly from: number; readonly to: number }
  /** Milliseconds since the epoch: from, included, to, excluded. */
  | { readonly op: 'time'; readonly from: number; readonly to: number };

export const ALL: Filter = { op: 'all' };

/** Words of a text as the index knows them: letters, digits and `_`, in lower case, each of bounded length. */
export function wordsOf(text: string): string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []).map((word) => word.slice(0, MAX_WORD_LENGTH));
}

const MAX_WORD_LENGTH = 64;

/** A value as the dictionary has it. */
export function fold(value: string): string {
  return value.toLowerCase().slice(0, MAX_VALUE_LENGTH);
}

const MAX_VALUE_LENGTH = 200;

/** All of them. */
export function all(of: readonly Filter[]): Filter {
  const wanted = of.filter(({ op }) => op !== 'all');
  if (wanted.length === 0) return ALL;
  return wanted.length === 1 ? (wanted[0] as Filter) : { op: 'and', of: wanted };
}

export function any(of: readonly Filter[]): Filter {
  return of.length === 1 ? (of[0] as Filter) : { op: 'or', of };
}
