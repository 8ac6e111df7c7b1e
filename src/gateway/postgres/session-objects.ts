/**
 * What the client has made in its backend by name: prepared statements, portals, cursors. The gate must know what each
 * name stands for, or a harmless name could be executed for a harmful text.
 *
 * Entries are made when the message is forwarded and taken back if the database refuses or skips it. SQL-level PREPARE,
 * DECLARE, DEALLOCATE and CLOSE share the database's name spaces with the protocol's Parse, Bind and Close, and so do they here.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { SessionObjectUse } from '../../model/dialect.ts';
import type { Facts } from '../../model/facts.ts';
import type { ParameterValue } from '../../model/session.ts';
import type { Plan, PlannedStatement } from '../../session/plan.ts';

/** Beyond any client's honest use; a client that wants more is refused, not served from unbounded memory. */
const MAX_OBJECTS = 20_000;

export interface Prepared {
  readonly plan: Plan;
  /** Facts of what runs when it is executed. */
  readonly facts: readonly Facts[];
  /** For what SQL made (PREPARE, DECLARE), whose plan is not that of the statement: what to plan when it is executed. */
  readonly executedAs?: string;
}

export interface Portal {
  readonly prepared: Prepared;
  readonly parameters: readonly ParameterValue[];
}

/** What to restore if a message was refused or skipped by the database. */
export interface Undo {
  readonly map: 'prepared' | 'portal';
  readonly name: string;
  readonly previous: Prepared | Portal | undefined;
}

export class SessionObjects {
  readonly #prepared = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();
  readonly #cursors = new Map<string, Prepared>();

  prepared(name: string): Prepared | undefined {
    return this.#prepared.get(name);
  }

  portal(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  cursor(name: string): Prepared | undefined {
    return this.#cursors.get(name);
  }

  /**
   * A Parse of a name that exists fails in the database and leaves the old statement in place, so it does here. The unnamed
   * statement is replaced.
   */
  addPrepared(name: string, prepared: Prepared): Undo | undefined {
    const previous = this.#prepared.get(name);
    if (previous !== undefined && name !== '') return undefined;
    this.#bound(this.#prepared, name);
    this.#prepared.set(name, prepared);
    return { map: 'prepared', name, previous };
  }

  addPortal(name: string, portal: Portal): Undo {
    const previous = this.#portals.get(name);
    this.#bound(this.#portals, name);
    this.#portals.set(name, portal);
    return { map: 'portal', name, previous };
  }

  close(map: Undo['map'], name: string): Undo {
    const from: Map<string, Prepared | Portal> = map === 'prepared' ? this.#prepared : this.#portals;
    const previous = from.get(name);
    from.delete(name);
    return { map, name, previous };
  }

  undo({ map, name, previous }: Undo): void {
    const to: Map<string, Prepared | Portal> = map === 'prepared' ? this.#prepared : this.#portals;
    if (previous === undefined) to.delete(name);
    else to.set(name, previous);
  }

  /** Portals end with their transaction. */
  endTransaction(): void {
    if (this.#portals.size > 0) this.#portals.clear();
  }

  /** Takes over what a SQL statement did, once the database has said that it did it. */
  completed(planned: PlannedStatement, plan: Plan): void {
    const use = planned.analyzed.sessionObject;
    if (use !== undefined) this.#apply(use, { plan, facts: [planned.facts], executedAs: executionOf(use) });
    else if (planned.facts.command === 'DISCARD ALL') this.#clear();
  }

  #apply(use: SessionObjectUse, made: Prepared): void {
    const map = use.kind === 'prepared' ? this.#prepared : this.#cursors;
    const name = objectNameOf(use.name);
    if (use.verb === 'create') {
      this.#bound(map, name);
      map.set(name, made);
    } else if (use.verb === 'drop') map.delete(name);
    else if (use.verb === 'drop-all') map.clear();
  }

  #clear(): void {
    this.#prepared.clear();
    this.#portals.clear();
    this.#cursors.clear();
  }

  #bound(map: ReadonlyMap<string, unknown>, name: string): void {
    if (map.size < MAX_OBJECTS || map.has(name)) return;
    throw new SluiceError(
      'statement_too_large',
      `more than ${MAX_OBJECTS} prepared statements, portals or cursors in one session`,
      {
        hint: 'Deallocate those that are no longer used.',
      },
    );
  }
}

function executionOf({ kind, name }: SessionObjectUse): string {
  return `${kind === 'prepared' ? 'EXECUTE' : 'FETCH FROM'} "${name.replaceAll('"', '""')}"`;
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
