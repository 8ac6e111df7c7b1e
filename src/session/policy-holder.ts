/**
 * The policies in force. A reload swaps them whole, between two statements; a set that does not load leaves the old one in force
 * and says so. What was loaded, and what was rejected, is recorded.
 */
import { asSluiceError, type SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRule } from '../model/decision.ts';
import type { ChangeAuthor } from '../model/ledger-entry.ts';
import { PolicyEngine } from '../policy/engine.ts';
import { loadPolicies, type PolicySet, type PolicySource } from '../policy/load.ts';
import { type PolicyTextOf, policyChanges } from '../policy/policy-changes.ts';

/** Remembers over restarts which policies the ledger was told of last. */
export interface PolicyMemory {
  get(): readonly PolicyTextOf[];
  note(policies: readonly PolicyTextOf[]): void;
}

export interface PolicyHolderOptions {
  /** Gives the texts of all policy files; may throw. */
  readonly read: () => readonly PolicySource[];
  /** What `@approval` annotations leave out. */
  readonly defaults: ApprovalRule;
  readonly ledger: Ledger;
  readonly memory: PolicyMemory;
}

export class PolicyHolder {
  readonly #o: PolicyHolderOptions;
  #set: PolicySet;
  #engine: PolicyEngine;
  #sources: readonly PolicySource[];

  private constructor(options: PolicyHolderOptions, sources: readonly PolicySource[]) {
    this.#o = options;
    this.#sources = sources;
    this.#set = loadPolicies(sources, options.defaults);
    this.#engine = new PolicyEngine(this.#set);
  }

  /**
   * Reads and loads the policies for the first time.
   * @throws {SluiceError} policy_invalid, config_invalid, ledger_*
   */
  static async open(options: PolicyHolderOptions): Promise<PolicyHolder> {
    const sources = options.read();
    const holder = new PolicyHolder(options, sources);
    await holder.#recordLoaded(sources, { door: 'start' });
    return holder;
  }

  /** The engine in force. Ask anew for each statement. */
  readonly current = (): PolicyEngine => this.#engine;

  /** The texts it was made of: for other processes, which must decide by the same. */
  get sources(): readonly PolicySource[] {
    return this.#sources;
  }

  /**
   * Loads the policies again.
   * @param author who asked, for the record
   * @throws {SluiceError} policy_invalid and the like: then the old ones stay in force, and the ledger says so
   */
  async reload(author: ChangeAuthor): Promise<void> {
    let sources: readonly PolicySource[] = [];
    try {
      sources = this.#o.read();
      const set = loadPolicies(sources, this.#o.defaults);
      this.#engine = new PolicyEngine(set);
      this.#set = set;
      this.#sources = sources;
    } catch (thrown) {
      const error = asSluiceError(thrown);
      await this.#recordRejected(sources, error, author);
      throw error;
    }
    await this.#recordLoaded(sources, author);
  }

  async #recordLoaded(sources: readonly PolicySource[], author: ChangeAuthor): Promise<void> {
    const { ledger, memory } = this.#o;
    const { version, policies } = this.#set;
    const texts = policies.map(({ id, file, text }) => ({ id, file, text }));
    const changes = policyChanges(memory.get(), texts);
    const files = sources.map((source) => source.file);
    await ledger.durable(ledger.append({ kind: 'policy-loaded', version, files, ...author, changes }));
    if (changes.length > 0) memory.note(texts);
  }

  async #recordRejected(
    sources: readonly PolicySource[],
    error: SluiceError,
    author: ChangeAuthor,
  ): Promise<void> {
    const { ledger } = this.#o;
    const files = sources.map((source) => source.file);
    await ledger.durable(ledger.append({ kind: 'policy-rejected', files, error: error.message, ...author }));
  }
}
