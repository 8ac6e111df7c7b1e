/**
 * Text → analysis: parse, resolve every statement against a scope, and keep what rewriting will need.
 */
import { hash } from 'node:crypto';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Analysis, AnalyzedStatement, SessionObjectUse } from '../../model/dialect.ts';
import type { Facts } from '../../model/facts.ts';
import { type Binder, createBinder, settleReads } from './binder.ts';
import { digestOfTree } from './digest.ts';
import { withLimitedEffort } from './effort.ts';
import { callsNow } from './function-calls.ts';
import { type Locate, TokenPlaces } from './hazard-places.ts';
import { hazardsOf } from './hazards.ts';
import { firstToken } from './lexer.ts';
import { digestOfObjects } from './object-digest.ts';
import { createOffsets, isAscii, type Offsets } from './offsets.ts';
import type { PostgresScope } from './scope.ts';
import { shapeOf } from './shape.ts';
import { picksOneRow } from './single-row.ts';
import { bindStatement } from './statements.ts';
import { locksOf } from './table-locks.ts';
import { type Node, type ParseTree, type RawStmt, statementOf } from './tree.ts';

/** Longer ones are told apart by their text: walking such a tree takes as long as parsing it. */
const MAX_DIGESTED_TREE_LENGTH = 32_768;

/** Nobody is shown places in longer texts. */
const MAX_PLACED_LENGTH = 65_536;

/** A statement with its tree and everything that was resolved in it. */
export class PostgresStatement implements AnalyzedStatement {
  readonly facts: Facts;
  readonly start: number;
  readonly end: number;
  readonly unresolved: readonly string[];
  readonly sessionObject?: SessionObjectUse;
  readonly resolvesLate: boolean;
  /** What rewriting and digests need: some 200 bytes a character of the text. Gone once it has settled. */
  #work: { readonly tree: Node; readonly binder: Binder; readonly text: string } | undefined;
  #astDigest: string | undefined;
  #objectsDigest: string | undefined;

  /** @param text the whole text; the statement stands at [start, end) */
  constructor(tree: Node, binder: Binder, text: string, start: number, end: number, facts: Facts) {
    this.#work = { tree, binder, text };
    this.start = start;
    this.end = end;
    this.facts = facts;
    this.unresolved = binder.sheet.unresolved;
    this.resolvesLate = binder.references.some(({ role }) => role === 'body');
    if (binder.sessionObject) this.sessionObject = binder.sessionObject;
  }

  /** The statement's node. */
  get tree(): Node {
    return this.#unsettled().tree;
  }

  get binder(): Binder {
    return this.#unsettled().binder;
  }

  get astDigest(): string {
    this.#astDigest ??= this.#digest();
    return this.#astDigest;
  }

  get objectsDigest(): string {
    this.#objectsDigest ??= digestOfObjects(this.binder);
    return this.#objectsDigest;
  }

  settle(): void {
    if (this.#work === undefined) return;
    this.#astDigest ??= this.#digest();
    this.#objectsDigest ??= digestOfObjects(this.binder);
    this.#work = undefined;
  }

  #digest(): string {
    const { tree, text } = this.#unsettled();
    if (this.end - this.start <= MAX_DIGESTED_TREE_LENGTH) return digestOfTree(tree);
    return hash('sha256', text.slice(this.start, this.end), 'hex');
  }

  #unsettled(): { readonly tree: Node; readonly binder: Binder; readonly text: string } {
    if (this.#work === undefined) throw new TypeError('the statement has settled');
    return this.#work;
  }
}

/** What `analyze` of this dialect yields. */
export interface PostgresAnalysis extends Analysis {
  readonly statements: readonly PostgresStatement[];
  readonly offsets: Offsets;
  readonly trees: ParseTree;
}

/** Resolves a parsed text. @throws {SluiceError} statement_too_complex, statement_too_large, not_understood */
export function analyzeTree(text: string, trees: ParseTree, scope: PostgresScope): PostgresAnalysis {
  requireFewStatements(trees);
  const offsets = createOffsets(text);
  const places = new TokenPlaces(text, offsets);
  const statements: PostgresStatement[] = [];
  const disturbance: Disturbance = { catalog: false, path: false, begun: false };
  const analyze = (raw: RawStmt): void => {
    const isCurrent = scope.knowsBodies && !disturbance.catalog && !disturbance.path;
    const binder = createBinder(scope, isCurrent && callsNow(statementOf(raw)) ? NO_CALLS : undefined);
    bindStatement(binder, statementOf(raw));
    settleReads(binder);
    hideDisturbed(binder, disturbance);
    hideSharedNames(binder, statementOf(raw));
    const { start, end } = extentOf(raw, text, offsets);
    const { command } = binder.sheet;
    const locate = text.length > MAX_PLACED_LENGTH ? undefined : places.within({ start, end, command });
    const mayBreakOut = (trees.stmts?.length ?? 0) > 1 && !disturbance.begun;
    const facts = factsOf(statementOf(raw), binder, mayBreakOut, locate);
    if (facts.transaction === 'begin') disturbance.begun = true;
    const statement = new PostgresStatement(statementOf(raw), binder, text, start, end, facts);
    noteDisturbance(statement, disturbance);
    statements.push(statement);
  };
  try {
    withLimitedEffort(() => trees.stmts?.forEach(analyze));
  } catch (thrown) {
    throw asComplexity(thrown);
  }
  const fixedLiterals = fixedLiteralsOf(text, statements);
  const shareable = fixedLiterals !== undefined;
  return { text, statements, shareable, ...(shareable ? { fixedLiterals } : {}), offsets, trees };
}

const NO_CALLS: ReadonlySet<number> = new Set();

