/**
 * What the client has made in its backend by name: prepared statements, portals, cursors. The gate must know what each
 * name stands for, or a harmless name could be executed for a harmful text.
 *
 * SQL-level PREPARE, DECLARE, DEALLOCATE and CLOSE share the database's two name spaces (prepared statements; portals, which
 * cursors are) with the protocol's Parse, Bind and Close, and so do they here. The gate may remember a name that the database has
 * forgotten; it never takes one name's meaning for another's.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { RowLimit } from '../../model/decision.ts';
import type { SessionObjectUse } from '../../model/dialect.ts';
import type { Opaque } from '../../model/facts.ts';
import type { ParameterValue } from '../../model/session.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';
import { forwardedPart } from '../../session/plan-text.ts';
import type { RowCounter } from '../../session/row-limit.ts';
import type { Bind } from '../../wire/postgres/index.ts';
import { type Change, NameSpace, type UNANSWERED } from './name-space.ts';
import type { BoundValues } from './own-questions.ts';
import { literalsReadAt, ReadingMoments } from './reading-moments.ts';

/** Beyond any client's honest use; a client that wants more is refused, not served from unbounded memory. */
const MAX_OBJECTS = 20_000;
/** Characters of texts and parameters that all objects of a session may hold. */
const MAX_HELD_CHARACTERS = 32 * 1_048_576;

/** Of the parameters of one portal. */
const MAX_KEPT_VALUE_BYTES = 65_536;

/** The prepared statement that DEALLOCATE ALL leaves. */
const UNNAMED = '';

/** A prepared statement, or the statement of a cursor. */
export interface Prepared {
  /** The statement alone, as the client wrote it and as it was forwarded. */
  readonly text: string;
  readonly forwardText: string;
  /** For what SQL made (PREPARE, DECLARE): the statement that uses it, which is planned when the protocol does. */
  readonly usedAs?: string;
  /** Why it may do something else than its text says, if so. */
  readonly doubt?: Opaque | undefined;
  /** Type oids of its parameters, as far as the client has said. */
  readonly parameterTypes?: readonly number[];
  /** The moment at which it was prepared. */
  readAt?: number;
  /** What its names meant before, by that: the database may still run it so. */
  earlier?: Map<string, PlannedStatement>;
  /** How it was understood last; renewed when policies, labels, the catalog or the session's names have changed. */
  plan: Plan;
  /** The one statement in it; undefined for an empty text. */
  statement: PlannedStatement | undefined;
}

/** A portal or cursor. What its names mean was settled when it was made. */
export interface Portal {
  readonly prepared: Prepared;
  readonly parameters: readonly ParameterValue[];
  /** Made by DECLARE: it may outlive its transaction. */
  readonly isCursor: boolean;
  /** By which it may run. */
  plan: Plan;
  statement: PlannedStatement | undefined;
  /** The approval under which it was released: it covers all rows of the portal, in however many Executes. */
  approval?: string;
  /** The limit of rows that came with it. */
  cap?: RowLimit;
  /** What it was bound to, where the database may be asked about it once more; absent if that is too large to keep. */
  readonly values?: BoundValues;
  /** What it has returned so far, in however many portions. */
  readonly returned: RowCounter;
  /** The moment at which its literals and values were read. */
  readAt?: number | undefined;
  /** True once it has run: the values it looks up were counted then. */
  counted?: boolean;
}

/** The meaning of a name for the message at hand. */
export type Meaning<T> = T | undefined | typeof UNANSWERED;

