/**
 * What is known of one database's columns: labels of the configuration, of the system catalogs, of suspects, and those that are remembered
 * or came with copied values; and the reports about them. Reads nothing of the database itself.
 */
import type { DatabaseConfig } from '../../config/config.ts';
import { createLabelSet } from '../../masking/label-set.ts';
import { parseMask } from '../../masking/mask-text.ts';
import { type ColumnLabel, type LabelSet, type Mask, UNTRUSTED } from '../../model/labels.ts';
import type { InheritedLabel } from '../../session/inherited-labels.ts';
import { BUILTIN_LABELS } from '../../sql/postgres/builtin-labels.ts';
import type { CatalogSnapshot } from '../../sql/postgres/catalog.ts';
import { LabelMemory, type RememberedLabel, unmatchedLabels } from '../../sql/postgres/label-memory.ts';
import { SuspectFinder } from './suspect-columns.ts';

/** Keeps what is remembered, in the store and in other processes. */
export interface LabelKeeper {
  /**
   * Resolves when it is durable, and other processes know.
   * @param copied true if they go with what a statement copies, which is recorded
   * @throws {SluiceError}
   */
  keep(labels: readonly RememberedLabel[], copied: boolean): Promise<void>;
  /** Lets go of labels, by key. Must not reject. */
  letGo(keys: readonly string[]): Promise<void>;
}

export interface LabelReports {
  /** Told of labels of the configuration that name no column: once, and again when others are lost. */
  readonly onLostLabels?: (labels: readonly ColumnLabel[]) => void;
  /** Told of columns without a label whose names say that they are personal: all at first, then those that appear. */
  readonly onSuspects?: (suspects: readonly ColumnLabel[]) => void;
  /** Told when something that is remembered could not be kept: it is in force until the process ends. */
  readonly onLabelsNotKept?: (error: unknown) => void;
  /** Told when a result showed what looks personal in a column without a label: once for each. */
  readonly onFound?: (column: string, label: string) => void;
  /** Absent where statements are only checked. */
  readonly labelKeeper?: LabelKeeper;
}

/** The labelled columns of a catalog. */
export interface FlowedLabels {
  /** Those whose values may have to be masked. */
  readonly hiding: LabelSet;
  /** Those that hold untrusted text. */
  readonly untrusted: LabelSet;
}

export class DatabaseLabels {
  readonly #config: DatabaseConfig;
  readonly #reports: LabelReports;
  readonly #masks: Record<string, Mask>;
  readonly #memory: LabelMemory;
  readonly #suspects: SuspectFinder;
  #lost = '[]';
  #reportedSuspects: ReadonlySet<string> = new Set();
  #current: FlowedLabels | undefined;
  /** Which database it is. */
  system = '';