/** Each statement of a text has facts, a decision and two entries in the ledger. */
const MAX_STATEMENTS = 5_000;

function requireFewStatements({ stmts }: ParseTree): void {
  const count = stmts?.length ?? 0;
  if (count <= MAX_STATEMENTS) return;
  throw new SluiceError('statement_too_large', `the text holds ${count} statements`, {
    hint: `Send at most ${MAX_STATEMENTS} at once.`,
  });
}

/** Overflowing the stack while walking a tree is the text's doing, not ours. */
export function asComplexity(thrown: unknown): unknown {
  if (!(thrown instanceof RangeError)) return thrown;
  return new SluiceError('statement_too_complex', 'the statement is nested too deeply to be analysed');
}

/** What earlier statements of the same text may have changed, before the later ones run. */
interface Disturbance {
  /** What exists. */
  catalog: boolean;
  /** Where bare names are looked up. */
  path: boolean;
  /** A transaction: one began in this text. */
  begun: boolean;
}

/** The facts with what is dangerous about them. `mayBreakOut` says that a COMMIT here would end what others began. */
function factsOf(tree: Node, binder: Binder, mayBreakOut: boolean, locate: Locate | undefined): Facts {
  const facts = binder.sheet.toFacts();
  const locks = locksOf(tree, binder.scope);
  const endsTransaction = mayBreakOut && (facts.transaction === 'commit' || facts.transaction === 'rollback');
  const hazards = hazardsOf(tree, facts, binder, locks, endsTransaction, locate);
  return {
    ...facts,
    ...(picksOneRow(tree, binder) ? { atMostOneRow: true as const } : {}),
    ...(hazards.length === 0 ? {} : { hazards }),
    ...(locks.length === 0 ? {} : { locks }),
    ...(binder.flows.length === 0 ? {} : { flows: binder.flows }),
    ...(binder.settingParameters.length === 0
      ? {}
      : { settingParameters: [...new Set(binder.settingParameters)] }),
  };
}

const PATH_SETTINGS: ReadonlySet<string> = new Set([
  'search_path',
  'role',
  'session_authorization',
  'all',
  '',
]);

/** These take back a SET, a SET LOCAL or a CREATE, and drop what was made ON COMMIT DROP. */
const ENDS: ReadonlySet<string> = new Set(['commit', 'rollback', 'rollback-to', 'prepare']);

function noteDisturbance({ facts, sessionObject }: PostgresStatement, disturbance: Disturbance): void {
  if (facts.changesCatalog || facts.opaque.length > 0) disturbance.catalog = true;
  if (facts.settings.some(({ name }) => PATH_SETTINGS.has(name))) disturbance.path = true;
  if (ENDS.has(facts.transaction)) disturbance.path = true;
  // What EXECUTE and FETCH run may call set_config().
  if (sessionObject?.verb === 'use') disturbance.path = true;
}

/**
 * All statements of a text are resolved before the first one runs: those that come after something that changes what names
 * mean cannot be. A name that stands for a temporary relation and may come to stand for another is refused to everyone:
 * policies are lenient with temporary ones.
 * @throws {SluiceError} not_understood
 */
function hideDisturbed(b: Binder, { catalog, path }: Disturbance): void {
  if (!catalog && !path) return;
  for (const { id, node, relation } of b.references) {
    const isBare = node.schemaname === undefined;
    const isAmbiguous = isBare && b.scope.isAmbiguous(node.relname ?? '');
    const what = `relation ${id} after a statement that may change what it names`;
    if (isAmbiguous && relation?.temporary && b.scope.catalog.relationsNamed(relation.name).length > 0) {
      throw new SluiceError('not_understood', `the gate cannot be certain of ${what}`, {
        hint: 'Send the statements one by one, or write pg_temp in front of the name.',
      });
    }
    const exposed = catalog ? relation?.system !== true : isAmbiguous;
    if (exposed) b.sheet.hide('relation', what);
  }
}

/** A parameter that stands for something else as well may be of a type that makes another name of what is bound. */
function hideSharedNames(b: Binder, tree: Node): void {
  if (b.settingParameters.length === 0) return;
  const uses = [...JSON.stringify(tree).matchAll(/"ParamRef":\{"number":(\d+)/g)].map(([, number]) =>
    Number(number),
  );
  if (uses.filter((number) => b.settingParameters.includes(number)).length > b.settingParameters.length)
    b.sheet.hide('function', 'current_setting of a parameter that is used otherwise, too');
}

function extentOf(raw: RawStmt, text: string, offsets: Offsets): { start: number; end: number } {
  const from = raw.stmt_location ?? 0;
  const start = offsets.toUtf16(from);
  const end = raw.stmt_len ? offsets.toUtf16(from + raw.stmt_len) : text.length;
  return { start: firstToken(text, start, end), end };
}

/** Undefined if the text shares nothing with others: it has no shape, or only literals that count. */
function fixedLiteralsOf(text: string, statements: readonly PostgresStatement[]): number[] | undefined {
  if (statements.length !== 1 || !isAscii(text)) return undefined;
  const shape = shapeOf(text);
  if (shape === undefined) return undefined;
  const inert = new Set<number>();
  for (const location of statements[0]!.binder.inertConstants) inert.add(pastSigns(text, location));
  const fixed: number[] = [];
  for (let i = 0; i < shape.literals.length; i += 2) if (!inert.has(shape.literals[i]!)) fixed.push(i / 2);
  return fixed.length > 0 && fixed.length === shape.literals.length / 2 ? undefined : fixed;
}

/** A negative constant stands at its sign, its literal behind it. */
function pastSigns(text: string, from: number): number {
  let at = from;
  while (/[-\s]/.test(text[at] ?? '')) at++;
  return at;
}
