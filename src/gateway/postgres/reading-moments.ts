/**
 * When literals and values of a session were read. PostgreSQL reads the literals of what is prepared when it is prepared, or, after DDL, anew
 * when it is next used; so what was read at one moment means the same at another only if nothing in between may have changed a setting
 * by which they are read. Moments are counted from what is forwarded: nobody is asked.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Facts } from '../../model/facts.ts';
import type { Plan } from '../../session/plan.ts';
import { BINDING_SETTINGS } from './reading-settings.ts';

/** `all` is RESET ALL, '' a name that only shows at run time. */
const MATTERS = new Set([...BINDING_SETTINGS.map((name) => name.toLowerCase()), 'schema', 'all', '']);
/** Its literals can be read in more than one way: strings, dollar quotes, and NULL, which `= NULL` may compare. */
const READ_IN_SOME_WAY = /'|\$(?!\d)|\bnull\b/i;

export class ReadingMoments {
  /** True if nothing is under way that could be taken back. */
  readonly #outside: () => boolean;
  #moment = 0;
  /** A change may be taken back by the end of the transaction that it was made in. */
  #revocable = false;

  constructor(outside: () => boolean) {
    this.#outside = outside;
  }

  /** Rises with each change: at equal moments, everything is read alike. */
  get now(): number {
    if (this.#revocable && this.#outside()) this.#revocable = false;
    return this.#moment;
  }

  /** A statement is about to be forwarded. */
  note(facts: Facts): void {
    if (changesReading(facts)) {
      this.#revocable = true;
      this.#moment += 1;
    } else if (this.#revocable && ENDS.has(facts.transaction)) this.transactionMayEnd();
  }

  transactionMayEnd(): void {
    if (this.#revocable) this.#moment += 1;
  }
}

const ENDS: ReadonlySet<Facts['transaction']> = new Set(['commit', 'rollback', 'rollback-to', 'prepare']);

/** True if later texts may be read in another way. */
export function changesReading({ settings, opaque, command, actions }: Facts): boolean {
  return (
    opaque.length > 0 ||
    command === 'DISCARD ALL' ||
    actions.includes('Administer') ||
    settings.some(({ name }) => MATTERS.has(name.toLowerCase()))
  );
}

/** When what stands in a prepared statement was read, if that could have been otherwise; the rest of it is read when it is used. */
export function literalsReadAt(text: string, prepared: number | undefined): number | undefined {
  return READ_IN_SOME_WAY.test(text) ? prepared : undefined;
}

/**
 * Why a plan that is held may not be shown as if it were read now, if so.
 * @param readAt when what is bound to it was read; undefined if it is read where it runs
 */
export function readEarlier(
  { statements }: Plan,
  readAt: number | undefined,
  { now }: ReadingMoments,
): SluiceError | undefined {
  const used = statements.flatMap(({ uses }) => uses.flatMap((one) => one.readAt ?? []));
  const isOlder = [...used, readAt ?? now].some((at) => at !== now);
  const changes = used.length > 0 && statements.some(({ analyzed }) => changesReading(analyzed.facts));
  if (!isOlder && !changes) return undefined;
  return new SluiceError(
    'plan_stale',
    'the statement needs approval, and what it was prepared with may have been read under other settings',
  );
}
