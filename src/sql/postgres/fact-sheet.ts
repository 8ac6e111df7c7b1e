/**
 * Collects the facts of one statement. It only ever adds: what was noted once stays noted.
 */
import type {
  Action,
  Facts,
  FunctionUse,
  ObjectUse,
  Opaque,
  RelationId,
  RelationUse,
  SettingUse,
  TransactionControl,
} from '../../model/facts.ts';
import type { RelationInfo } from './relation-info.ts';

/** One relation as one statement uses it in one way. */
interface UseSheet {
  readonly id: RelationId;
  readonly relation: RelationInfo | undefined;
  readonly action: Action;
  readonly reads: Set<string>;
  readonly filters: Set<string>;
  readonly writes: Set<string>;
}

const READING: ReadonlySet<Action> = new Set(['Read', 'Export']);

export class FactSheet {
  command = '';
  bounded = true;
  writes = false;
  changesCatalog = false;
  transaction: TransactionControl = 'none';
  readonly #actions = new Set<Action>();
  readonly #uses = new Map<string, UseSheet>();
  readonly #objects = new Map<string, ObjectUse>();
  readonly #functions = new Map<string, FunctionUse>();
  readonly #settings: SettingUse[] = [];
  readonly #opaque = new Map<string, Opaque>();
  readonly #setsOff = new Set<string>();
  readonly #unresolved = new Set<string>();
  readonly #definitions = new Set<string>();

  act(action: Action): void {
    this.#actions.add(action);
  }

  /** Notes that a relation is used. Returns the sheet to note columns on. */
  use(id: RelationId, relation: RelationInfo | undefined, action: Action): UseSheet {
    this.#actions.add(action);
    const key = `${action} ${id}`;
    let sheet = this.#uses.get(key);
    if (sheet === undefined) {
      sheet = { id, relation, action, reads: new Set(), filters: new Set(), writes: new Set() };
      this.#uses.set(key, sheet);
    }
    return sheet;
  }

  /**
   * Notes columns read through one mention of a relation: on its reads, or on what is done to it if the mention is that of
   * a target.
   */
  noteReads(id: RelationId, isTarget: boolean, reads: Iterable<string>, filters: Iterable<string>): void {
    for (const use of this.#uses.values()) {
      if (use.id !== id || READING.has(use.action) === isTarget || use.action === 'Lock') continue;
      for (const column of reads) use.reads.add(column);
      for (const column of filters) use.filters.add(column);
    }
  }

  /** True if nothing but reading is noted for a relation. */
  isOnlyRead(id: RelationId): boolean {
    for (const use of this.#uses.values()) if (use.id === id && !READING.has(use.action)) return false;
    return true;
  }

  touch(action: Action, type: string, name: string): void {
    this.#actions.add(action);
    this.#objects.set(`${action} ${type} ${name}`, { action, type, name });
  }

  call(name: string, transparent: boolean): void {
    const known = this.#functions.get(name);
    this.#functions.set(name, { name, transparent: transparent && known?.transparent !== false });
  }

  set(setting: SettingUse): void {
    this.#actions.add('Set');
    this.#settings.push(setting);
  }

  /** Notes what could not be seen through. Whatever that is may write. */
  hide(kind: Opaque['kind'], what: string): void {
    this.writes = true;
    this.#opaque.set(`${kind} ${what}`, { kind, what });
  }

  /** Notes code that runs because of the statement, though nothing in it says so. */
  setOff(what: string): void {
    this.#setsOff.add(what);
  }

  /** Notes the definition of an operator or type that a name in it means, or might along another path. */
  restOn(definition: string): void {
    this.#definitions.add(definition);
  }

  get definitions(): Iterable<string> {
    return this.#definitions;
  }

  /** Notes everything that another sheet holds, but for what it is called and how it ends. */
  absorb(other: FactSheet): void {
    for (const action of other.#actions) this.#actions.add(action);
    for (const { id, relation, action, reads, filters, writes } of other.#uses.values()) {
      const use = this.use(id, relation, action);
      for (const column of reads) use.reads.add(column);
      for (const column of filters) use.filters.add(column);
      for (const column of writes) use.writes.add(column);
    }
    for (const { action, type, name } of other.#objects.values()) this.touch(action, type, name);
    for (const { name, transparent } of other.#functions.values()) this.call(name, transparent);
    for (const { kind, what } of other.#opaque.values()) this.hide(kind, what);
    for (const what of other.#setsOff) this.setOff(what);
    for (const definition of other.#definitions) this.restOn(definition);
    for (const setting of other.#settings) this.set(setting);
    this.bounded &&= other.bounded;
    this.writes ||= other.writes;
    this.changesCatalog ||= other.changesCatalog;
  }

  /** Notes a name that did not resolve. */
  miss(name: string): void {
    this.#unresolved.add(name);
  }

  /** For EXPLAIN: nothing of it runs, so every use becomes a read, and no effect stays. */
  demoteToReads(): void {
    const uses = [...this.#uses.values()];
    this.#uses.clear();
    this.#actions.clear();
    this.#objects.clear();
    this.#settings.length = 0;
    this.#setsOff.clear();
    for (const { id, relation } of uses) this.use(id, relation, 'Read');
    this.#actions.add('Read');
    if (this.#opaque.size > 0) this.#actions.add('Execute');
    this.writes = this.#opaque.size > 0;
    this.changesCatalog = false;
    this.bounded = true;
    this.transaction = 'none';
  }

  get unresolved(): readonly string[] {
    return [...this.#unresolved];
  }

  get functionNames(): Iterable<string> {
    return this.#functions.keys();
  }

  /** Every relation noted that the catalog knows. */
  get relations(): RelationInfo[] {
    const known = new Set<RelationInfo>();
    for (const { relation } of this.#uses.values()) if (relation) known.add(relation);
    return [...known];
  }

  toFacts(): Facts {
    return {
      command: this.command,
      actions: [...this.#actions],
      relations: [...this.#uses.values()].map(useOf),
      objects: [...this.#objects.values()],
      functions: [...this.#functions.values()],
      settings: this.#settings,
      bounded: this.bounded,
      writes: this.writes,
      changesCatalog: this.changesCatalog,
      transaction: this.transaction,
      opaque: [...this.#opaque.values()],
      ...(this.#setsOff.size === 0 ? {} : { setsOff: [...this.#setsOff] }),
    };
  }
}

function useOf({ id, relation, action, reads, filters, writes }: UseSheet): RelationUse {
  return {
    relation: id,
    known: relation !== undefined,
    system: relation?.system ?? false,
    temporary: relation?.temporary ?? false,
    action,
    reads: sorted(reads),
    filters: sorted(filters),
    writes: sorted(writes),
  };
}

const NONE: readonly string[] = [];

function sorted(names: ReadonlySet<string>): readonly string[] {
  return names.size === 0 ? NONE : [...names].sort();
}
