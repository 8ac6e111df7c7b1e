/** What the other rooms use of the PostgreSQL dialect. */
export { analyzeTree, type PostgresAnalysis, PostgresStatement } from './analysis.ts';
export { BUILTIN_LABELS } from './builtin-labels.ts';
export { CatalogSnapshot } from './catalog.ts';
export { type CatalogLoader, type CatalogQuery, createCatalogLoader } from './catalog-loader.ts';
export { flowLabels } from './labels-flow.ts';
export { createParser, type Parser, type ParserOptions } from './parser.ts';
export { createPostgresDialect, type PostgresDialect } from './postgres-dialect.ts';
export { RelationInfo } from './relation-info.ts';
export { createScope, type PostgresScope, type ScopeOptions } from './scope.ts';
export { parseSearchPath } from './search-path.ts';
export { quoteLiteral, relationsFromRows, sessionRelationsQuery } from './session-relations.ts';
export { shapeOf } from './shape.ts';
