/**
 * How many sessions there may be: of all together, of one principal, of one database. Counts and nothing else; where several
 * processes serve one port, one of them counts for all, which is why an answer may take its time.
 *
 * The refusals are PostgreSQL's own (SQLSTATE 53300): utils/init/postinit.c, `InitializeSessionUserId`, `CheckMyDatabase`;
 * storage/lmgr/proc.c, `InitProcess`.
 */
import { SluiceError } from '../../errors/sluice-error.ts';

/** Gives a slot back. To be called once; what is called again has no effect. */
export type SlotRelease = () => void;

/** Which bound was reached. */
export type SlotRefusal = 'gateway' | 'principal' | 'database';

export interface ConnectionSlots {
  /**
   * Takes a slot for a session that is about to begin, held until it is released. Must not throw; a promise must not reject.
   * @param principal its id; must be one that has proved who it is, so that names are no way to fill memory
   * @param session its id, which tells who is lost with a process that ends
   */
  acquire(principal: string, database: string, session: string): SlotAnswer | Promise<SlotAnswer>;
}

export type SlotAnswer = SlotRelease | SlotRefusal;

export interface SlotLimits {
  readonly total: number;
  /** Undefined for no bound of its own. */
  readonly ofPrincipal: (principal: string) => number | undefined;
  readonly ofDatabase: (database: string) => number | undefined;
}

/** What the client is told. */
export function slotRefused(refusal: SlotRefusal, principal: string, database: string): SluiceError {
  switch (refusal) {
    case 'gateway':
      return new SluiceError('too_many_connections', 'sorry, too many clients already');
    case 'principal':
      return new SluiceError('too_many_connections', `too many connections for role "${principal}"`);
    case 'database':
      return new SluiceError('too_many_connections', `too many connections for database "${database}"`);
  }
}

/** Counts in this process. */
export class LocalConnectionSlots implements ConnectionSlots {
  readonly #limits: SlotLimits;
  readonly #ofPrincipal = new Map<string, number>();
  readonly #ofDatabase = new Map<string, number>();
  #total = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  acquire(principal: string, database: string): SlotAnswer {
    const { total, ofPrincipal, ofDatabase } = this.#limits;
    if (this.#total >= total) return 'gateway';
    if (isFull(this.#ofDatabase, database, ofDatabase(database))) return 'database';
    if (isFull(this.#ofPrincipal, principal, ofPrincipal(principal))) return 'principal';
    this.#count(principal, database, 1);
    let held = true;
    return () => {
      if (held) this.#count(principal, database, -1);
      held = false;
    };
  }

  #count(principal: string, database: string, change: 1 | -1): void {
    this.#total += change;
    add(this.#ofPrincipal, principal, change);
    add(this.#ofDatabase, database, change);
  }
}

function isFull(counts: ReadonlyMap<string, number>, name: string, limit: number | undefined): boolean {
  return limit !== undefined && (counts.get(name) ?? 0) >= limit;
}

/** Names with nothing open are forgotten. */
function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
