/**
 * Labels that no configuration names, of all databases: those that columns kept when they were renamed, and those that went with copied
 * values. One for all processes that serve: it keeps them in the store, records what is new, and tells whoever listens.
 */
import type { ForgetQuery, LabelDesk, ListedLabel } from '../api/label-routes.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import { labelKey, type RememberedLabel } from '../sql/postgres/label-memory.ts';
import type { LabelStore } from '../store/store.ts';
import type { SharedServices } from './shared-services.ts';

/** A label and since when it is known, in milliseconds since the epoch. */
interface Kept {
  readonly label: RememberedLabel;
  readonly since: number;
}

/** Told that labels are gone: all of these origins, and those with these keys. */
export type OnForgotten = (database: string, origins: readonly string[], keys: readonly string[]) => void;

export class SharedLabels {
  /** Told of what is forgotten, for whatever reason. */
  readonly forgottenListeners = new Set<OnForgotten>();
  readonly #store: LabelStore;
  readonly #ledger: Pick<Ledger, 'append' | 'durable'>;
  readonly #now: () => number;
  readonly #kept = new Map<string, Map<string, Kept>>();

  private constructor(store: LabelStore, ledger: Pick<Ledger, 'append' | 'durable'>, now: () => number) {
    this.#store = store;
    this.#ledger = ledger;
    this.#now = now;
  }

  /** @throws {SluiceError} store_unavailable */
  static async open(
    store: LabelStore,
    ledger: Pick<Ledger, 'append' | 'durable'>,
    now: () => number,
  ): Promise<SharedLabels> {
    const labels = new SharedLabels(store, ledger, now);
    for (const { database, key, label, since } of await store.all())
      labels.#of(database).set(key, { label: JSON.parse(label) as RememberedLabel, since });
    return labels;
  }

  /** By database. */
  all(): readonly (readonly [database: string, labels: readonly RememberedLabel[]])[] {
    return [...this.#kept].map(
      ([name, kept]) => [name, [...kept.values()].map(({ label }) => label)] as const,
    );
  }

  /**
   * Resolves when they are durable, and copies are recorded.
   * @param copied true if they go with what a statement is about to copy
   * @throws {SluiceError} store_unavailable, ledger_*
   */
  async keep(database: string, labels: readonly RememberedLabel[], copied: boolean): Promise<void> {
    const kept = this.#of(database);
    const since = this.#now();
    await this.#store.put(
      labels.map((label) => ({ database, key: labelKey(label), label: JSON.stringify(label), since })),
    );
    for (const label of labels) {
      const key = labelKey(label);
      kept.set(key, { label, since: kept.get(key)?.since ?? since });
    }
    if (copied) await this.#record({ step: 'copied', database, ...namesOf(labels) });
  }

  /** What became of columns that are gone, or are known by something better. Never rejects. */
  async letGo(database: string, keys: readonly string[]): Promise<void> {
    const kept = this.#of(database);
    const known = keys.filter((key) => kept.delete(key));
    if (known.length === 0) return;
    for (const tell of this.forgottenListeners) tell(database, [], known);
    // What stays in the store is read again by the next process, which lets go of it again.
    await this.#store.remove(database, known).catch(() => undefined);
  }

  list(database: string): readonly ListedLabel[] {
    return [...this.#of(database).values()].map(({ label: kept, since }) => {
      const { relation, column, label, path, origin, because } = kept;
      return {
        ...{ relation, column, label, origin, since },
        ...(path && { path }),
        ...(because !== undefined && { because }),
      };
    });
  }

  /**
   * Forgets what came into a column by copies, and what followed from that.
   * @returns the columns that are not labelled so any more
   * @throws {SluiceError} not_found, bad_request for what the configuration says, store_unavailable, ledger_*
   */
  async forget(database: string, { column, label, reason }: ForgetQuery, by?: string): Promise<string[]> {
    const all = [...this.#of(database)];
    const meant = all.filter(
      ([, { label: kept }]) =>
        `${kept.relation}.${kept.column}` === column && (label === undefined || kept.label === label),
    );
    if (meant.length === 0) throw noLabel(column);
    const origins = [...new Set(meant.map(([, kept]) => kept.label.origin))].filter(isCopied);
    if (origins.length === 0) throw givenElsewhere(column, meant[0]![1].label.origin);
    const gone = all.filter(([, kept]) => origins.includes(kept.label.origin));
    const names = namesOf(gone.map(([, kept]) => kept.label));
    const asked = { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
    await this.#record({ step: 'forgotten', database, ...names, ...asked });
    await this.#store.remove(
      database,
      gone.map(([key]) => key),
    );
    for (const [key] of gone) this.#of(database).delete(key);
    for (const tell of this.forgottenListeners) tell(database, origins, []);
    return names.columns;
  }

  #of(database: string): Map<string, Kept> {
    const known = this.#kept.get(database) ?? new Map<string, Kept>();
    this.#kept.set(database, known);
    return known;
  }

  async #record(event: Omit<Extract<LedgerEvent, { kind: 'label' }>, 'kind'>): Promise<void> {
    await this.#ledger.durable(this.#ledger.append({ kind: 'label', ...event }));
  }
}

/** What API and command line ask. */
export function createLabelDesk({ labels, config, policies }: SharedServices): LabelDesk {
  const requireDatabase = (name: string): void => {
    if (!config.databases.has(name))
      throw new SluiceError('not_found', `there is no database ${JSON.stringify(name.slice(0, 63))}`);
  };
  return {
    list: async (database) => {
      requireDatabase(database);
      return labels.list(database);
    },
    forget: async (database, query, by) => {
      requireDatabase(database);
      return labels.forget(database, query, by);
    },
    mayAdminister: (actor, name) => {
      const database = config.databases.get(name);
      return database !== undefined && policies.current().administers(actor, database, { now: new Date() });
    },
  };
}

const isCopied = (origin: string): boolean => origin.startsWith('copy:');

function namesOf(labels: readonly RememberedLabel[]): { columns: string[]; from?: string[] } {
  const columns = labels.map(({ relation, column, label }) => `${relation}.${column || '*'}:${label}`);
  const from = labels.flatMap(({ because }) => because ?? []);
  return {
    columns: [...new Set(columns)].sort(),
    ...(from.length === 0 ? {} : { from: [...new Set(from)].sort() }),
  };
}

function noLabel(column: string): SluiceError {
  return new SluiceError('not_found', `no label is remembered for ${JSON.stringify(column.slice(0, 200))}`, {
    hint: 'sluice labels list shows columns as they are called here: schema.table.column.',
  });
}

function givenElsewhere(column: string, origin: string): SluiceError {
  const source = origin.slice(origin.indexOf(':') + 1);
  return new SluiceError('bad_request', `the label of ${column} was not copied there`, {
    hint: origin.startsWith('suspect:')
      ? `Its name is suspicious: give ${source} a label in the configuration, or none.`
      : `The configuration labels ${source}: change it there.`,
  });
}