  constructor(config: DatabaseConfig, reports: LabelReports) {
    this.#config = config;
    this.#reports = reports;
    this.#masks = Object.fromEntries(
      Object.entries(config.masks).map(([label, text]) => [label, parseMask(text)]),
    );
    this.#memory = new LabelMemory(reasonsOf(config));
    this.#suspects = new SuspectFinder(new Set(config.decided));
  }

  /** Those of the catalog that `update` was called with last. */
  get current(): FlowedLabels {
    if (this.#current === undefined) throw new TypeError('labels are read before the catalog is loaded');
    return this.#current;
  }

  /** True if something was learned or forgotten since `update` was called. */
  get outdated(): boolean {
    return this.#memory.unread;
  }

  /** Labels the columns of a snapshot. */
  update(catalog: CatalogSnapshot): void {
    this.#current = this.#flow(catalog);
    this.#reportLost(catalog);
    const { remembered, gone } = this.#memory.takeNews();
    const { labelKeeper, onLabelsNotKept } = this.#reports;
    if (labelKeeper === undefined) return;
    if (remembered.length > 0)
      labelKeeper.keep(this.#stamped(remembered), false).catch((error) => onLabelsNotKept?.(error));
    if (gone.length > 0) void labelKeeper.letGo(gone);
  }

  /** What other processes, or an earlier one, know; true if that was news. */
  learn(labels: readonly RememberedLabel[]): boolean {
    return this.#memory.learn(labels);
  }

  /** What an operator does not want to be labelled any more, and what was because of it. */
  forget(isMeant: (label: RememberedLabel) => boolean): void {
    this.#memory.forget(isMeant);
  }

  /**
   * Notes the labels that come with what a statement is about to store. They are in force from the next `update` on.
   * @returns those that nobody knew: they have to be kept before the statement runs
   */
  inherit(labels: readonly InheritedLabel[], catalog: CatalogSnapshot): readonly RememberedLabel[] {
    return this.#memory.unknown(labels.flatMap((label) => arrivalsOf(label, catalog)));
  }

  /** @throws {SluiceError} if they cannot be kept */
  async keep(labels: readonly RememberedLabel[]): Promise<void> {
    await this.#reports.labelKeeper?.keep(this.#stamped(labels), true);
    this.#memory.learn(labels);
  }

  #stamped(labels: readonly RememberedLabel[]): readonly RememberedLabel[] {
    return labels.map((label) => ({ ...label, system: this.system }));
  }

  #flow(catalog: CatalogSnapshot): FlowedLabels {
    const given = [...BUILTIN_LABELS, ...this.#config.labels];
    const flow = (labels: readonly ColumnLabel[]): FlowedLabels => {
      const columns = this.#memory.flow(labels, catalog);
      return {
        hiding: createLabelSet({
          columns: columns.filter(({ label }) => label !== UNTRUSTED),
          masks: this.#masks,
        }),
        untrusted: createLabelSet({ columns: columns.filter(({ label }) => label === UNTRUSTED) }),
      };
    };
    const labels = flow(given);
    if (this.#config.suspects === 'ignore') return labels;
    const suspects = this.#suspects.find(catalog, labels.hiding);
    this.#reportSuspects(suspects);
    if (this.#config.suspects !== 'mask' || suspects.length === 0) return labels;
    const named = suspects.map((one) => ({ ...one, origin: `suspect:${one.relation}.${one.column}` }));
    return flow([...given, ...named]);
  }

  #reportSuspects(suspects: readonly ColumnLabel[]): void {
    const keyOf = ({ relation, column }: ColumnLabel) => `${relation}.${column}`;
    const news = suspects.filter((one) => !this.#reportedSuspects.has(keyOf(one)));
    this.#reportedSuspects = new Set(suspects.map(keyOf));
    if (news.length > 0) this.#reports.onSuspects?.(news);
  }

  #reportLost(catalog: CatalogSnapshot): void {
    const lost = unmatchedLabels(this.#config.labels, catalog);
    const names = JSON.stringify(lost);
    if (names === this.#lost) return;
    this.#lost = names;
    if (lost.length > 0) this.#reports.onLostLabels?.(lost);
  }
}

/** Whether the reason holds for which something is remembered: the configuration may have changed since. */
function reasonsOf({ labels, decided, suspects }: DatabaseConfig): (label: RememberedLabel) => boolean {
  const keyOf = (label: string, path: readonly string[] = []): string => JSON.stringify([label, ...path]);
  const configured = new Map<string, Set<string>>();
  for (const { relation, column, label, path } of labels) {
    const name = `config:${relation}.${column}`;
    configured.set(name, (configured.get(name) ?? new Set()).add(keyOf(label, path)));
  }
  const isDecided = new Set(decided);
  return ({ origin, relation, column, label, path }) => {
    if (origin.startsWith('copy:')) return !isDecided.has(`${relation}.${column}`);
    if (origin.startsWith('suspect:'))
      return suspects === 'mask' && !isDecided.has(origin.slice('suspect:'.length));
    return configured.get(origin)?.has(keyOf(label, path)) === true;
  };
}

/** Where an inherited label will stand: in columns that are there, or under a name. */
function arrivalsOf(inherited: InheritedLabel, catalog: CatalogSnapshot): RememberedLabel[] {
  const { relation: id, column, isNew, label, path, computed, from } = inherited;
  if (label === undefined) return [];
  const rest = {
    ...{ label, relation: id, because: `${from.relation}.${from.column}` },
    ...(path && { path }),
    ...(computed && { computed }),
  };
  const there = catalog.relationsById(id);
  if (isNew) {
    const [taken] = there;
    const origin = `copy:${id}${column === undefined ? '' : `.${column}`}`;
    const name = { relationOid: 0, attnum: 0, column: column ?? '', origin, ...rest };
    return [taken === undefined ? name : { ...name, notOid: taken.oid }];
  }
  const found = there.flatMap((relation) =>
    relation.columns
      .filter(({ name }) => column === undefined || name === column)
      .map(({ name, attnum }) => ({
        ...{ relationOid: relation.oid, attnum, column: name },
        ...{ origin: `copy:${id}.${name}`, ...rest },
      })),
  );
  if (found.length > 0 || column === undefined) return found;
  // The session has added it, and not committed that yet.
  return [{ relationOid: 0, attnum: 0, column, origin: `copy:${id}.${column}`, ...rest }];
}
