/**
 * The policies in force. A reload swaps them whole, between two statements; a set that does not load leaves the old one in force
 * and says so. What was loaded, and what was rejected, is recorded.
 */
import { asSluiceError, type SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ApprovalRule } from '../model/decision.ts';
import { PolicyEngine } from '../policy/engine.ts';
import { loadPolicies, type PolicySource } from '../policy/load.ts';

export class PolicyHolder {
  readonly #read: () => readonly PolicySource[];
  readonly #defaults: ApprovalRule;
  readonly #ledger: Ledger;
  #engine: PolicyEngine;
  #sources: readonly PolicySource[];

  private constructor(
    read: () => readonly PolicySource[],
    defaults: ApprovalRule,
    ledger: Ledger,
    sources: readonly PolicySource[],
  ) {
    this.#read = read;
    this.#defaults = defaults;
    this.#ledger = ledger;
    this.#sources = sources;
    this.#engine = new PolicyEngine(loadPolicies(sources, defaults));
  }

  /**
   * Reads and loads the policies for the first time.
   * @param read gives the texts of all policy files; may throw
   * @param defaults what `@approval` annotations leave out
   * @throws {SluiceError} policy_invalid, config_invalid, ledger_*
   */
  static async open(
    read: () => readonly PolicySource[],
    defaults: ApprovalRule,
    ledger: Ledger,
  ): Promise<PolicyHolder> {
    const sources = read();
    const holder = new PolicyHolder(read, defaults, ledger, sources);
    await holder.#recordLoaded(sources);
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
   * @throws {SluiceError} policy_invalid and the like: then the old ones stay in force, and the ledger says so
   */
  async reload(): Promise<void> {
    let sources: readonly PolicySource[] = [];
    try {
      sources = this.#read();
      const engine = new PolicyEngine(loadPolicies(sources, this.#defaults));
      this.#engine = engine;
      this.#sources = sources;
    } catch (thrown) {
      const error = asSluiceError(thrown);
      await this.#recordRejected(sources, error);
      throw error;
    }
    await this.#recordLoaded(sources);
  }

  async #recordLoaded(sources: readonly PolicySource[]): Promise<void> {
    const files = sources.map((source) => source.file);
    await this.#ledger.durable(
      this.#ledger.append({ kind: 'policy-loaded', version: this.#engine.version, files }),
    );
  }

  async #recordRejected(sources: readonly PolicySource[], error: SluiceError): Promise<void> {
    const files = sources.map((source) => source.file);
    await this.#ledger.durable(this.#ledger.append({ kind: 'policy-rejected', files, error: error.message }));
  }
}
