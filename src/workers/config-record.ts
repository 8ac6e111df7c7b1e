/** Records which configuration is in force: at the start what changed since the last one, and at each reload what came into force. */
import type { Config } from '../config/config.ts';
import {
  type ConfigChange,
  configChanges,
  configVersion,
  type FlatConfig,
  flattenConfig,
  type ShownConfig,
  showConfig,
} from '../config/config-changes.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChangeAuthor } from '../model/ledger-entry.ts';
import type { RecordedState } from './recorded-state.ts';

/** What a reload renews; everything else waits for the next start. */
const RENEWED = ['listen.postgres.tls.'];

export class ConfigRecord {
  readonly #ledger: Ledger;
  readonly #state: RecordedState;
  /** What is in force. */
  #flat: FlatConfig;
  #pending: readonly string[] = [];

  private constructor(ledger: Ledger, state: RecordedState, flat: FlatConfig) {
    this.#ledger = ledger;
    this.#state = state;
    this.#flat = flat;
  }

  /** Records the configuration that a gateway starts with. @throws {SluiceError} ledger_* */
  static async open(ledger: Ledger, state: RecordedState, config: Config): Promise<ConfigRecord> {
    const record = new ConfigRecord(ledger, state, flattenConfig(config));
    await record.#append(configChanges(state.get().config ?? {}, record.#flat), { door: 'start' });
    return record;
  }

  /** Records what another reading of the file brought, if anything. @throws {SluiceError} ledger_* */
  async reloaded(config: Config, author: ChangeAuthor): Promise<void> {
    const read = flattenConfig(config);
    const differing = configChanges(this.#flat, read);
    const changes = differing.filter(({ path }) => isRenewed(path));
    const pending = differing.filter(({ path }) => !isRenewed(path)).map(({ path }) => path);
    if (changes.length === 0 && pending.join() === this.#pending.join()) return;
    const kept = [...this.#flat].filter(([path]) => !isRenewed(path));
    this.#flat = new Map([...kept, ...[...read].filter(([path]) => isRenewed(path))]);
    this.#pending = pending;
    await this.#append(changes, author, pending);
  }

  async #append(
    changes: readonly ConfigChange[],
    author: ChangeAuthor,
    pending: readonly string[] = [],
  ): Promise<void> {
    const before = this.#state.get().config;
    const config: ShownConfig = showConfig(this.#flat);
    const seq = this.#ledger.append({
      kind: 'config-loaded',
      version: configVersion(config),
      ...(before === undefined ? {} : { previous: configVersion(before) }),
      ...author,
      changes,
      ...(pending.length === 0 ? {} : { pending }),
    });
    await this.#ledger.durable(seq);
    if (changes.length > 0) this.#state.note({ config });
  }
}

function isRenewed(path: string): boolean {
  return RENEWED.some((prefix) => path.startsWith(prefix));
}
