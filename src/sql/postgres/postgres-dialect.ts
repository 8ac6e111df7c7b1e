/**
 * The dialect of PostgreSQL: parsing by the database's own grammar, resolution against a catalog snapshot, masks pushed down
 * into the text. Stateless but for the parser; everything about a session comes with its scope.
 */
import type { Dialect, Rewrite } from '../../model/dialect.ts';
import type { ColumnMask } from '../../model/labels.ts';
import { analyzeTree, type PostgresAnalysis } from './analysis.ts';
import type { Parser } from './parser.ts';
import { rewriteAnalysis } from './rewrite.ts';
import type { PostgresScope } from './scope.ts';
import { shapeOf } from './shape.ts';

export interface PostgresDialect extends Dialect<PostgresScope> {
  analyze(text: string, scope: PostgresScope): PostgresAnalysis | Promise<PostgresAnalysis>;
}

/** @param parser stays the caller's to close */
export function createPostgresDialect(parser: Parser): PostgresDialect {
  return {
    shape: shapeOf,
    analyze(text, scope) {
      const trees = parser.parse(text);
      if (trees instanceof Promise) return trees.then((parsed) => analyzeTree(text, parsed, scope));
      return analyzeTree(text, trees, scope);
    },
    rewrite(analysis, masks: readonly ColumnMask[], scope): Rewrite | Promise<Rewrite> {
      return rewriteAnalysis(analysis as PostgresAnalysis, masks, scope, parser);
    },
  };
}
