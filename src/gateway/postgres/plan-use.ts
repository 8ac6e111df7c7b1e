/** What using a plan again means: what it names, when it runs, whether it may. Pure. */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Facts, Opaque } from '../../model/facts.ts';
import type { Actor } from '../../model/principal.ts';
import type { Standing } from '../../model/standing.ts';
import type { NamedObject, Plan, PlannedStatement } from '../../session/plan.ts';
import { rulesOf } from '../../session/planner.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import { FIRST_USER_OID } from '../../sql/postgres/catalog-queries.ts';
import { judgeType } from '../../sql/postgres/judgement.ts';
import type { PostgresScope } from '../../sql/postgres/scope.ts';
import type { DatabaseService } from './database-service.ts';
import { literalsReadAt } from './reading-moments.ts';
import type { Portal, Prepared, SessionObjects } from './session-objects.ts';
import type { SessionBackend } from './session-reading.ts';

/** What was found for the names of objects in one text. */
export interface NameUse {
  readonly prepared: Prepared[];
  readonly portals: Portal[];
  /** A name whose meaning depends on an answer that has not come. */
  unanswered: boolean;
}

export function namedObject(
  text: string,
  statement: PlannedStatement | undefined,
  parameters: NamedObject['parameters'],
  readAt?: number,
): NamedObject | undefined {
  const read = readAt === undefined ? {} : { readAt };
  return statement && { text, analyzed: statement.analyzed, facts: statement.facts, parameters, ...read };
}

/** What is known by name in the session. */
export function namedBy(found: Prepared | Portal): NamedObject | undefined {
  if (!('prepared' in found)) {
    const { text, statement, readAt } = found;
    return namedObject(text, statement, [], literalsReadAt(text, readAt));
  }
  const { prepared, statement, parameters, readAt, returned } = found;
  const named = namedObject(prepared.text, statement, parameters, readAt);
  return named && { ...named, returned };
}

/** An EXECUTE looks its name up when it runs; a portal of what PREPARE made has looked already. */
export function runsLate({ plan, prepared }: Portal): boolean {
  return plan.usesObjects && prepared.usedAs === undefined;
}

/** What a session's planner works with. */
export interface SessionPlannerOptions {
  readonly service: DatabaseService;
  readonly actor: Actor;
  /** Where the session stands now; the same object as long as nothing has changed. */
  readonly standing: () => Standing;
  readonly objects: SessionObjects;
  readonly user: string;
  readonly backend: SessionBackend;
}

/**
 * True if a portal's plan still says what it does: its names are settled, but not those in functions that it calls.
 * @param scopeKey of the session now; undefined if that is not certain
 */
export function holdsFor(plan: Plan, generation: string, scopeKey: string | undefined): boolean {
  const isLate = plan.statements.some(({ analyzed }) => analyzed.resolvesLate === true);
  if (isLate) return plan.generation === generation && plan.scopeKey === scopeKey;
  return rulesOf(plan.generation) === rulesOf(generation);
}

/** Kinds of opaque things that run, if at all, when the statement is executed. */
const RUN_WHEN_EXECUTED: ReadonlySet<Opaque['kind']> = new Set(['dynamic-sql', 'setting']);

/** Calls of functions that are not volatile are computed while planning if their arguments are constant. */
export function mayRunWhenPlanned(facts: Facts, catalog: CatalogSnapshot): boolean {
  return facts.opaque.some(({ kind }) =>
    kind === 'function'
      ? facts.functions.some(({ name, transparent }) => !transparent && !isVolatile(name, catalog))
      : !RUN_WHEN_EXECUTED.has(kind),
  );
}

function isVolatile(name: string, catalog: CatalogSnapshot): boolean {
  const meant = catalog.functionsNamed(name.slice(name.lastIndexOf('.') + 1));
  return meant.length > 0 && meant.every((one) => one.volatility === 'v');
}

/** Longer texts are not planned twice. */
const MAX_NAMELESS_CHARACTERS = 256;
const NAMELESS =
  /^[\s;]*(?:--|\/\*|(?:begin|start|commit|end|rollback|abort|savepoint|release|set|prepare)\b)/i;

/** False if it is certain, by how it begins, that a text is not nameless: then it is planned once only. */
export function mayBeNameless(text: string): boolean {
  return text.length <= MAX_NAMELESS_CHARACTERS && !text.includes('\\') && NAMELESS.test(text);
}

/** True if nothing in it means one thing or another by the names a session sees: no operator either, and no type. */
export function isNameless({ statements, unresolved }: Plan): boolean {
  return (
    unresolved.length === 0 &&
    statements.every(
      ({ analyzed, facts }) =>
        (facts.transaction !== 'none' || facts.command === 'SET') &&
        analyzed.sessionObject === undefined &&
        facts.relations.length + facts.objects.length + facts.functions.length + facts.opaque.length === 0,
    )
  );
}

export function requireRunnable(plan: Plan): void {
  if (plan.refusal !== undefined) throw plan.refusal;
}

/** Parameters of a type whose input runs unknown code make their statement doubtful. */
export function doubtOfTypes(scope: PostgresScope, types: readonly number[]): Opaque | undefined {
  const foreign = types.find((oid) => oid >= FIRST_USER_OID && !isPlainType(scope, oid));
  return foreign === undefined ? undefined : { kind: 'type', what: `the type ${foreign} of a parameter` };
}

function isPlainType(scope: PostgresScope, oid: number): boolean {
  const type = scope.catalog.type(oid);
  return type !== undefined && judgeType(scope, [type.schema, type.name]) === 'plain';
}

const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Somebody holds the catalog locked and may be waiting for this very session, so nobody waits for long: who is under no restriction goes on
 * without knowing what has changed. @throws whatever else stood in the way
 */
export function doubtOfLock(thrown: unknown): Opaque {
  if (!(thrown instanceof SluiceError) || thrown.sqlstate !== LOCK_NOT_AVAILABLE) throw thrown;
  return { kind: 'statement', what: 'a statement on a catalog that is locked' };
}

/** The relations that the names in a statement stand for. */
export function meaningOf({ facts }: PlannedStatement): string {
  return JSON.stringify([...new Set(facts.relations.map(({ relation }) => relation))].sort());
}

export function stalePlan(): SluiceError {
  return new SluiceError(
    'plan_stale',
    'policies, labels, tables or what the session has read have changed since this statement was prepared',
  );
}

export function tooNested(): SluiceError {
  return new SluiceError('statement_too_complex', 'prepared statements execute each other too deeply');
}
