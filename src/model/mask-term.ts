/** A mask as somebody wrote it, as a tree that was checked: see `masking/mask-terms.ts`. Pure types. */

/** Comparisons, concatenation, sums. */
export type MaskOperator = '||' | '+' | '-' | '=' | '<>' | '<' | '<=' | '>' | '>=' | 'like' | 'not like';

export type MaskTerm =
  /** The value that is masked. */
  | { readonly op: 'value' }
  | { readonly op: 'string'; readonly value: string }
  | { readonly op: 'integer'; readonly value: number }
  | { readonly op: 'null' }
  | { readonly op: 'call'; readonly name: string; readonly args: readonly MaskTerm[] }
  | {
      readonly op: 'binary';
      readonly operator: MaskOperator;
      readonly left: MaskTerm;
      readonly right: MaskTerm;
    }
  | { readonly op: 'and' | 'or'; readonly left: MaskTerm; readonly right: MaskTerm }
  | { readonly op: 'not'; readonly arg: MaskTerm }
  | { readonly op: 'is-null'; readonly arg: MaskTerm; readonly negated: boolean }
  | {
      readonly op: 'case';
      readonly whens: readonly (readonly [condition: MaskTerm, result: MaskTerm])[];
      readonly otherwise: MaskTerm;
    };

/** What a value may be for a term to be a mask of it. */
export type MaskValueType = 'text' | 'integer';