export class SessionObjects {
  readonly #prepared = new NameSpace<Prepared>(({ text, forwardText }) => text.length + forwardText.length);
  readonly #portals = new NameSpace<Portal>(
    ({ parameters, values }) => charactersOf(parameters) + bytesOf(values),
  );
  readonly moments: ReadingMoments;
  /** How many Syncs were forwarded. */
  #segment = 0;
  /** The moment before the first of the texts that are not answered and may make objects. */
  #madeAt = 0;

  /** @param outside true while nothing of the session's is under way that could be taken back */
  constructor(outside: () => boolean) {
    this.moments = new ReadingMoments(outside);
  }

  prepared(name: string): Meaning<Prepared> {
    return this.#prepared.get(name, this.#segment);
  }

  portal(name: string): Meaning<Portal> {
    return this.#portals.get(name, this.#segment);
  }

  /** Asked before a Parse or Bind is forwarded. @throws {SluiceError} statement_too_large if the session holds too much */
  requireRoom(): void {
    if (this.#hasRoom(this.#prepared) && this.#hasRoom(this.#portals)) return;
    throw new SluiceError(
      'statement_too_large',
      'the session holds too many or too large prepared statements and portals',
      { hint: 'Deallocate those that are no longer used.' },
    );
  }

  /** A text is about to be forwarded that may make objects, and nothing before it that may is unanswered. */
  making(): void {
    this.#madeAt = this.moments.now;
  }

  /** A Parse is forwarded. */
  parse(name: string, prepared: Prepared): Change<Prepared> {
    prepared.readAt = this.moments.now;
    return this.#prepared.change(name, prepared, this.#segment);
  }

  /** A Bind is forwarded. */
  bind(name: string, portal: Portal): Change<Portal> {
    const { text, readAt } = portal.prepared;
    portal.readAt = literalsReadAt(text, readAt) ?? this.moments.now;
    return this.#portals.change(name, portal, this.#segment);
  }

  /** A Close is forwarded. */
  close(target: 'S' | 'P', name: string): Change<Prepared> | Change<Portal> {
    const names = target === 'S' ? this.#prepared : this.#portals;
    return names.change(name, undefined, this.#segment);
  }

  /** A Sync is forwarded: what follows runs whether or not what stands before it failed. */
  sync(): void {
    this.#segment += 1;
  }

  /** Portals end with their transaction. */
  endTransaction(): void {
    if (this.#portals.size > 0) this.#portals.forget((portal) => !portal.isCursor);
  }

  /** Takes over what a SQL statement did, once the database has said that it did it. */
  completed(statement: PlannedStatement, plan: Plan): void {
    const use = statement.analyzed.sessionObject;
    if (use !== undefined) this.#apply(use, statement, plan);
    if (statement.facts.command === 'DISCARD ALL') this.#portals.forget(() => true);
  }

  #apply(use: SessionObjectUse, statement: PlannedStatement, plan: Plan): void {
    const name = objectNameOf(use.name);
    const names = use.kind === 'prepared' ? this.#prepared : this.#portals;
    if (use.verb === 'drop') names.set(name, undefined);
    else if (use.verb === 'drop-all') names.forget((_, one) => use.kind === 'cursor' || one !== UNNAMED);
    else if (use.verb === 'create') {
      const readAt = this.#madeAt;
      const made = this.#hasRoom(names) ? madeBySql(use, statement, plan) : undefined;
      const prepared = made && { ...made, readAt };
      // What there is no room for is not known, and not used by anyone under restriction.
      if (use.kind === 'prepared') this.#prepared.set(name, prepared);
      else
        this.#portals.set(
          name,
          prepared && {
            prepared,
            parameters: [],
            isCursor: true,
            plan,
            statement,
            returned: { rows: 0 },
            readAt,
          },
        );
    }
  }

  #hasRoom(names: { readonly size: number }): boolean {
    const held = this.#prepared.weight + this.#portals.weight;
    return names.size < MAX_OBJECTS && held < MAX_HELD_CHARACTERS;
  }
}

/** The part of a text that makes an object, and how it was forwarded. */
function madeBySql(use: SessionObjectUse, statement: PlannedStatement, plan: Plan): Prepared {
  const { start, end } = statement.analyzed;
  const text = plan.text.slice(start, end);
  const name = use.name.replaceAll('"', '""');
  const usedAs = `${use.kind === 'prepared' ? 'EXECUTE' : 'FETCH FROM'} "${name}"`;
  return { text, forwardText: forwardedPart(plan, statement.analyzed), usedAs, plan, statement };
}

function bytesOf(values: BoundValues | undefined): number {
  return (values?.parameters ?? []).reduce((sum, value) => sum + (value?.length ?? 0), 0);
}

function charactersOf(parameters: readonly ParameterValue[]): number {
  let sum = 0;
  for (const value of parameters) sum += 8 + (value?.length ?? 0);
  return sum;
}

/**
 * A name of the protocol (a byte string) as the database keeps it: its first 63 bytes (NAMEDATALEN), so names that differ
 * only behind them are one.
 */
export function objectName(name: string): string {
  return name.length > 63 ? name.slice(0, 63) : name;
}

/** A name in SQL as the protocol would spell it. */
export function objectNameOf(identifier: string): string {
  return objectName(Buffer.from(identifier, 'utf8').toString('latin1'));
}

/** What a Parse of this plan makes. */
export function preparedBy(
  plan: Plan,
  doubt: Opaque | undefined,
  parameterTypes: readonly number[],
): Prepared {
  const { text, forwardText, statements } = plan;
  return { text, forwardText, plan, statement: statements[0], doubt, parameterTypes };
}

/** What a Bind of it makes. */
export function portalOf(
  prepared: Prepared,
  parameters: Portal['parameters'],
  plan: Plan,
  approval: string | undefined,
  bound: Bind,
): Portal {
  const statement = plan.statements[0];
  const matter = plan.wantsEstimates || plan.namesSettings || plan.outcome === 'hold';
  const values = matter ? keptValues(prepared, bound) : undefined;
  return {
    ...{ prepared, parameters, isCursor: false, plan, statement, returned: { rows: 0 } },
    ...(approval === undefined ? {} : { approval }),
    ...(plan.cap === undefined ? {} : { cap: plan.cap }),
    ...(values === undefined ? {} : { values }),
  };
}

/** Only what the protocol has prepared can be asked about with the protocol's parameters. */
function keptValues({ usedAs, parameterTypes = [] }: Prepared, bound: Bind): BoundValues | undefined {
  const bytes = bound.parameters.reduce((sum, value) => sum + (value?.length ?? 0), 0);
  if (usedAs !== undefined || bytes > MAX_KEPT_VALUE_BYTES) return undefined;
  // The message lies in a buffer with others.
  const parameters = bound.parameters.map((value) => value && Buffer.from(value));
  return { parameterTypes, parameterFormats: bound.parameterFormats, parameters };
}
